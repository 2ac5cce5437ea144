"""How numbers grow with the number of vectors: exponents, and a picture with both axes logarithmic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PANELS = 3
"""Beside each other."""


def of_kind(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of a kind that have the form of its largest: few vectors may have been kept in another."""
    own = [row for row in rows if row["kind"] == kind]
    form = max(own, key=lambda row: row["vectors"])["form"]
    return [row for row in own if row["form"] == form]


def exponent(counts: Sequence[float], values: Sequence[float]) -> float:
    """The slope of log(value) over log(count), by least squares; NaN where it cannot be told."""
    if len(counts) < 2 or min(values) <= 0:
        return float("nan")
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def plot_growth(path: Path, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Draw one panel a number, one line a kind, its exponent in the legend."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    lines = -(-len(names) // PANELS)
    figure = Figure(figsize=(4 * PANELS, 3.2 * lines), layout="constrained")
    axes = figure.subplots(lines, PANELS, squeeze=False).ravel()
    for unused in axes[len(names) :]:
        unused.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        for kind in dict.fromkeys(row["kind"] for row in rows):
            own = of_kind(kind, rows)
            counts, values = [row["vectors"] for row in own], [row[name] for row in own]
            axis.plot(counts, values, "o-", label=f"{kind}: n^{exponent(counts, values):.2f}")
        axis.set(title=name, xlabel="vectors", xscale="log", yscale="log")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.legend()
    figure.savefig(path)
