"""Numbers in sentences."""


def counted(number: int, what: str) -> str:
    """``1 mark``, ``2,000 marks``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
