"""What the register says of two marks: legal status, Nice classes, owners. Likeness is not looked at here.

Offices word a status in their own way, so it is read by the words in it. What the data do not say stays
unknown. The level is a help for putting reports in order, no legal advice.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["high", "medium", "low", "unknown"]
Attributes = Mapping[str, str]

CLASS_NAMES = ("nice_classes", "nice_class", "nice", "classes", "class")
STATUS_NAMES = ("status", "legal_status", "mark_status")
OWNER_NAMES = ("owner", "applicant", "holder", "proprietor")
ENDED = (
    "expired", "cancel", "surrender", "withdraw", "refus", "reject", "lapsed", "abandon", "revoked",
    "invalid", "ended", "dead", "removed", "annul",
)  # fmt: skip
"""Words, or their beginnings, of marks that no longer bar others."""
STANDING = ("registered", "renewed", "live", "active", "force", "granted")
PENDING = ("pending", "filed", "examination", "examined", "publish", "opposition", "appeal", "application")
LAST_CLASS = 45
"""Of the Nice Classification: 1 to 34 are goods, 35 to 45 services."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How much the register's data speak for a conflict, beside any likeness.

    Attributes:
        level: high: a class in common, and nothing says that either mark has ended; medium: the classes
            differ; low: one of the marks has ended, or both have one owner; unknown: classes are not known.
        reasons: sentences that say why, one a fact.
    """

    level: Level
    reasons: tuple[str, ...]


def judge(filing: Attributes, mark: Attributes) -> Risk:
    """Weigh status, classes and owners of a new filing and an earlier mark.

    Args:
        filing: attributes of the new filing, as its dataset gives them.
        mark: those of the earlier mark.
    """
    ended = [*_ended("new filing", filing), *_ended("earlier mark", mark)]
    owner = _common_owner(filing, mark)
    if owner is not None:
        ended.append(f"same owner: {owner}")
    level, classes = _classes(nice_classes(filing), nice_classes(mark))
    return Risk("low" if ended else level, (*ended, *_state(mark), classes))


def nice_classes(attributes: Attributes) -> frozenset[int]:
    """The Nice classes of a mark, 1..45; none where its attributes name none."""
    written = first_of(attributes, CLASS_NAMES) or ""
    numbers = {int(number) for number in re.findall(r"(?<![\d.])\d{1,3}(?![\d.])", written)}
    return frozenset(number for number in numbers if 1 <= number <= LAST_CLASS)


def first_of(attributes: Attributes, names: Collection[str]) -> str | None:
    """The attribute that has the first of these names, whatever their case."""
    folded = {name.casefold().replace(" ", "_"): value for name, value in attributes.items()}
    return next((folded[name] for name in names if folded.get(name)), None)


def _ended(which: str, attributes: Attributes) -> list[str]:
    status = first_of(attributes, STATUS_NAMES)
    return [f"{which} has ended: {status}"] if status and _says(status, ENDED) else []


def _state(mark: Attributes) -> list[str]:
    """What is known of an earlier mark that has not ended."""
    status = first_of(mark, STATUS_NAMES)
    if status is None:
        return ["status of the earlier mark not known"]
    if _says(status, ENDED):
        return []
    if _says(status, STANDING):
        return [f"earlier mark stands: {status}"]
    return [
        f"earlier mark {'is not registered yet' if _says(status, PENDING) else 'has the status'}: {status}"
    ]


def _classes(ours: frozenset[int], theirs: frozenset[int]) -> tuple[Level, str]:
    if not ours or not theirs:
        missing = " and ".join(
            name for name, known in (("new filing", ours), ("earlier mark", theirs)) if not known
        )
        return "unknown", f"Nice classes of the {missing} not known"
    common = ours & theirs
    if common:
        return "high", f"same Nice class{'es' if len(common) > 1 else ''} {_listed(common)}"
    return "medium", f"no Nice class in common ({_listed(ours)} against {_listed(theirs)})"


def _common_owner(filing: Attributes, mark: Attributes) -> str | None:
    ours, theirs = first_of(filing, OWNER_NAMES), first_of(mark, OWNER_NAMES)
    if ours is None or theirs is None or _plain(ours) != _plain(theirs):
        return None
    return theirs


def _plain(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.casefold()))


def _says(status: str, words: Collection[str]) -> bool:
    return any(
        spoken.startswith(word) for spoken in re.findall(r"[a-z]+", status.casefold()) for word in words
    )


def _listed(classes: Collection[int]) -> str:
    return ", ".join(map(str, sorted(classes)))
