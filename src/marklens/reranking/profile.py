"""What was fitted for a network, and lies beside it: calibration and weights of the channels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from loguru import logger

from marklens.core.artifacts import read_json, write_json
from marklens.core.errors import ArtifactError
from marklens.reranking.scoring import Calibration, Knots, Weights

ENDING = ".scoring.json"
"""A network's profile lies beside it, with this ending (benchmarks/fit_scoring.py)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a network's channels are best put together.

    Attributes:
        model: hash of the network.
        reduction: dims of the network's reduction that the global curve was measured under; 0 if of none.
        weights: fitted on brands drawn by several hands.
        calibration: of the spatial channel, and of the global one under the network's reduction.
        gain: what the weights were worth where they were fitted, for people.
    """

    model: str
    reduction: int
    weights: Weights
    calibration: Calibration
    gain: str

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        write_json(path, asdict(self))


def find_profile(weights: Path, model_hash: str) -> Profile | None:
    """The profile that lies beside a network; None where there is none, or it is another network's.

    Raises:
        ArtifactError: it is damaged.
    """
    path = weights.with_name(weights.stem + ENDING)
    if not path.is_file():
        return None
    document = read_json(path)
    try:
        curves = {name: knots(points) for name, points in document["calibration"].items()}
        profile = Profile(
            document["model"],
            document["reduction"] if isinstance(document["reduction"], int) else 0,  # of before: a PCA's
            Weights(**document["weights"]),
            Calibration(**curves),
            document["gain"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} is damaged ({error!r}): install Marklens again") from error
    if profile.model != model_hash:
        logger.warning(
            "{} was fitted for another network than {}: scores are as they come", path, weights.name
        )
        return None
    return profile


def knots(points: Sequence[Sequence[float]]) -> Knots:
    """Points of a curve as a calibration holds them."""
    return tuple((float(raw), float(calibrated)) for raw, calibrated in points)


def with_ends(points: Sequence[Sequence[float]]) -> Knots:
    """A curve from 0 to 1: nothing alike is 0, the same is 1; no curve stays none."""
    return ((0.0, 0.0), *knots(points), (1.0, 1.0)) if points else ()


def calibrated_for(
    profile: Profile | None, rarity: Sequence[Sequence[float]], reduction: int | None
) -> Calibration:
    """The calibration for an index.

    Args:
        profile: of its network, or None.
        rarity: how alike its unrelated views are; nothing if it is too small to tell.
        reduction: its dims if its reduction is the network's, else None.
    """
    known = Calibration() if profile is None else profile.calibration
    if rarity:
        return replace(known, global_=with_ends(rarity))
    return known if profile is not None and profile.reduction == reduction else replace(known, global_=())
