"""How filings are looked at: everything that decides what is found."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marklens.engine import Engine
from marklens.text import text_index
from marklens.watching.conflicts import Criteria


def recipe_of(
    engine: Engine, scoring: Mapping[str, Any], search: Mapping[str, Any], criteria: Criteria
) -> dict[str, Any]:
    """A document with the names that people are told when something differs.

    Args:
        engine: with which filings are looked at.
        scoring: the settings of that section.
        search: the settings of that section.
        criteria: what is asked of every filing.
    """
    wanted, made = criteria.wanted, engine.recipe
    return {
        "index": list(engine.content),
        "network": made["model"]["hash"],
        "views": made["preprocessing"],
        "reduction": [made["pca"], made["patches"]],
        "scoring": [dict(scoring), asdict(engine.weights), asdict(engine.calibration)],
        "names": text_index.recipe("rules"),
        "search": {name: value for name, value in search.items() if not _without_effect(name, value)},
        "threshold": criteria.threshold,
        "name threshold": criteria.name_threshold,
        "top": criteria.top,
        "filter": [list(wanted.vienna), wanted.years, dict(wanted.attributes)],
        "portfolio": None if wanted.ids is None else sorted(wanted.ids),
        "read": criteria.read,
    }


def _without_effect(name: str, value: Any) -> bool:
    """Whether a setting changes nothing; what came later than recipes is named only where it does."""
    return name == "cache_mb" or (name, value) == ("mirrored", False)
