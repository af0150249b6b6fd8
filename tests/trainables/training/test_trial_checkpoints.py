"""A remote storage that goes away holds up no training, and loses nothing."""

import time
from pathlib import Path

import pytest
from pyarrow import fs

from trainables.config.checkpoint_place import CheckpointName
from trainables.config.trial_id import trial_id
from trainables.training.checkpoints.checkpoint_store import (
    CheckpointStore,
    StorageError,
)
from trainables.training.checkpoints.upload_queue import Upload, UploadQueue
from trainables.training.job import TrialJob
from trainables.training.trainer import Trainer
from trainables.training.trial_checkpoints import TrialCheckpoints


@pytest.fixture
def attempt(bucket, tiny, digits, tmp_path):
    """An attempt at a trial of six epochs, and what it would save to."""
    config = tiny.with_values(epochs=6)
    name = trial_id(config, config.network_size())
    place = bucket.uri(tmp_path.name)
    checkpoints = TrialCheckpoints(TrialJob(name, config.to_dict(), place))
    yield Trainer(config, digits, threads=1), checkpoints, CheckpointStore(place, name)
    checkpoints.close()


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


@pytest.mark.parametrize("fault", ["refuses", "hangs", "503", "full"])
def test_training_goes_on_while_the_storage_is_away_and_the_newest_arrives(attempt, bucket, fault):
    trainer, checkpoints, store = attempt
    trainer.train_epoch()
    checkpoints.save(trainer, [0.1])
    assert checkpoints.wait(60)
    assert checkpoints.away_seconds == 0
    bucket.fault = fault
    scores, began = [0.1], time.monotonic()
    while not trainer.finished:
        trainer.train_epoch()
        scores.append(0.1 * trainer.epochs_done)
        checkpoints.save(trainer, scores)
    assert time.monotonic() - began < 20  # pyarrow alone would try each copy for longer
    assert not checkpoints.wait(0.1)
    checkpoints._uploads._slow_after = 0.5  # a patience that a test has
    until(lambda: checkpoints.away_seconds > 0, 20)
    bucket.fault = ""
    assert checkpoints.wait(120)
    assert str(store.names()[0]) == "e6-a0"  # an object store may keep empty folders of others
    with store.read(CheckpointName(6, 0, 0)) as folder:
        assert {file.name for file in Path(folder).iterdir()} >= {"state.json"}
    assert checkpoints.away_seconds == 0


def test_a_shared_folder_that_is_not_mounted_for_a_while_is_an_outage(tiny, digits, tmp_path):
    config = tiny.with_values(epochs=2)
    name, share = trial_id(config, config.network_size()), tmp_path / "share"
    share.mkdir()
    job = TrialJob(name, config.to_dict(), str(share), storage_is_shared=True)
    trainer, checkpoints = Trainer(config, digits, threads=1), TrialCheckpoints(job)
    trainer.train_epoch()
    checkpoints.save(trainer, [0.1])
    assert checkpoints.wait(60)
    share.rename(tmp_path / "away")
    trainer.train_epoch()
    checkpoints.save(trainer, [0.1, 0.2])
    until(lambda: f"there is no {share}: mount it" in checkpoints.problem)
    assert not share.exists()  # a folder below the missing mount would be this machine's own
    (tmp_path / "away").rename(share)
    assert checkpoints.wait(60)
    checkpoints.close()
    assert [folder.name for folder in (share / name).iterdir()] == ["e2-a0"]
    fresh, again = Trainer(config, digits, threads=1), TrialCheckpoints(job)
    again.restore(fresh)
    again.close()
    assert fresh.epochs_done == 2


def test_a_disk_without_room_for_scratch_files_holds_up_no_training(attempt, tmp_path, monkeypatch):
    trainer, checkpoints, store = attempt
    blocker = tmp_path / "scratch"
    blocker.write_text("a file where the folder should be")
    monkeypatch.setattr("tempfile.tempdir", str(blocker))
    for scores in ([0.1], [0.1, 0.2]):
        trainer.train_epoch()
        checkpoints.save(trainer, scores)
    assert not checkpoints.wait(0.2)
    assert checkpoints.away_seconds >= 0.2
    assert str(blocker) in checkpoints.problem
    blocker.unlink()
    blocker.mkdir()
    assert checkpoints.wait(60)
    assert (checkpoints.away_seconds, checkpoints.problem) == (0, "")
    assert [str(name) for name in store.names()] == ["e2-a0"]


