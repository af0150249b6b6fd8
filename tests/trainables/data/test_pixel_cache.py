"""Images that do not fit in memory are mapped from a file, and train to the same numbers."""

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.image_folder import write_images
from trainables.config.installation import child_environment
from trainables.config.train_config import TrainConfig
from trainables.data import pixel_cache
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest, DatasetError
from trainables.files.sealed import file_digest
from trainables.training.trainer import Trainer


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRequest:
    """Two classes of 32 training, 8 validation and 8 test images."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parts = {"train": 32, "val": 8, "test": 8}
    return DataRequest("folder", write_images(tmp_path / "images", parts))


@pytest.fixture
def mapped(request_: DataRequest, monkeypatch: pytest.MonkeyPatch):
    """Loads the same images as if they did not fit."""

    def load():
        monkeypatch.setattr(pixel_cache, "IN_MEMORY_BYTES", 1000)
        return load_dataset(request_)

    return load


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "ranktune" / "pixels").glob("*/*.npy"))


def test_mapped_images_are_those_in_memory(request_: DataRequest, mapped) -> None:
    whole, large = load_dataset(request_), mapped()
    assert isinstance(large.train_pixels, np.memmap)
    assert not isinstance(whole.train_pixels, np.memmap)
    for name in ("train_pixels", "test_pixels", "train_labels", "test_labels"):
        assert (getattr(whole, name) == getattr(large, name)).all()
    assert (whole.mean, whole.std, whole.checksum) == (large.mean, large.std, large.checksum)
    assert whole.counts == large.counts


@pytest.mark.seconds
def test_they_train_to_the_same_numbers(request_: DataRequest, mapped) -> None:
    config = TrainConfig(width=2, batch_size=16, epochs=2, classes=2, dataset="folder")
    losses = []
    for data in (load_dataset(request_), mapped()):
        trainer = Trainer(config, data, threads=1)
        losses.append([trainer.train_epoch().train_loss for _ in range(2)])
    assert losses[0] == losses[1]


def test_the_files_are_written_once(mapped, tmp_path: Path) -> None:
    mapped()
    before = [path.stat().st_mtime_ns for path in files(tmp_path)]
    mapped()
    assert [path.stat().st_mtime_ns for path in files(tmp_path)] == before
    assert len(before) == 2


def test_a_worker_gets_no_copy_but_maps_the_nodes_own(mapped) -> None:
    data = mapped()
    text = pickle.dumps(data)
    assert len(text) < 2_000
    again = pickle.loads(text)
    assert isinstance(again.train_pixels, np.memmap)
    assert again.checksum == data.checksum


def test_a_worker_that_stands_elsewhere_finds_images_of_a_relative_name(
    mapped, request_: DataRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped()
    monkeypatch.chdir(tmp_path)
    data = load_dataset(DataRequest("folder", request_.data_dir.relative_to(tmp_path)))
    text = pickle.dumps(data)
    (tmp_path / "trial").mkdir()
    monkeypatch.chdir(tmp_path / "trial")
    assert pickle.loads(text).checksum == data.checksum
    assert Path.cwd() == tmp_path / "trial"


def test_a_worker_that_starts_later_refuses_images_that_were_changed(
    mapped, request_: DataRequest
) -> None:
    text = pickle.dumps(mapped())
    one, other = (request_.data_dir / "train" / label / "00.png" for label in ("cat", "dog"))
    one.rename(one.with_name("kept"))
    other.rename(one)  # labels swapped: counts and classes stay
    one.with_name("kept").rename(other)
    with pytest.raises(DatasetError, match="were changed since the study began"):
        pickle.loads(text)
    shutil.rmtree(request_.data_dir)
    with pytest.raises(DatasetError, match=r"when the study began: .* does not exist"):
        pickle.loads(text)


@pytest.mark.parametrize(
    "harm", ["flip", "cut", "remove", "file in place of the folder", "link in place of the folder"]
)
def test_a_damaged_file_is_written_anew(mapped, tmp_path: Path, harm: str) -> None:
    checksum = mapped().checksum
    path = files(tmp_path)[-1]
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    if harm == "remove":
        path.unlink()
    elif harm.endswith("folder"):
        shutil.rmtree(path.parent)
        if harm.startswith("file"):
            path.parent.write_text("")
        else:
            path.parent.symlink_to("nowhere")
    else:
        path.write_bytes(content if harm == "flip" else content[:-100])
    data = mapped()
    assert data.checksum == checksum
    assert (
        file_digest(files(tmp_path)[-1])
        == json.loads((path.parent / pixel_cache.DONE).read_text())["files"][path.stem][2]
    )


def test_a_copied_file_is_read_once_and_kept(mapped, tmp_path: Path) -> None:
    mapped()
    path = files(tmp_path)[0]
    path.write_bytes(path.read_bytes())  # the same content, another time
    before = path.stat().st_mtime_ns
    mapped()
    assert path.stat().st_mtime_ns == before


def test_another_size_has_files_of_its_own(request_: DataRequest, mapped, tmp_path: Path) -> None:
    mapped()
    load_dataset(DataRequest("folder", request_.data_dir, image_size=48))
    assert len(files(tmp_path)) == 4


def test_a_disk_without_room_is_told_with_both_sizes(mapped, monkeypatch) -> None:
    monkeypatch.setattr(pixel_cache, "packed_bytes", lambda images, side: 10**18)
    with pytest.raises(DatasetError, match=r"need 1.0 EB, .* are free.*lower image_size"):
        mapped()


def test_a_disk_that_fills_while_files_are_made_is_told(mapped, tmp_path, monkeypatch) -> None:
    def full(file: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DatasetError, match=r"No space left on device; make room, name another"):
        mapped()
    assert files(tmp_path) == []
    assert len([*(tmp_path / "cache" / "ranktune" / "pixels").iterdir()]) == 1  # the lock
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(mapped().train_labels) == 80


def test_a_cache_that_cannot_be_written_is_used_where_it_is_whole(
    mapped, request_: DataRequest, tmp_path: Path, monkeypatch
) -> None:
    checksum = mapped().checksum

    class NoLock:
        def __init__(self, path: Path) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(pixel_cache, "FileLock", NoLock)
    assert mapped().checksum == checksum
    files(tmp_path)[0].unlink()
    with pytest.raises(DatasetError, match=r"cannot be kept in .*: Read-only file system; make"):
        mapped()


@pytest.mark.seconds  # starts processes
def test_processes_that_begin_at_once_make_the_files_once(request_, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from trainables.data import pixel_cache;"
        "from trainables.data.datasets.registry import load_dataset;"
        "from trainables.data.sources import DataRequest;"
        "pixel_cache.IN_MEMORY_BYTES = 1000;"
        "print(load_dataset(DataRequest('folder', Path(sys.argv[1]))).checksum)"
    )
    words = [sys.executable, "-c", program, str(request_.data_dir)]
    how = {"text": True, "env": child_environment(), "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(words, **how) for _ in range(3)]
    told = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(told) == 1
    assert len(files(tmp_path)) == 2
