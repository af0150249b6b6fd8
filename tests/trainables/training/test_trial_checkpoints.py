"""A remote storage that goes away holds up no training, and loses nothing."""

import socket
import threading
import time
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from trainables.config.trial_id import trial_id
from trainables.training.checkpoint_store import CheckpointName, CheckpointStore, StorageError
from trainables.training.job import TrialJob
from trainables.training.trainer import Trainer
from trainables.training.trial_checkpoints import TrialCheckpoints
from trainables.training.upload_queue import Upload, UploadQueue


class Bucket:
    """A real S3 server behind an address of its own, which can be switched off and on."""

    def __init__(self) -> None:
        self.server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, self.behind = self.server.get_host_and_port()
        fs.S3FileSystem(
            access_key="key",
            secret_key="secret",
            region="us-east-1",
            scheme="http",
            endpoint_override=f"{host}:{self.behind}",
            allow_bucket_creation=True,
        ).create_dir("bucket")
        self.answers = threading.Event()
        self.answers.set()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self) -> str:
        query = f"scheme=http&region=us-east-1&endpoint_override=127.0.0.1:{self.port}"
        return f"s3://key:secret@bucket/study?{query}"

    def close(self) -> None:
        self.door.close()
        self.server.stop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.door.accept()
            except OSError:
                return
            if not self.answers.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.behind))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        source.settimeout(0.1)
        while self.answers.is_set():
            try:
                data = source.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data:
                break
            target.sendall(data)
        for end in (source, target):
            end.close()


@pytest.fixture(scope="module")
def bucket():
    running = Bucket()
    yield running
    running.close()


@pytest.fixture
def attempt(bucket, tiny, digits):
    """An attempt at a trial of six epochs, and what it would save to."""
    config = tiny.with_values(epochs=6)
    name = trial_id(config, config.network_size())
    checkpoints = TrialCheckpoints(TrialJob(name, config.to_dict(), bucket.uri))
    yield Trainer(config, digits, threads=1), checkpoints, CheckpointStore(bucket.uri, name)
    checkpoints.close()


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_training_goes_on_while_the_storage_is_away_and_the_newest_arrives(attempt, bucket):
    trainer, checkpoints, store = attempt
    trainer.train_epoch()
    checkpoints.save(trainer, [0.1])
    assert checkpoints.wait(60)
    assert checkpoints.away_seconds == 0
    bucket.answers.clear()
    scores, began = [0.1], time.monotonic()
    while not trainer.finished:
        trainer.train_epoch()
        scores.append(0.1 * trainer.epochs_done)
        checkpoints.save(trainer, scores)
    assert time.monotonic() - began < 20  # pyarrow alone would try each copy for longer
    assert not checkpoints.wait(0.1)
    bucket.answers.set()
    assert checkpoints.wait(120)
    assert str(store.names()[0]) == "e6-a0"  # an object store may keep empty folders of others
    with store.read(CheckpointName(6, 0, 0)) as folder:
        assert {file.name for file in Path(folder).iterdir()} >= {"state.json"}
    assert checkpoints.away_seconds == 0


def test_a_stop_is_heard_although_nobody_waits_for_the_answer(attempt, bucket):
    _, checkpoints, _ = attempt
    assert not checkpoints.stop_requested()
    system, root = fs.FileSystem.from_uri(bucket.uri)
    with system.open_output_stream(f"{root}/STOP") as file:
        file.write(b"please")
    try:
        until(checkpoints.stop_requested)
    finally:
        system.delete_file(f"{root}/STOP")


def test_what_cannot_be_read_is_no_reason_to_train_anew(attempt, bucket, digits):
    trainer, checkpoints, store = attempt
    trainer.train_epoch()
    store.write(CheckpointName(1, 0, 0), trainer.save)
    bucket.answers.clear()
    impatient = CheckpointStore(bucket.uri, trainer.trial_id, retry_seconds=1.0)
    checkpoints._store = impatient
    try:
        with pytest.raises(StorageError):
            checkpoints.restore(trainer)
    finally:
        bucket.answers.set()


def test_a_storage_that_does_not_answer_is_away_before_it_raises(attempt, bucket, tmp_path):
    trainer, _, store = attempt
    uploads = UploadQueue(store, lambda folder: None, patience=0.3)
    trainer.save(tmp_path / "e0-a9")
    bucket.answers.clear()
    uploads.put(Upload(CheckpointName(0, 0, 9), tmp_path / "e0-a9", lambda: None))
    try:
        until(lambda: uploads.away_seconds > 0.3, 5)
        assert uploads.problem == ""
    finally:
        bucket.answers.set()
    assert uploads.wait(60)
    assert uploads.away_seconds == 0
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