def test_a_stop_is_heard_although_nobody_waits_for_the_answer(attempt, bucket, tmp_path):
    _, checkpoints, _ = attempt
    assert checkpoints.request() == ""
    system, root = fs.FileSystem.from_uri(bucket.uri(tmp_path.name))
    with system.open_output_stream(f"{root}/STOP") as file:
        file.write(b"please")
    try:
        until(checkpoints.request)
    finally:
        system.delete_file(f"{root}/STOP")


def test_what_cannot_be_read_is_no_reason_to_train_anew(attempt, bucket, digits, tmp_path):
    trainer, checkpoints, store = attempt
    trainer.train_epoch()
    store.write(CheckpointName(1, 0, 0), trainer.save)
    bucket.fault = "refuses"
    impatient = CheckpointStore(bucket.uri(tmp_path.name), trainer.trial_id, retry_seconds=1.0)
    checkpoints._store = impatient
    try:
        with pytest.raises(StorageError):
            checkpoints.restore(trainer)
    finally:
        bucket.fault = ""


def test_a_storage_that_does_not_answer_is_away_before_it_raises(attempt, bucket, tmp_path):
    trainer, _, store = attempt
    uploads = UploadQueue(store, lambda folder: None, patience=0.3)
    trainer.save(tmp_path / "e0-a9")
    bucket.fault = "hangs"
    uploads.put(Upload(CheckpointName(0, 0, 9), tmp_path / "e0-a9", lambda: None))
    try:
        until(lambda: uploads.away_seconds > 0.3, 5)
        assert uploads.problem == ""
    finally:
        bucket.fault = ""
    assert uploads.wait(60)
    assert uploads.away_seconds == 0
    uploads.close()


def test_whatever_is_raised_on_the_way_nobody_waits_for_a_thread_that_ended(tmp_path):
    def lost():
        raise FileNotFoundError("another attempt removed it")

    store = CheckpointStore((tmp_path / "storage").as_uri(), "trial", retry_seconds=0.05)
    uploads = UploadQueue(store, lambda folder: None)
    for epoch in (1, 2):
        folder = tmp_path / f"e{epoch}"
        folder.mkdir()
        (folder / "state.json").write_text(str(epoch))
        uploads.put(Upload(CheckpointName(epoch, 0, 0), folder, lost))
        assert uploads.wait(30)
    uploads.put(Upload(CheckpointName(3, 0, 0), tmp_path / "e3", lost))  # a folder that is gone
    assert not uploads.wait(1)
    until(lambda: uploads.away_seconds > 0)
    assert "no checkpoint is left" in uploads.problem
    uploads.close()


def test_a_newer_checkpoint_takes_the_place_of_one_that_waits(tmp_path):
    blocker = tmp_path / "storage"
    blocker.write_text("a file where the folder should be")
    store = CheckpointStore(blocker.as_uri(), "trial", retry_seconds=0.05)
    discarded, arrived = [], []
    uploads = UploadQueue(store, discarded.append)
    for epoch in (1, 2, 3, 4):
        folder = tmp_path / f"e{epoch}"
        folder.mkdir()
        (folder / "state.json").write_text(str(epoch))
        name = CheckpointName(epoch, 0, 0)
        uploads.put(Upload(name, folder, lambda name=name: arrived.append(str(name))))
    until(lambda: len(discarded) == 3)
    until(lambda: uploads.away_seconds > 0)
    assert "storage" in uploads.problem
    blocker.unlink()
    assert uploads.wait(30)
    assert arrived == ["e4-a0"]
    assert (blocker / "trial" / "e4-a0" / "state.json").read_text() == "4"
    uploads.close()
