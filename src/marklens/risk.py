"""What the register says of two marks: legal status, Nice classes, owners. Likeness is not looked at here.

Offices word a status in their own way, so it is read by the words in it. What the data do not say stays
unknown. The level is a help for putting reports in order, no legal advice.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from marklens.core.attributes import CLASS_NAMES, Attributes, first_of

RiskLevel = Literal["high", "medium", "low", "unknown"]

STATUS_NAMES = ("status", "legal_status", "mark_status")
OWNER_NAMES = ("owner", "applicant", "holder", "proprietor")
_SAID = r"(?<!\bnot )(?<!\bnot yet )(?<!\bnot been )(?<!\bnever )(?<!\bnicht )"
_SAID += r"(?:(?<!\bto be )|(?<=\bdeemed to be ))\b"
_ENDED = re.compile(
    _SAID + r"(?:expired|canceled|cancelled|surrendered|lapsed|abandoned|revoked|dead|inactive|void|annulled|"
    r"removed|ceased|invalidated|renounced|erloschen|gelöscht|expirée?|radiée?|annulée?)\b"
    r"|\b(?:not|no longer) (?:active|in force|live|protected|valid)\b"
)
"""What only a mark can be. Nouns such as cancellation are none: they name what may come to nothing."""
_TURNED_DOWN = re.compile(
    _SAID + r"(?:withdrawn|refused|rejected|ended|invalid|zurückgenommen|zurückgewiesen|rejetée?|retirée?)\b"
)
"""What may as well be said of an opposition or a request."""
_PROCEEDING = re.compile(
    r"\b(?:oppos|cancellation|appeal|invalid(?:ity|ation)|nullity|revocation|refusal|objection|surrender\b|"
    r"request|petition|proceeding|action|decision|claim|limitation|renewal|transfer|period|deadline|term\b|"
    r"licen[cs]e|assignment|disclaimer|security interest|seniority|priority|suspension|hold\b|lizenz|"
    r"withdrawal|widerspruch|löschung|beschwerde|nichtigkeit)"
)
_OPEN = re.compile(
    r"\b(?:pending|appeal|reviv|restore|restoration|reinstate|possible|grace|awaiting|proposed|provisional|partial|"
    r"partly|parts?\b|partiel|some\b|teilweise|anhängig|opposition period)"
)
"""Nothing is final then, or not for all goods."""
_CAUSE = re.compile(r"\b(?:after|following|because|due|by|under|upon|on|at|as|since|with|without)\b.*")
_CLAUSES = re.compile(r"[;:,./()|–—-]+")
_STANDS = re.compile(
    _SAID + r"(?:registered|renewed|live|active|in force|(?:grant of )?protection(?: granted)?$|protected|"
    r"eingetragen|enregistrée?)\b"
)
PENDING = ("pending", "filed", "examination", "examined", "publish", "application")
LAST_CLASS = 45
"""Of the Nice Classification: 1 to 34 are goods, 35 to 45 services."""
_JOIN = r"(?:and|und|et|to|bis)\b"
_NUMBER = r"(?<![\w.])\d{1,3}(?:\.0*)?(?![.\d]*\w)"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*(?:[-–—]|\bto\b|\bbis\b)\s*({_NUMBER}))?")
_LIST = rf"{_NUMBER}(?:[\s,;/|&+–—-]*(?:{_JOIN}\s*)?{_NUMBER}(?!\s*(?!{_JOIN})[^\W\d_]))*"
_LABELLED = re.compile(rf"\b(?:class(?:es|e)?|klassen?|cl|ic|nice|nizza)\b[\s.:#]*({_LIST})")
_GOES_ON = re.compile(rf"[\s,;/|&+–—-]*(?:{_JOIN}\s*)?\d{{1,2}}(?!\w)")
"""Behind a list: its last number stands before a word, and may be a class or count the goods."""
_EDITION = re.compile(
    r"\b(?:(?:nice|nizza)\s*)?classification\b[\s.]*(?:\d{1,2}(?:[-/]\d{4})?\s*:(?=\s*\d))?"
    r"|\b(?:nice|nizza)\s*\d{1,2}[-/]\d{4}\s*:?"
)
"""Of the classification itself: *Nice Classification 11: 25* names class 25."""
_NUMBERS = re.compile(_LIST)
_PROSE = re.compile(rf"\b(?!{_JOIN})[^\W\d_]+")
NOBODY = frozenset(
    ["", "n a", "na", "unknown", "none", "null", "nil", "not known", "not available", "unbekannt", "inconnu"]
)
"""Owners that nobody is, as `_plain` has them."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How much the register's data speak for a conflict, beside any likeness.

    Attributes:
        level: high: a class in common, and nothing says that either mark has ended; medium: the classes
            differ; low: one of the marks has ended, or both have one owner; unknown: classes are not known.
        reasons: sentences that say why, one a fact.
    """

    level: RiskLevel
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
    """The Nice classes of a mark, 1..45; none where its attributes name none, or not surely all of them.

    Numbers among words count after ``class`` or before a colon: others may count the goods.
    """
    written = re.sub(r"[\"'\[\]{}]", " ", (first_of(attributes, CLASS_NAMES) or "").casefold())
    written = re.sub(r"[()]", " . ", written)
    written = _EDITION.sub(" class ", written)
    labelled = list(_LABELLED.finditer(written))
    if any(_GOES_ON.match(written, found.end()) for found in labelled):
        return frozenset()
    lists = [found[1] for found in labelled] or _before_colon(written)
    if not lists and not _PROSE.search(written):
        lists = [written]
    return frozenset(
        number
        for one in lists
        for first, last in _RANGE.findall(one)
        for number in range(_whole(first), _whole(last or first) + 1)
        if 1 <= number <= LAST_CLASS
    )


def _before_colon(written: str) -> list[str]:
    """Each list once, from its beginning: a pattern that ends in the colon tries every number as one."""
    lists = _NUMBERS.finditer(written)
    return [found[0] for found in lists if written[found.end() : found.end() + 9].lstrip().startswith(":")]


def has_ended(status: str) -> bool:
    """Whether a status says that a mark no longer bars others; where there is any doubt, it does not."""
    clauses = [_CAUSE.sub("", clause) for clause in _CLAUSES.split(status.casefold())]
    if any(_OPEN.search(clause) for clause in clauses):
        return False
    if any(_ENDED.search(clause) and not _PROCEEDING.search(clause) for clause in clauses):
        return True
    doubt = any(_PROCEEDING.search(clause) or _STANDS.search(clause) for clause in clauses)
    return not doubt and any(map(_TURNED_DOWN.search, clauses))


def _ended(which: str, attributes: Attributes) -> list[str]:
    status = first_of(attributes, STATUS_NAMES)
    return [f"{which} has ended: {status}"] if status and has_ended(status) else []


def _state(mark: Attributes) -> list[str]:
    """What is known of an earlier mark that has not ended."""
    status = first_of(mark, STATUS_NAMES)
    if status is None:
        return ["status of the earlier mark not known"]
    if has_ended(status):
        return []
    spoken = status.casefold()
    if any(map(_STANDS.search, _CLAUSES.split(spoken))):
        return [f"earlier mark stands: {status}"]
    waits = not _PROCEEDING.search(spoken) and any(
        word.startswith(PENDING) for word in re.findall(r"\w+", spoken)
    )
    return [f"earlier mark {'is not registered yet' if waits else 'has the status'}: {status}"]


def _classes(ours: frozenset[int], theirs: frozenset[int]) -> tuple[RiskLevel, str]:
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
    if ours is None or theirs is None or _plain(ours) != _plain(theirs) or _plain(ours) in NOBODY:
        return None
    return theirs


def _plain(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.casefold().replace("_", " ")))


def _whole(written: str) -> int:
    return int(written.partition(".")[0])


def _listed(classes: Collection[int]) -> str:
    return ", ".join(map(str, sorted(classes)))
