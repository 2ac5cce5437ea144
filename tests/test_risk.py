"""What the register says beside likeness, read from attributes as offices word them."""

import pytest

from marklens.risk import judge, nice_classes

LIVE = {"status": "Registered", "nice_classes": "9,25", "owner": "ACME GmbH"}


@pytest.mark.parametrize(
    ("filing", "mark", "level", "said"),
    [
        ({"nice_classes": "25"}, LIVE, "high", ["earlier mark stands: Registered", "same Nice class 25"]),
        ({"Nice Classes": "009; 025"}, {"classes": "25 9"}, "high",
         ["status of the earlier mark not known", "same Nice classes 9, 25"]),
        ({"nice": "41"}, LIVE, "medium",
         ["earlier mark stands: Registered", "no Nice class in common (41 against 9, 25)"]),
        ({}, LIVE, "unknown",
         ["earlier mark stands: Registered", "Nice classes of the new filing not known"]),
        ({"nice_classes": "25"}, LIVE | {"status": "Registration expired"}, "low",
         ["earlier mark has ended: Registration expired", "same Nice class 25"]),
        ({"nice_classes": "25", "status": "Withdrawn"}, LIVE, "low",
         ["new filing has ended: Withdrawn", "earlier mark stands: Registered", "same Nice class 25"]),
        ({"nice_classes": "25", "applicant": "Acme gmbh."}, LIVE, "low",
         ["same owner: ACME GmbH", "earlier mark stands: Registered", "same Nice class 25"]),
        ({"nice_classes": "25"}, LIVE | {"status": "Application published"}, "high",
         ["earlier mark is not registered yet: Application published", "same Nice class 25"]),
        ({"nice_classes": "25"}, LIVE | {"status": "702"}, "high",
         ["earlier mark has the status: 702", "same Nice class 25"]),
        ({}, {}, "unknown", ["status of the earlier mark not known",
                             "Nice classes of the new filing and earlier mark not known"]),
    ],
)  # fmt: skip
def test_levels_and_their_reasons(
    filing: dict[str, str], mark: dict[str, str], level: str, said: list[str]
) -> None:
    risk = judge(filing, mark)
    assert (risk.level, list(risk.reasons)) == (level, said)


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        ("25", {25}),
        ("009,042", {9, 42}),
        ("0, 46, 99, 1200", set()),
        ("25.01", set()),
        ("35 and 41", {35, 41}),
    ],
)
def test_classes_are_numbers_from_1_to_45(written: str, classes: set[int]) -> None:
    assert nice_classes({"nice_classes": written}) == classes
