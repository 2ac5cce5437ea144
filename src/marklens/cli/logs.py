"""Logs on stderr: readable on a terminal, JSON lines for machines."""

import sys
from functools import partial

from loguru import logger


def configure_logs(verbose: bool, as_json: bool) -> None:
    """Replace loguru's default sink; without `verbose` only what a person should know is shown."""
    logger.remove()
    level = "DEBUG" if verbose else "INFO"
    add = partial(logger.add, _write, level=level, diagnose=False, backtrace=False)  # variables may hold keys
    if as_json:
        add(serialize=True)
    else:
        add(format="{time:HH:mm:ss} {level: <7} {message}", colorize=False)


def _write(line: str) -> None:
    """To whatever stderr is now: a progress bar puts itself in its place while it is shown."""
    sys.stderr.write(line)
