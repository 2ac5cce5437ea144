"""Write a dataset's ``similar_pairs.json``, which an evaluation reads, and ``dissimilar_pairs.json``."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from marklens.core.artifacts import write_json
from marklens.core.errors import DatasetError
from marklens.core.ports import Dataset, Progress
from marklens.core.types import Fault
from marklens.datasets.code_pairs import CodePairs
from marklens.datasets.grouping import cluster, find_groups
from marklens.datasets.pairs import Pair, PairLedger, PairLimits, group_pairs

NamedGroups = Iterable[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class PairsReport:
    """What was written.

    Attributes:
        similar, dissimilar: grade to the number of pairs.
        faults: of the dataset's metadata and the groups, by kind.
    """

    similar: Mapping[str, int]
    dissimilar: Mapping[str, int]
    faults: Mapping[str, int]


def write_pairs(
    dataset: Dataset,
    out: Path,
    groups: NamedGroups,
    duplicates: NamedGroups,
    ignored: Sequence[str],
    limits: PairLimits,
    progress: Progress,
) -> PairsReport:
    """Pair the marks of a dataset and write both files.

    Marks of one group are gold pairs and marks of one set of duplicates are graded ``duplicate``; neither is
    ever a pair by codes or a dissimilar pair. Gold pairs come first, then duplicates, then pairs by codes,
    and no mark is in more than `limits.a_mark` pairs of a file.

    Args:
        dataset: whose marks to pair.
        out: where the files go.
        groups: brands, by name.
        duplicates: exact and near duplicates, by any name.
        ignored: Vienna categories that do not count.
        limits: how many pairs.
        progress: hears how far it is.

    Raises:
        DatasetError: there are no marks.
    """
    faults: Counter[str] = Counter()

    def note(fault: Fault) -> None:
        faults[fault.kind] += 1

    progress.start("read", dataset.count())
    files: list[str] = []
    codes: list[tuple[str, ...]] = []
    for mark in dataset.marks(note):
        files.append(mark.file)
        codes.append(mark.vienna_codes)
        progress.advance(1)
    if not files:
        raise DatasetError(f"{dataset.root} holds no marks: there is nothing to pair")
    progress.start("pair", None)
    gold = find_groups(groups, files, note)
    copies = find_groups(duplicates, files, note)
    by_codes = CodePairs(files, codes, cluster([*gold, *copies], len(files)), ignored)
    ledger = PairLedger(limits.a_mark)
    similar = [
        *group_pairs("gold", gold, files, ledger),
        *group_pairs("duplicate", copies, files, ledger),
        *by_codes.similar(limits, ledger),
    ]
    dissimilar = by_codes.dissimilar(limits, PairLedger(limits.a_mark))
    for kind, pairs in (("similar", similar), ("dissimilar", dissimilar)):
        document = {
            "kind": kind,
            "dataset": str(dataset.root),
            "ignored": list(ignored),
            "limits": asdict(limits),
            "grades": _grades(pairs),
            "pairs": [asdict(pair) for pair in pairs],
        }
        write_json(out / f"{kind}_pairs.json", document)
    return PairsReport(_grades(similar), _grades(dissimilar), dict(faults))


def _grades(pairs: Sequence[Pair]) -> dict[str, int]:
    return dict(Counter(pair.grade for pair in pairs))
