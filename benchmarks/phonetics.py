"""How well text similarity tells confusable names from others, and how fast it finds them among many.

python -m benchmarks.phonetics --out names.json   both tables: the measures side by side, the index of 770,000
python -m benchmarks.phonetics --size 0           the measures only
python -m benchmarks.phonetics --tune             other weighings, development pairs only
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import psutil
import typer

from benchmarks.made_up_names import made_up_names
from benchmarks.name_measures import cached_form, measures
from benchmarks.name_pairs import area, pairs, unrelated
from benchmarks.reporting import machine, report
from marklens.core.artifacts import write_json
from marklens.text.aline_batch import pad, similarities, sound_scheme
from marklens.text.forms import texts_of
from marklens.text.index_builder import build_index
from marklens.text.normalizer import words_of
from marklens.text.phonetic import compare
from marklens.text.sounds import Reader
from marklens.text.text_index import TextIndex
from marklens.text.weighing import Weighing

Row = dict[str, Any]


def main(
    tune: Annotated[bool, typer.Option(help="Try other weighings on the development pairs.")] = False,
    size: Annotated[int, typer.Option(help="Made-up texts in the index; 0 leaves that part out.")] = 770_000,
    queries: Annotated[int, typer.Option(help="Searches to time.")] = 60,
    dictionary: Annotated[
        bool, typer.Option(help="Let the extra `phonetics` read the index's texts.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Compare measures of similarity, and measure the text index."""
    tables: dict[str, list[Row]] = {}
    if tune:
        tables["Other weighings, development pairs"] = _tuned()
    else:
        tables["Confusable against unrelated names: area under the curve"] = _curves()
    if size and not tune:
        reader: Reader = "dictionary" if dictionary else "rules"
        facts = _index_facts(size, queries, reader)
        tables[f"An index of {size:,} texts, {reader}"] = [
            {"what": what, "value": value} for what, value in facts.items()
        ]
    for title, rows in tables.items():
        report(title, rows)
    if out is not None:
        write_json(out, {"machine": machine(), "tables": tables})


def _curves() -> list[Row]:
    everything = pairs()
    confused = [pair for pair in everything if pair.confused]
    held = [pair for pair in confused if not pair.development]
    seen = [pair for pair in confused if pair.development]
    read = [pair for pair in held if pair.checked]
    cleared = [pair for pair in everything if not pair.confused]
    strangers, far = unrelated(held, 200, 1), unrelated(seen, 200, 2)
    rows = []
    for name, measure in measures().items():
        score = {pair: measure(pair.name, pair.other) for pair in everything}
        others, seen_others = [measure(*pair) for pair in strangers], [measure(*pair) for pair in far]
        rows.append(
            {
                "measure": name,
                f"test, {len(held)}": area([score[pair] for pair in held], others),
                f"test and read, {len(read)}": area([score[pair] for pair in read], others),
                f"development, {len(seen)}": area([score[pair] for pair in seen], seen_others),
                f"all {len(confused)}": area([score[pair] for pair in confused], others + seen_others),
                f"test against {len(cleared)} cleared": area(
                    [score[pair] for pair in held], [score[pair] for pair in cleared]
                ),
            }
        )
    return rows


def _tuned() -> list[Row]:
    """Rank of the partner among the list's names and made-up ones, for weighings one step off."""
    some = [pair for pair in pairs() if pair.confused and pair.development]
    names = [name for pair in some for name in (pair.name, pair.other)] + list(made_up_names(600, 3))
    names = [name for name in dict.fromkeys(names) if words_of(name)]
    texts, place = (
        texts_of([cached_form(name) for name in names]),
        {name: at for at, name in enumerate(names)},
    )
    steps: dict[str, tuple[float, ...]] = {
        "sound": (0.3, 0.4, 0.5, 0.6), "weak": (0.1, 0.2, 0.35), "later": (0.4, 0.6, 0.8),
        "lenient": (0.4, 0.55, 0.7), "contained": (0.65, 0.75, 0.85), "floor": (0.25, 0.35, 0.45),
        "least": (50, 65, 80), "enough": (130, 165, 200),
    }  # fmt: skip
    rows = []
    for field, values in steps.items():
        for value in values:
            weighing = replace(Weighing(), **{field: value})
            ranks = []
            for pair in some:
                total = compare(cached_form(pair.name), texts, weighing).total
                total[place[pair.name]] = -1
                ranks.append(int((total >= total[place[pair.other]]).sum()))
            found = np.array(ranks)
            rows.append(
                {
                    "weighing": f"{field} {value}",
                    "mean 1/rank": float((1 / found).mean()),
                    "first": float((found == 1).mean()),
                    "in 10": float((found <= 10).mean()),
                }
            )
    return rows


