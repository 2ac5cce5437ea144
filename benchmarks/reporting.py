"""How every benchmark says what it found, and on which machine."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from marklens import __version__
from marklens.core.artifacts import write_json


def machine() -> dict[str, Any]:
    """Processor, cores, Python, Marklens, date."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "marklens": __version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


def report(title: str, rows: Sequence[Mapping[str, Any]], out: Path | None = None) -> None:
    """Print rows as a table, and write them as JSON with the machine if a file is given."""
    where = machine()
    caption = f"{where['cores']} cores of {where['processor']}, {where['date']}"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*_cells(row.values()))
    Console(width=140).print(table)
    if out is not None:
        write_json(out, {"title": title, "machine": where, "rows": [dict(row) for row in rows]})


def _cells(values: Iterable[Any]) -> list[str]:
    return [f"{value:,.4f}" if isinstance(value, float) and value < 1 else _plain(value) for value in values]


def _plain(value: Any) -> str:
    return (
        f"{value:,.1f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
