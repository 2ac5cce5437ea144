"""Make views from text masks that are known already, so that no text is looked for again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import Fault, Mark
from marklens.preprocessing.mask_store import decode_mask
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker
from marklens.preprocessing.prepared import Prepared, Preparer
from marklens.retrieval.catalog import Catalog

Masks = Mapping[str, bytes | None]
"""File name to run-length encoded text mask; None where the mark has no text to remove."""


def catalog_masks(catalog: Catalog) -> dict[str, bytes | None]:
    """The text masks of all living marks of an index."""
    return {file: catalog.mask(number) for number, file in catalog.files().items()}


class MaskedPreparer:
    """Rebuilds views from masks in threads; marks without a known mask go to another preparer.

    Args:
        maker: of the options that the masks were made with, but for the size.
        masks: what is known.
        otherwise: makes the views of the others.
        threads: at work at the same time.
    """

    def __init__(self, maker: ViewMaker, masks: Masks, otherwise: Preparer, threads: int = 2) -> None:
        self._maker, self._masks, self._otherwise = maker, masks, otherwise
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rebuilding")

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Yield each group's outcome, in order."""
        for group in groups:
            known = [mark for mark in group if mark.file in self._masks]
            rest = [mark for mark in group if mark.file not in self._masks]
            made: dict[str, Prepared] = {
                item.mark.id: item for item in self._threads.map(self._rebuild, known)
            }
            for some in self._otherwise.prepare([rest] if rest else []):
                made.update((item.mark.id, item) for item in some)
            yield [made[mark.id] for mark in group]

    def close(self) -> None:
        """End the threads and the other preparer."""
        self._threads.shutdown(cancel_futures=True)
        self._otherwise.close()

    def _rebuild(self, mark: Mark) -> Prepared:
        encoded = self._masks[mark.file]
        try:
            mask = None if encoded is None else decode_mask(encoded)
            views = self._maker.rebuild(read_picture(mark.path), mask)
        except PictureError as error:
            return Prepared(mark, None, None, Fault(mark.file, error.kind, error.reason))
        except Exception as error:  # one picture never costs the packing
            reason = f"{type(error).__name__}: {error}"
            return Prepared(mark, None, None, Fault(mark.file, "failed", reason))
        return Prepared(mark, PreparedMark(views, mask, None, {}), encoded, None)