def _index_facts(size: int, queries: int, reader: Reader) -> Row:
    """Build, save, load and search an index of made-up texts with the partners of real names among them."""
    wanted = [pair for pair in pairs() if pair.confused][:queries]
    step = size // len(wanted)
    partner = {number * step: pair.other for number, pair in enumerate(wanted)}
    before, made = _megabytes(), perf_counter()
    for _ in made_up_names(size, 7):
        pass
    made = perf_counter() - made
    started = perf_counter()
    index = build_index(_planted(size, partner), reader)
    built, peak = perf_counter() - started - made, _peak_megabytes() - before
    words = len(index.texts.vocabulary)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.safetensors"
        index.save(path)
        stored = path.stat().st_size / 1e6
        del index
        started = perf_counter()
        index = TextIndex.load(path)
        loaded = perf_counter() - started
    laps, work, partners = [], [], 0
    for number, pair in enumerate(wanted):
        started, busy = perf_counter(), process_time()
        numbers, _ = index.search(pair.name, 10)
        laps.append((perf_counter() - started) * 1e3)
        work.append((process_time() - busy) * 1e3)
        partners += number * step in numbers
    lost, total = _lost(index, [pair.name for pair in wanted[::8]])
    return {
        "ALINE, one word against 1,000, processor time: ms": _aline_lap(),
        "whole comparison against 1,000 texts, processor time: ms": _compare_lap(),
        "distinct words": words,
        "build: s (without making the names up)": built,
        "build: peak memory, MB": peak,
        "file: MB": stored,
        "load: s": loaded,
        "its arrays in memory: MB": _array_megabytes(index),
        "search p50: ms": float(np.percentile(laps, 50)),
        "search p95: ms": float(np.percentile(laps, 95)),
        "search p50, processor time: ms": float(np.percentile(work, 50)),
        "search p95, processor time: ms": float(np.percentile(work, 95)),
        f"partner among the first 10, of {len(wanted)}": partners / len(wanted),
        f"of the {total} true hits ≥ 0.7 in the first 10, found": 1 - lost / max(total, 1),
    }


def _planted(size: int, partner: dict[int, str]) -> Iterator[tuple[int, str]]:
    for number, name in enumerate(made_up_names(size, 7)):
        yield number, partner.get(number, name)


def _aline_lap() -> float:
    """Milliseconds of one English reading of 8 to 12 segments against a thousand others."""
    words = [cached_form(name).voices[0] for name in made_up_names(6000, 11)]
    some = pad([word for word in words if 8 <= len(word) <= 12][:1000])
    query = some[0].tobytes().rstrip(b"\0")
    started = process_time()
    for _ in range(20):
        similarities(query, some, sound_scheme())
    return (process_time() - started) / 20 * 1e3 * 1000 / len(some)


def _compare_lap() -> float:
    """Milliseconds of a name of two words, five languages and the spelling, against a thousand names."""
    texts = texts_of([cached_form(name) for name in made_up_names(1000, 13)])
    query = cached_form("ActiveCare Tools")
    started = process_time()
    for _ in range(10):
        compare(query, texts)
    return (process_time() - started) / 10 * 1e3


def _lost(index: TextIndex, names: list[str]) -> tuple[int, int]:
    """How many of the true first 10 from 0.7 on the first stage loses, and how many there are."""
    lost = wanted = 0
    for name in names:
        everything = compare(cached_form(name, index.reader), index.texts).total
        best = np.sort(everything)[::-1][:10]
        found = index.search(name, 10)[1].total
        for rank, score in enumerate(best[best >= 0.7]):
            wanted += 1
            # by score, not by row: equal texts may stand for each other
            lost += rank >= len(found) or found[rank] < score - 1e-6
    return lost, wanted


def _array_megabytes(index: TextIndex) -> float:
    vocabulary, postings = index.texts.vocabulary, index.postings
    arrays: list[npt.NDArray[Any]] = [index.numbers, index.texts.words, index.texts.starts, vocabulary.weak]
    arrays += [*vocabulary.codes, *vocabulary.starts, postings.rows, postings.starts, postings.mass]
    return sum(array.nbytes for array in arrays) / 1e6


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


def _peak_megabytes() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    typer.run(main)
