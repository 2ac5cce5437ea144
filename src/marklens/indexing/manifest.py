"""The manifest: what describes an index, and what is checked by it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from marklens.core.artifacts import read_json, sha256, write_json
from marklens.core.errors import ArtifactError, IndexMismatchError, UsageError
from marklens.indexing.folder import IndexFolder, is_locked

FORMAT = 1
"""Raise it whenever an older Marklens could not read the folder."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the vectors of an index; two indexes of one recipe can be compared.

    Attributes:
        preprocessing: `ViewOptions.record()`.
        model: hash, dims and file name of the network.
        pca: dims, whitening, sample and own_from of the reduction; digest of the network's learned one.
        patches: dims and digest of the patch reduction; empty where no patches are kept.
    """

    preprocessing: Mapping[str, Any]
    model: Mapping[str, Any]
    pca: Mapping[str, Any]
    patches: Mapping[str, Any] = field(default_factory=dict)

    def fits_its_own(self, views: int) -> bool:
        """Whether an index of so many views fits a PCA, even if its network has a reduction."""
        own_from = self.pca["own_from"]
        return own_from is not None and views >= int(own_from)

    def differences(self, other: "Recipe", parts: tuple[str, ...]) -> list[str]:
        """Every value of these parts that differs, as ``part.name: mine against theirs``."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"{part}.{name}: {mine[part].get(name)!r} against {theirs[part].get(name)!r}"
            for part in parts
            for name in sorted({*mine[part], *theirs[part]})
            if name != "file" and mine[part].get(name) != theirs[part].get(name)
        ]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of an index.

    Attributes:
        recipe: how the vectors came about.
        dataset: root and limit of the dataset it was built from.
        store: where its vectors are, one of `STORES`.
        complete: whether it can be searched; False during a first build and the last stages of any.
        source: digest of what the chunks were made from; the same again means up to date.
        chunks: how many chunks belong to the index.
        added: how many of them came by `index add`.
        counts: marks, removed, views, faults.
        removed: id and file of the marks that were removed, hidden or compacted away; they stay so when the
            index is built again, also under another id: a new picture in a folder can change those of others.
        rarity: how alike unrelated views are, see `retrieval.rarity`.
        checksums: SHA-256 of every derived file.
        seconds: time by stage of the last build or addition.
        made: version and time (UTC, ISO 8601).
    """

    recipe: Recipe
    dataset: Mapping[str, Any]
    store: str = "faiss"
    complete: bool = False
    source: str = ""
    chunks: int = 0
    added: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    rarity: Sequence[Sequence[float]] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> Sequence[Any]:
        """What differs wherever marks were added or removed."""
        return self.source, self.added, self.counts["marks"], sorted(self.removed)

    def save(self, folder: IndexFolder) -> None:
        """Write manifest.json atomically."""
        write_json(folder.manifest, {"format": FORMAT, **asdict(self)})

    @staticmethod
    def load(folder: IndexFolder) -> "Manifest":
        """Read manifest.json.

        Raises:
            UsageError: there is no index.
            ArtifactError: it is damaged or of another format.
        """
        if not folder.manifest.is_file():
            raise UsageError(
                f"there is no index in {folder.root}: make one with 'marklens index build DATASET --index "
                f"{folder.root}'"
            )
        document = read_json(folder.manifest)
        try:
            if document.pop("format") != FORMAT:
                raise ArtifactError(f"{folder.root} has another format than {FORMAT}: build it again")
            if document.pop("rebuilding", False):  # an older Marklens was making its chunks anew in place
                document["complete"] = False
            if isinstance(document.get("removed"), list):  # written before files were remembered
                document["removed"] = dict.fromkeys(document["removed"], "")
            return Manifest(**{**document, "recipe": Recipe(**document["recipe"])})
        except (AttributeError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder.manifest} is damaged ({error!r}): build the index again") from error


def load_complete(folder: IndexFolder) -> Manifest:
    """Read the manifest of an index that can be searched.

    Raises:
        ArtifactError: its build has not finished, or a file is missing.
    """
    manifest = Manifest.load(folder)
    if not manifest.complete:
        remedy = (
            "it is being built: try again when that is done"
            if is_locked(folder)
            else ("run its 'marklens index build' again, it resumes")
        )
        raise ArtifactError(f"the index in {folder.root} is not finished: {remedy}")
    wanted = (*folder.derived, *((folder.patches,) if manifest.recipe.patches else ()))
    missing = [path.name for path in wanted if not path.is_file()]
    if not missing and folder.vectors != folder.vectors_of(manifest.store):
        missing = [folder.vectors_of(manifest.store).name]
    if missing:
        raise ArtifactError(f"{folder.root} lacks {', '.join(missing)}: run 'marklens index compact' on it")
    return manifest


def require_same(mine: Recipe, theirs: Recipe, folder: IndexFolder, parts: tuple[str, ...]) -> None:
    """Refuse to mix two recipes.

    Raises:
        IndexMismatchError: naming every difference.
    """
    differences = mine.differences(theirs, parts)
    if differences:
        raise IndexMismatchError(
            f"the index in {folder.root} was made in another way ({'; '.join(differences)}): "
            "use the same settings, or build into another folder"
        )


def require_counts(folder: IndexFolder, manifest: Manifest, marks: int, views: int) -> None:
    """Check that the files are of one state: a crash between two of them shows here.

    Raises:
        ArtifactError: they are not.
    """
    expected = (manifest.counts["marks"] + manifest.counts["removed"], manifest.counts["views"])
    if (marks, views) != expected:
        raise ArtifactError(
            f"the index in {folder.root} was interrupted while it was changed ({marks} marks and {views} "
            f"views, {expected[0]} and {expected[1]} expected): run 'marklens index compact' on it"
        )


def checksums(folder: IndexFolder) -> dict[str, str]:
    """SHA-256 of every derived file."""
    found = (*folder.derived, *((folder.patches,) if folder.patches.is_file() else ()))
    return {path.name: sha256(path) for path in found}
