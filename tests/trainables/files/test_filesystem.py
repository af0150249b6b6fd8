"""What is not there is told from what cannot be asked."""

import threading

import pytest

from trainables.config.checkpoint_place import CheckpointName
from trainables.files.filesystem import filesystem, list_folder, read_file
from trainables.files.storage import join
from trainables.training.checkpoints.checkpoint_store import CheckpointStore, StorageError
from tune_app.record.storage import StorageFolder


@pytest.fixture
def gone(bucket):
    """A place whose bucket is gone for now; it holds one file."""
    place = bucket.uri("place")
    StorageFolder(place).write("file", b"content")
    bucket.fault = "404"
    yield place
    bucket.fault = ""


def test_nothing_is_nothing(bucket):
    system, root = filesystem(bucket.uri("empty"))
    assert list_folder(system, root) == []
    with pytest.raises(FileNotFoundError):
        read_file(system, f"{root}/file")


@pytest.mark.slow
def test_a_bucket_that_takes_five_seconds_a_request_answers(bucket):
    folder = StorageFolder(bucket.uri("slowly"))
    bucket.seconds = 5.0
    try:
        folder.write("file", b"content")
        assert folder.read("file") == b"content"
    finally:
        bucket.seconds = 0.0


def test_a_bucket_that_is_gone_is_not_empty(gone):
    system, root = filesystem(gone)
    with pytest.raises(OSError, match="the bucket bucket does not exist"):
        list_folder(system, root)
    with pytest.raises(OSError, match="the bucket bucket does not exist"):
        read_file(system, f"{root}/file")
    with pytest.raises(StorageError, match="the bucket bucket does not exist"):
        CheckpointStore(gone, "trial", retry_seconds=2).names()  # a busy machine answers late
    with pytest.raises(OSError, match="the bucket bucket does not exist"):
        StorageFolder(gone).write("file", b"other")


@pytest.mark.parametrize("ask", [lambda one: one.names(""), lambda one: one.read("file")])
def test_a_bucket_that_was_gone_for_a_moment_is_asked_again(bucket, gone, ask):
    folder = StorageFolder(gone)
    bucket.seconds = 0.3
    threading.Timer(0.45, setattr, (bucket, "fault", "")).start()  # between two requests
    try:
        assert ask(folder)
    finally:
        bucket.seconds = 0.0


def test_a_checkpoint_in_a_bucket_that_is_gone_is_not_passed_over(bucket, gone):
    store, name = CheckpointStore(gone, "trial", retry_seconds=0.1), CheckpointName(2, 0, 0)
    with pytest.raises(StorageError), store.read(name):
        pass
    bucket.fault = ""
    with pytest.raises(FileNotFoundError), CheckpointStore(gone, "trial").read(name):
        pass  # another attempt removed it


def test_a_folder_that_cannot_be_read_is_not_empty(tmp_path):
    assert StorageFolder(str(tmp_path)).names("none") == []
    (tmp_path / "below").symlink_to("below")
    with pytest.raises(OSError, match="below"):
        StorageFolder(str(tmp_path)).names("below")


NAMES = ["with space", "ümläut", "100%", "%41", "a?b", "a#b", "a&b=c", "a+b", "[x]", "a'b", "~x"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name(tmp_path, name):
    place = str(tmp_path / name)
    study = StorageFolder(join(place, "study"))
    study.write("record/file", b"content")
    assert (tmp_path / name / "study" / "record" / "file").read_bytes() == b"content"
    assert study.names("record") == ["file"]
    assert StorageFolder(place).read("study/record/file") == b"content"


@pytest.mark.parametrize("name", NAMES)
def test_a_study_in_a_bucket_may_have_any_name(bucket, name):
    place = bucket.uri("with%20space")
    study = StorageFolder(join(place, name))
    study.write("record/file", b"content")
    StorageFolder(join(place, f"{name}-b")).write("record/other", b"")  # a name that begins alike
    assert study.names("record") == ["file"]
    assert StorageFolder(place).read(f"{name}/record/file") == b"content"
