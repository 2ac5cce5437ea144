"""The synthetic L3D has the faults it promises, and the reader finds exactly those."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from marklens.core.images import read_picture
from marklens.datasets.opening import open_dataset
from marklens.datasets.synthetic import write_synthetic_l3d


def test_the_reader_finds_every_good_mark_and_every_fault(tmp_path: Path) -> None:
    made = write_synthetic_l3d(tmp_path, 400, seed=1)
    kinds: Counter[str] = Counter()
    marks = list(open_dataset(tmp_path).marks(lambda fault: kinds.update([fault.kind])))
    assert sorted(mark.file for mark in marks) == list(made.files)
    assert kinds == made.faults == {"missing-file": 2, "not-a-picture": 1}
    assert sum(mark.text is None for mark in marks) == made.oddities["null-text"]
    assert all(mark.vienna_codes and mark.year in range(1996, 2021) for mark in marks)


def test_the_shares_are_those_of_l3d(tmp_path: Path) -> None:
    made = write_synthetic_l3d(tmp_path, 1500, seed=2)
    # 4 standard deviations of a binomial of 1500: 0.257 ± 0.045, 0.099 ± 0.031, 0.38 ± 0.05
    assert abs(made.oddities["bare-codes"] / 1500 - 0.257) < 0.045
    assert abs(made.oddities["null-text"] / 1500 - 0.099) < 0.031
    assert abs(made.oddities["grayscale"] / 1500 - 0.38) < 0.05
    marks = list(open_dataset(tmp_path).marks(lambda fault: None))
    codes = [mark.vienna_codes for mark in marks]
    assert abs(float(np.mean(list(map(len, codes)))) - 3.19) < 0.25
    common = sum(any(code.startswith("27.05.") for code in own) for own in codes) / 1500
    assert abs(common - 0.287) < 0.05
    most, *_, least = Counter(code for own in codes for code in own).most_common()
    assert most[1] > 50 * least[1]


def test_pictures_are_jpegs_of_256_pixels_some_of_them_grey(tmp_path: Path) -> None:
    made = write_synthetic_l3d(tmp_path, 40, seed=3)
    modes: Counter[tuple[str, tuple[int, int], str | None]] = Counter()
    for file in made.files:
        with Image.open(tmp_path / "images" / file) as image:
            modes[image.mode, image.size, image.format] += 1
        assert np.ptp(read_picture(tmp_path / "images" / file)) > 100
    assert set(modes) == {("RGB", (256, 256), "JPEG"), ("L", (256, 256), "JPEG")}
    assert modes["L", (256, 256), "JPEG"] == made.oddities["grayscale"]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_synthetic_l3d(tmp_path / name, 12, seed)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")})
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
