from collections import Counter

import pytest
from benchmarks.concepts import brands_in, choose_drawings, concept_of, family_of

PACKS = ("mdi", "tabler", "ph", "ion", "uil", "ri")


def test_styles_and_sizes_are_no_part_of_a_concept() -> None:
    assert {concept_of(name) for name in ("home", "home-outline", "home-bold-duotone", "home-24-filled")} == {
        "home"
    }
    assert concept_of("arrow-left") != concept_of("arrow-right")
    assert concept_of("123") == "123"


def test_a_concept_needs_several_hands() -> None:
    drawings = [("mdi", "home"), ("tabler", "home"), ("ph", "home-bold"), ("la", "mug"), ("fa", "mug")]
    assert list(choose_drawings(drawings)) == ["home"]


@pytest.mark.parametrize(
    "packs",
    [
        ("material-symbols", "material-symbols-light", "mdi"),
        ("streamline-flex", "streamline-plump", "streamline"),
        ("fa-solid", "fa6-solid", "la"),
        ("noto", "noto-v1", "emojione"),
        ("bx", "bxs", "boxicons"),
    ],
)
def test_packs_by_one_hand_count_once(packs: tuple[str, ...]) -> None:
    assert len({family_of(pack) for pack in packs}) < 3
    assert not choose_drawings([(pack, "mug") for pack in packs])


def test_no_hand_and_no_style_takes_all_the_room() -> None:
    drawings = [(pack, f"house{style}") for pack in PACKS for style in ("", "-fill", "-bold", "-thin")]
    chosen = choose_drawings(drawings, hands=4, styles=2)["house"]
    assert len(chosen) == len(set(chosen)) == 8
    assert set(Counter(family_of(pack) for pack, _ in chosen).values()) == {2}


def test_people_of_every_skin_tone_are_one_drawing() -> None:
    tones = [f"man-{tone}-skin-tone" for tone in ("light", "medium", "dark")]
    drawings = [(pack, name) for pack in ("noto", "twemoji", "openmoji") for name in ("man", *tones)]
    chosen = choose_drawings(drawings)
    assert list(chosen) == ["man"] and len(chosen["man"]) == 3


def test_the_choice_is_the_seed_s() -> None:
    drawings = [(f"pack{chr(97 + n % 10)}", f"sun{style}-{n}") for n in range(30) for style in ("", "-fill")]
    assert choose_drawings(drawings, seed=1) == choose_drawings(drawings[::-1], seed=1)
    assert choose_drawings(drawings, seed=1) != choose_drawings(drawings, seed=2)


@pytest.mark.parametrize(
    "name", ["facebook", "facebook-01", "facebook-flat", "brand-facebook", "my-facebook"]
)
def test_a_held_out_brand_is_not_learned_from_under_any_name(name: str) -> None:
    assert "facebook" in brands_in(concept_of(name))
    drawings = [(pack, shown) for pack in PACKS for shown in (name, "mug")]
    assert list(choose_drawings(drawings, {"facebook"})) == ["mug"]
    assert len(choose_drawings(drawings, {"github"})) == 2


def test_everyday_words_are_no_brands_and_logo_packs_no_concepts() -> None:
    assert brands_in("home") == {"home"} and "home" not in brands_in("home alone")
    assert not choose_drawings([(pack, "acme") for pack in ("simple-icons", "logos", "devicon", "cib")])
