"""Long work that tells nobody how far it is."""


class Quiet:
    """Progress that nobody looks at, see `core.ports.Progress`."""

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins."""

    def advance(self, steps: int, skipped: bool = False) -> None:
        """So many steps more are done."""
