"""Marklens finds registered trademarks that look, and sound, like a given logo."""

__version__ = "0.1.0"
