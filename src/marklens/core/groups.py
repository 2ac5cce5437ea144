"""Groups of files, as a JSON file names them."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from marklens.core.errors import UsageError


def read_groups(path: Path) -> dict[str, list[str]]:
    """Read ``{"group": ["file", …], …}``.

    Raises:
        UsageError: the file is missing, holds something else, or has two groups of one name.
    """
    document = read_document(path, _unique)
    if not isinstance(document, dict) or not all(map(_is_names, document.values())):
        raise UsageError(f'{path} must hold {{"group name": ["file", …], …}}: mend it or make it again')
    return document


def read_document(path: Path, make: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """Read JSON that a user wrote, `make` making each object of its pairs.

    Raises:
        UsageError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=make)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: give a JSON file of groups or pairs") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON ({error}): mend it or make it again") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what JSON would silently drop: two groups of one name."""
    document = dict(pairs)
    if len(document) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the group {twice!r} stands there twice")
    return document


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
