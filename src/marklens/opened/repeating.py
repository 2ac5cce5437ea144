"""Search again as a report tells, and say what has changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marklens.opened.hits import Hits
from marklens.opened.index import Index
from marklens.opened.record import SETTINGS, Changes, compare, question_of, read_record
from marklens.settings import load_settings


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
    remembered: dict[str, Any] = record.get("settings", {})
    settings = load_settings(**{name: dict(remembered.get(name, {})) for name in SETTINGS})
    hits = Index.open(root, settings).ask(question)
    return hits, compare(record, hits.record())
