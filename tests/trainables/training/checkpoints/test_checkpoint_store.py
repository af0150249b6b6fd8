"""Checkpoints on a disk and behind a URI, through one interface."""

import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
import torch
from pyarrow import fs

from trainables.config.checkpoint_place import CheckpointName
from trainables.training.checkpoints.checkpoint import (
    STATE,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from trainables.training.checkpoints.checkpoint_store import (
    BackgroundPoll,
    CheckpointStore,
    StorageError,
)
from trainables.training.job import LEAVE_FILE, STOP_FILE


@pytest.fixture(params=["folder", "uri"])
def storage(request, tmp_path):
    """The same folder, as a path and as a URI, which goes through pyarrow's file systems."""
    return str(tmp_path) if request.param == "folder" else tmp_path.as_uri()


def save(number):
    """Something that writes a checkpoint of one number."""
    return lambda folder: write_checkpoint(folder, {"x": torch.ones(1)}, {"number": number})


@pytest.mark.parametrize("name", ["e3-a0", "e12-a3-b57"])
def test_a_name_says_how_far_training_was_and_whose_it_is(name):
    assert str(CheckpointName.parse(name)) == name


@pytest.mark.parametrize("name", [".12.partial", "e3", "e3-a0-b", "xe3-a0", "e3-a0.old"])
def test_other_files_are_no_checkpoints(name):
    assert CheckpointName.parse(name) is None


def test_the_furthest_checkpoint_comes_first(tmp_path):
    for name in ("e2-a1", "e10-a0", "e2-a0-b7", "notes"):
        (tmp_path / "trial" / name).mkdir(parents=True)
    names = CheckpointStore(str(tmp_path), "trial").names()
    assert [str(name) for name in names] == ["e10-a0", "e2-a0-b7", "e2-a1"]


def test_what_is_written_is_listed_read_and_removed(storage):
    store = CheckpointStore(storage, "trial")
    assert store.names() == []
    for epoch in (1, 2):
        store.write(CheckpointName(epoch, 0, 0), save(epoch))
    with store.read(store.names()[0]) as folder:
        assert read_checkpoint(folder)[1]["number"] == 2
    store.remove(CheckpointName(2, 0, 0))
    store.remove(CheckpointName(2, 0, 0))  # gone already
    with store.read(CheckpointName(1, 0, 0)) as folder:
        assert read_checkpoint(folder)[1]["number"] == 1
    for name in store.names()[:-1]:  # an object store may keep the empty folder
        with store.read(name) as folder, pytest.raises(CheckpointError):
            read_checkpoint(folder)


def test_a_checkpoint_whose_copy_was_cut_off_is_no_checkpoint(storage, tmp_path):
    store = CheckpointStore(storage, "trial")
    store.write(CheckpointName(1, 0, 0), save(1))
    (tmp_path / "trial" / "e1-a0" / STATE).unlink()
    with store.read(CheckpointName(1, 0, 0)) as folder, pytest.raises(CheckpointError):
        read_checkpoint(folder)


def test_a_file_asks_one_attempt_to_leave_and_another_all_to_stop(storage, tmp_path):
    store = CheckpointStore(storage, "trial")
    assert store.request(3) == ""
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / f"{LEAVE_FILE}-a3").touch()
    assert [store.request(attempt) for attempt in (2, 3, 4)] == ["", LEAVE_FILE, ""]
    (tmp_path / STOP_FILE).touch()
    assert store.request(3) == store.request(4) == STOP_FILE


def test_a_storage_that_is_away_for_a_moment_is_waited_for(tmp_path):
    """The folder above cannot be written until it is made writable again, from another thread."""
    blocker = tmp_path / "storage"
    blocker.write_text("a file where the folder should be")
    store = CheckpointStore(blocker.as_uri(), "trial", retry_seconds=20)
    threading.Timer(0.5, blocker.unlink).start()
    store.write(CheckpointName(1, 0, 0), save(1))
    assert len(store.names()) == 1


def test_a_storage_that_stays_away_is_an_error_after_the_deadline(tmp_path):
    (tmp_path / "storage").write_text("a file where the folder should be")
    store = CheckpointStore((tmp_path / "storage").as_uri(), "trial", retry_seconds=0.2)
    with pytest.raises(StorageError, match=r"refused for \d+ s"):
        store.write(CheckpointName(1, 0, 0), save(1))


@pytest.mark.seconds
def test_a_page_that_answers_every_question_is_no_storage(bucket):
    """A proxy that says success to all: nothing was written, and nothing is asked for."""
    store = CheckpointStore(bucket.uri("storage"), "trial")
    store.write(CheckpointName(1, 0, 0), save(1))
    bucket.fault = "page"
    assert store.request(1) == ""
    impatient = CheckpointStore(bucket.uri("storage"), "trial", retry_seconds=1.0)
    with pytest.raises(StorageError):
        impatient.write(CheckpointName(2, 0, 0), save(2))
    with pytest.raises(StorageError):
        impatient.names()
    with pytest.raises(StorageError), impatient.read(CheckpointName(1, 0, 0)):
        pass
    bucket.fault = ""
    assert store.names() == [CheckpointName(1, 0, 0)]


@pytest.mark.seconds
def test_a_bucket_whose_region_no_network_tells_is_asked_for_again():
    """Of a URI without a region, which a worker that starts in an outage cannot open."""
    alone = ["unshare", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("no network namespaces here")
    ask = (
        "from trainables.training.checkpoints.checkpoint_store import *\n"
        "try: CheckpointStore('s3://key:secret@bucket/x', 'trial', retry_seconds=1.0)\n"
        "except StorageError as problem: print(problem)"
    )
    done = subprocess.run(
        [*alone, sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("the storage s3://bucket/x/trial refused for "), done.stdout


def test_a_storage_that_never_answers_is_an_error_too(tmp_path):
    """A server that accepts a connection and says nothing: S3 behind a cut link."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        query = f"scheme=http&region=us-east-1&endpoint_override=127.0.0.1:{port}"
        store = CheckpointStore(f"s3://key:secret@bucket/x?{query}", "trial", retry_seconds=1.0)
        began = time.monotonic()
        with pytest.raises(StorageError, match="no answer within 1 s"):
            store.names()
        assert time.monotonic() - began < 5


def test_a_poll_is_never_waited_for():
    asked, may_answer = [], threading.Event()

    def ask():
        asked.append(1)
        may_answer.wait(10)
        return True

    poll = BackgroundPoll(ask, seconds=0.01)
    assert not any(poll() for _ in range(1000))
    may_answer.set()
    deadline = time.monotonic() + 5
    while not poll() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert poll()
    time.sleep(0.05)
    assert len(asked) == 1  # a yes is final


def test_the_local_file_system_of_a_uri_is_pyarrows(tmp_path):
    """What the tests above mean by "uri": the code of every remote storage."""
    assert isinstance(fs.FileSystem.from_uri(tmp_path.as_uri())[0], fs.LocalFileSystem)
