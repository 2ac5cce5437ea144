"""A portfolio and a delivery of new filings, some of which come near to it."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tests.small_index import draw_mark

PLANTED = {"copy4": "M4", "negative7": "M7", "tinted11": "M11"}
"""Filing to the mark that it imitates."""


def write_manifest(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """The manifest of a folder, one row a line."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def draw_portfolio(folder: Path) -> Path:
    """Thirty registered marks with owners, classes and links."""
    rows = []
    for seed in range(30):
        save(folder / f"m{seed}.png", draw_mark(seed))
        known = {
            "owner": "ACME",
            "nice_classes": [9, 25],
            "status": "Registered",
            "filing_date": "2001-02-03",
            "vienna_codes": ["26.04.01" if seed % 7 == 0 else "05.03.01"],
            "link": f"https://office.example/{seed}",
        }
        rows.append({"file": f"m{seed}.png", "id": f"M{seed}", **known})
    return write_manifest(folder, rows)


def draw_filings(folder: Path, strangers: int = 4) -> Path:
    """New filings: three imitations, strangers, and a picture that is none."""
    save(folder / "copy4.png", draw_mark(4)[10:, 5:220])
    save(folder / "negative7.png", 255 - draw_mark(7))
    save(folder / "tinted11.png", draw_mark(11)[..., ::-1])
    for number in range(strangers):
        save(folder / f"new{number}.png", draw_mark(500 + number))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def told(*tables: Path) -> Counter[tuple[str, str]]:
    """Filing and mark of every conflict in these tables, and how often each is told."""
    rows = [row for table in tables for row in csv.DictReader(table.read_text().splitlines())]
    return Counter((row["filing number"], row["mark number"]) for row in rows)
