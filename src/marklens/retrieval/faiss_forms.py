"""The forms in which a FAISS store keeps its vectors, and which of them fits how many."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from marklens.core.types import Vectors

Form = Literal["fp32", "fp16", "sq8", "rabitq"]
FORMS: tuple[Form, ...] = get_args(Form)
LINKS = 32
"""M, links of a vector on each level (Malkov & Yashunin 2018); the lowest level has twice as many."""
EF_CONSTRUCTION = 200
"""Candidates kept while building: 65,000 × 512 in 41 s on two cores."""
FP16_FROM = 200_000
"""Views from which "auto" halves the vectors: as float32 they and their graph would take 0.5 GB."""
RABITQ_FROM = 8_000_000
"""Views from which "auto" gives up the graph: with it, vectors of half precision would take 10 GB, which must
be in memory to be searched fast; the lists of bits need a tenth of that."""
LEAST_LISTED = 5_000
"""Fewer views than that give too little to learn lists from, and are compared in no time."""
ROWS_A_LIST = 40
"""Vectors that a list is learnt from; FAISS warns below 39."""
MOST_LISTS = 8192
"""Learnt from 330,000 vectors: 0.7 GB of 512 dims."""
PROBED = 0.05
"""Share of the lists that a search looks at, at least."""
LEAST_PROBED = 64
"""Lists that it looks at, at least."""
REFINED = 2000
"""Vectors of half precision that a search compares, at least."""
REFINED_A_RESULT = 4
"""And for each result that is wanted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a store before it is filled.

    Attributes:
        form: how the vectors shall be kept; ``auto`` chooses by their number.
        views: how many there will be, 0 if nobody knows.
        draw: gives about so many of them, float32 (n, dims), spread evenly; None where there are none yet.
    """

    form: str = "auto"
    views: int = 0
    draw: Callable[[int], Vectors] | None = None


def faiss_module() -> Any:
    """FAISS, imported when first needed; its type stubs know little of what it has."""
    import faiss

    return faiss


def choose_form(plan: Plan) -> Form:
    """The form of a plan: what it names where that can be made, else what fits the number of views."""
    if plan.form == "rabitq" and (plan.draw is None or plan.views < LEAST_LISTED):
        return "fp16"
    for form in FORMS:
        if plan.form == form:
            return form
    if plan.views < FP16_FROM:
        return "fp32"
    return "fp16" if plan.views < RABITQ_FROM or plan.draw is None else "rabitq"


def make_index(dims: int, form: Form, plan: Plan) -> Any:
    """An empty FAISS index of a form, inner product, ready for vectors of this length."""
    faiss = faiss_module()
    if form == "rabitq":
        return _lists(dims, plan)
    if form == "fp32":
        graph = faiss.IndexHNSWFlat(dims, LINKS, faiss.METRIC_INNER_PRODUCT)
    else:
        graph = faiss.IndexHNSWSQ(dims, _code(form), LINKS, faiss.METRIC_INNER_PRODUCT)
        storage = faiss.downcast_index(graph.storage)
        if form == "sq8":
            _set_range(storage, plan)
        graph.is_trained = storage.is_trained = True
    graph.hnsw.efConstruction = EF_CONSTRUCTION
    _reserve(faiss.downcast_index(graph.storage), plan.views)
    return graph


def lists_for(views: int) -> int:
    """How many lists so many vectors are divided into."""
    return max(16, min(MOST_LISTS, round(2 * sqrt(views))))


def _lists(dims: int, plan: Plan) -> Any:
    """Lists of one bit a dimension (RaBitQ, Gao & Long 2024), refined by vectors of half precision.

    Of 20,000 × 512, with 64 of 256 lists looked at and 1000 refined, recall@100 was 0.937 and learning took
    5 s; with 64 bytes of a product quantiser, as large, 0.939 and 204 s (two busy cores).
    """
    faiss = faiss_module()
    if plan.draw is None:
        raise ValueError("lists are learnt from vectors, and none can be drawn")
    drawn = np.ascontiguousarray(plan.draw(ROWS_A_LIST * lists_for(plan.views)), np.float32)
    lists = max(1, min(lists_for(plan.views), len(drawn) // (ROWS_A_LIST - 1)))
    middles = faiss.IndexFlatIP(dims)
    base = faiss.IndexIVFRaBitQ(middles, dims, lists, faiss.METRIC_INNER_PRODUCT)
    base.train(drawn)
    rows = faiss.IndexScalarQuantizer(dims, _code("fp16"), faiss.METRIC_INNER_PRODUCT)
    rows.is_trained = True
    _reserve(rows, plan.views)
    refined = faiss.IndexRefine(base, rows)
    for part in (middles, base, rows):
        part.this.disown()  # from here on, each belongs to the index around it
    base.own_fields = refined.own_fields = refined.own_refine_index = True
    return refined


def _code(form: Form) -> int:
    faiss = faiss_module()
    return int(faiss.ScalarQuantizer.QT_8bit if form == "sq8" else faiss.ScalarQuantizer.QT_fp16)


def _set_range(storage: Any, plan: Plan) -> None:
    """Tell a quantiser of 8 bits the range of each dimension: that of the drawn vectors and a tenth more."""
    faiss = faiss_module()
    least, most = np.full(storage.d, -1, np.float32), np.full(storage.d, 1, np.float32)  # of unit vectors
    drawn = plan.draw(10_000) if plan.draw is not None else np.empty((0, storage.d), np.float32)
    if len(drawn) >= 1000:
        margin = 0.1 * (drawn.max(axis=0) - drawn.min(axis=0))
        least, most = drawn.min(axis=0) - margin, drawn.max(axis=0) + margin
    trained = np.concatenate([least, most - least]).astype(np.float32)
    faiss.copy_array_to_vector(trained, storage.sq.trained)


def _reserve(storage: Any, views: int) -> None:
    """Take the memory for the vectors at once: growing by doubling, they would need three times as much."""
    if views:
        storage.codes.resize(views * storage.code_size)
        storage.codes.resize(0)


def form_of(index: Any) -> str:
    """The form of an index that `make_index` made, else the name of its type."""
    faiss = faiss_module()
    name = type(index).__name__
    if name == "IndexHNSWSQ":
        half = faiss.downcast_index(index.storage).sq.qtype == faiss.ScalarQuantizer.QT_fp16
        return "fp16" if half else "sq8"
    return {"IndexHNSWFlat": "fp32", "IndexRefine": "rabitq"}.get(name, name)


def storage_of(index: Any) -> Any:
    """The part of an index that has the vectors, row by row."""
    faiss = faiss_module()
    return faiss.downcast_index(index.refine_index if form_of(index) == "rabitq" else index.storage)


def decoded(storage: Any, count: int, rows: slice | npt.NDArray[np.intp]) -> Vectors:
    """Some of the `count` vectors that a quantiser keeps, float32 (rows, dims)."""
    faiss = faiss_module()
    size = storage.code_size
    codes = faiss.rev_swig_ptr(storage.codes.data(), count * size).reshape(count, size)
    return np.asarray(storage.sa_decode(np.ascontiguousarray(codes[rows])), np.float32)


def refined(k: int) -> int:
    """How many that the lists propose are compared by their vectors, for the k best."""
    return max(REFINED, REFINED_A_RESULT * k)


def list_parameters(index: Any, k: int, share: float, bits: npt.NDArray[np.uint8] | None) -> Any:
    """How lists are searched: how many of them, which rows may be returned, how many are refined.

    Args:
        index: of the form rabitq.
        k: how many results.
        share: of the vectors that may be returned.
        bits: uint8 (ceil(n / 8),), a bit for every row; None allows all.
    """
    faiss = faiss_module()
    lists = faiss.downcast_index(index.base_index).nlist
    wide = refined(k) / max(1, index.ntotal)  # lists that hold what shall be refined, and as many again
    probes = ceil(min(1.0, max(PROBED, 2 * wide) / share) * lists)
    selector = None if bits is None else faiss.IDSelectorBitmap(bits)
    looked = faiss.IVFSearchParameters(nprobe=max(LEAST_PROBED, probes), sel=selector)
    return faiss.IndexRefineSearchParameters(k_factor=refined(k) / k, base_index_params=looked)
