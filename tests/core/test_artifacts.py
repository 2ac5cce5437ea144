"""Files survive crashes, and damage is noticed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from marklens.core.artifacts import (
    atomic,
    atomic_together,
    encoded,
    load_arrays,
    read_json,
    remove_temporary,
    require_disk_space,
    save_arrays,
    sha256,
    write_json,
    write_text,
)
from marklens.core.errors import ArtifactError, DiskSpaceError
from marklens.retrieval.faiss_store import FaissStore


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    with pytest.raises(RuntimeError, match="crash"), atomic(path) as temporary:
        temporary.write_text("half a new")
        raise RuntimeError("crash")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_any_text_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "caf\udce9 \ud83d ü\n")
    assert (tmp_path / "a").read_bytes() == b"caf\xe9 \xef\xbf\xbd \xc3\xbc\n"
    assert encoded("😀") == "😀".encode()


def save_vectors(path: Path) -> None:
    store = FaissStore(4)
    store.add(np.arange(9), np.eye(9, 4, dtype=np.float32))
    store.save(path)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize(
    "save",
    [
        lambda path: write_text(path, "new"),
        lambda path: save_arrays(path, {"a": np.zeros(9)}),
        save_vectors,
    ],
)
def test_a_full_disk_is_one_line(tmp_path: Path, save: Callable[[Path], None]) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    (tmp_path / f".a.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(DiskSpaceError, match=f"the disk is full: make room for {path}"):
        save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    script = f"""
import os, signal
from pathlib import Path
from marklens.core.artifacts import atomic
with atomic(Path({str(path)!r})) as temporary:
    temporary.write_text("half a new")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert path.read_text() == "old"


def test_folders_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "Müller™")
    assert path.read_bytes() == "Müller™".encode()
    assert os.listdir(path.parent) == ["a.txt"]


def test_json_round_trip_is_stable(tmp_path: Path) -> None:
    document = {"b": [1, 2.5, None], "a": {"ü": True}}
    write_json(tmp_path / "a.json", document)
    assert read_json(tmp_path / "a.json") == document
    assert (tmp_path / "a.json").read_text(encoding="utf-8").index('"a"') < 5


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}"])
def test_damaged_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        read_json(tmp_path / "a.json")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing"):
        read_json(tmp_path / "a.json")
    with pytest.raises(ArtifactError, match="missing"):
        load_arrays(tmp_path / "a.safetensors")


KINDS = st.sampled_from([np.float32, np.float16, np.uint8, np.int8, np.int64])


@given(KINDS.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=3, max_side=5))))
def test_arrays_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "a.safetensors"
    save_arrays(path, {"x": array, "turned": array.T}, {"note": "ü"})
    loaded, metadata = load_arrays(path)
    assert metadata == {"note": "ü"}
    for name, expected in (("x", array), ("turned", array.T)):
        assert (loaded[name].dtype, loaded[name].shape) == (expected.dtype, expected.shape)
        assert loaded[name].tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize("keep", [0, 4, 20, 80])
def test_damaged_arrays(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="damaged"):
        load_arrays(path)


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_disk_space(tmp_path: Path) -> None:
    require_disk_space(tmp_path / "not" / "yet" / "there", 1, "a test")
    with pytest.raises(DiskSpaceError, match=r"a test needs about 1000000000\.0 GB .* are free: make room"):
        require_disk_space(tmp_path / "not" / "yet" / "there", 10**18, "a test")
    assert not (tmp_path / "not").exists()


def test_what_is_made_needs_no_room_again(tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(bytes(4096))
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DiskSpaceError):
        require_disk_space(tmp_path, free + (1 << 30), "a test", [tmp_path / "half"])
    os.truncate(tmp_path / "half", 4 << 30)  # a hole: it takes no room
    require_disk_space(tmp_path, free + (1 << 30), "a test", [tmp_path / "half"])


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for name in (".best.pt.12.tmp", "best.pt", ".hidden"):
        (tmp_path / name).touch()
    remove_temporary(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "best.pt"]


def test_of_files_that_are_made_together_none_changes_when_one_fails(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b")]
    with atomic_together(paths) as temporary:
        for path in temporary:
            path.write_text("old")
    with pytest.raises(OSError, match="paper"), atomic_together(paths) as temporary:
        temporary[0].write_text("new")
        raise OSError("out of paper")
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
