"""The one place where channels become a score."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from marklens.core.types import Scores, Vectors

Values = npt.NDArray[np.float32]
"""Shape (n,)."""
ProfileName = Literal["plan", "fitted"]
Knots = tuple[tuple[float, float], ...]
"""Points (raw, calibrated) of a rising map, straight lines between them, level beyond its ends."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each channel counts; the defaults are the plan's."""

    global_: float = 0.50
    spatial: float = 0.35
    text: float = 0.10
    color: float = 0.05

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in fields(self)]
        if not all(0 <= value < float("inf") for value in values) or sum(values) <= 0:
            raise ValueError(f"weights must not be negative, and one must be positive: {self}")

    @property
    def only_text(self) -> bool:
        """Whether names alone count."""
        return all(getattr(self, field.name) == 0 for field in fields(self) if field.name != "text")

    def count(self, scores: Scores) -> bool:
        """Whether any channel that applies has weight; else a total would say nothing."""
        return any(
            getattr(self, field.name) > 0 and getattr(scores, field.name) is not None
            for field in fields(self)
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising map for each channel; none leaves it as it is."""

    global_: Knots = ()
    spatial: Knots = ()
    text: Knots = ()
    color: Knots = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            knots = np.array(getattr(self, field.name), np.float64).reshape(-1, 2)
            rises = (np.diff(knots[:, 0]) > 0).all() and (np.diff(knots[:, 1]) >= 0).all()
            if not rises or not ((knots >= 0) & (knots <= 1)).all():
                raise ValueError(f"the knots of {field.name} must rise within 0..1: {knots.tolist()}")


@dataclass(frozen=True, slots=True)
class Channels:
    """What each channel says of some candidates.

    Attributes:
        global_, spatial, text, color: float32 (n,), 0..1, NaN where the channel does not apply; None where it
            applies to none of them.
    """

    global_: Values
    spatial: Values | None = None
    text: Values | None = None
    color: Values | None = None

    def calibrated(self, calibration: Calibration) -> Self:
        """The same after each channel's map."""
        return type(self)(
            **{name: _mapped(values, getattr(calibration, name)) for name, values in self.present().items()}
        )

    def combined(self, weights: Weights) -> Values:
        """The weighted means of the channels that apply, float32 (n,), 0..1; 0 where none has weight."""
        total = np.zeros(len(self.global_), np.float64)
        weight = np.zeros_like(total)
        for name, values in self.present().items():
            applies = ~np.isnan(values)
            total[applies] += getattr(weights, name) * values[applies]
            weight[applies] += getattr(weights, name)
        return np.asarray(np.clip(total / np.where(weight > 0, weight, 1), 0, 1), np.float32)

    def scores(self) -> list[Scores]:
        """Those of every candidate."""
        columns = [_optional(getattr(self, field.name), len(self.global_)) for field in fields(self)]
        return [Scores(*row) for row in zip(*columns, strict=True)]

    def present(self) -> Mapping[str, Values]:
        """The channels that apply to any candidate, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in named.items() if values is not None}


def _optional(values: Values | None, count: int) -> list[float | None]:
    """Numbers, or None where there is none."""
    if values is None:
        return [None] * count
    return [None if value != value else value for value in values.tolist()]


def _mapped(values: Vectors, knots: Knots) -> Values:
    if not knots:
        return values
    raw, calibrated = np.array(knots).T
    return np.asarray(np.interp(values, raw, calibrated), np.float32)
