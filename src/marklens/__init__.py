"""Marklens finds registered trademarks that look, and sound, like a given logo.

``from marklens import Index`` is the door for programs; nothing is loaded before it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marklens.opened.hits import Hits
    from marklens.opened.index import Index

__version__ = "0.1.0"
__all__ = ["Hits", "Index", "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is used (PEP 562)."""
    if name == "Index":
        from marklens.opened.index import Index

        return Index
    if name == "Hits":
        from marklens.opened.hits import Hits

        return Hits
    raise AttributeError(f"module 'marklens' has no attribute {name!r}")
