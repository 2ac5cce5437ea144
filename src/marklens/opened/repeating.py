"""Search again as a report tells, and say what has changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from loguru import logger
from pydantic import BaseModel, ValidationError

from marklens.core.errors import UsageError
from marklens.opened.hits import Hits
from marklens.opened.index import Index
from marklens.opened.record import Changes, compare, question_of
from marklens.opened.remembered import Record, read_record
from marklens.settings import ScoringSettings, SearchSettings, load_settings

Section = TypeVar("Section", bound=BaseModel)


def repeat(report: Path, root: Path, pictures: Sequence[Path] = ()) -> tuple[Hits, Changes]:
    """Ask an index what a report asked, with the settings it was asked with.

    Args:
        report: a page of ``marklens search --html``, or a document of ``--json``.
        root: the folder of the index, as it is now.
        pictures: where the pictures are now; none takes the files that the report names.

    Returns:
        what is found now, and how it differs from the report. The index is open as long as the hits are used.

    Raises:
        UsageError: the report holds no search, or a picture is not there.
    """
    record = read_record(report)
    question = question_of(record, pictures)
    sections = {
        "search": _section(SearchSettings, "search", record.settings),
        "scoring": _section(ScoringSettings, "scoring", record.settings),
    }
    # copied over, not given as flags: a report that had no weight of its own must not get the environment's
    settings = load_settings().model_copy(update=sections)
    index = Index.open(root, settings)
    try:
        hits = index.ask(question)
        return hits, compare(record, Record.model_validate(hits.record()))
    except BaseException:
        index.close()
        raise


def _section(kind: type[Section], name: str, remembered: Mapping[str, Mapping[str, Any]]) -> Section:
    """A section of the settings as a report has it; what this version does not know is left out."""
    values = dict(remembered.get(name, {}))
    unknown = sorted(values.keys() - kind.model_fields.keys())
    if unknown:
        logger.warning("the report has settings that this version does not know: {} {}", name, unknown)
    try:
        return kind(**{key: value for key, value in values.items() if key in kind.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (name, *first["loc"])))
        raise UsageError(f"the report's setting {place} cannot be used: {first['msg']}") from None
