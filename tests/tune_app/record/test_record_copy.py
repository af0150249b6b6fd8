"""The record in the storage is what the driver wrote, whatever the storage does meanwhile."""

import threading
import time
from pathlib import Path

import pytest

from analysis.record.rows import Closed, Epoch
from tune_app.record.ledger import Ledger
from tune_app.record.record_copy import RecordCopy
from tune_app.record.shared_record import RECORD, SharedRecord, SharedRecordError
from tune_app.record.storage import StorageFolder


@pytest.fixture(params=["folder", "bucket"])
def storage(request, tmp_path, bucket) -> str:
    place = f"{tmp_path.name}/study"
    return bucket.uri(place) if request.param == "bucket" else str(tmp_path / "storage" / place)


def epoch(number: int) -> Epoch:
    return Epoch("trial", 1, float(number), number, 0.5, 0.5)


def copied(storage: str) -> bytes:
    return SharedRecord(StorageFolder(storage)).content()


def copy_of(ledger: Ledger, storage: str, **settings) -> RecordCopy:
    return RecordCopy(storage, ledger.path, lambda: ledger.size, **{"every": 0.02, **settings})


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def test_it_grows_with_the_ledger_in_segments_that_are_written_once(storage, tmp_path):
    with Ledger(tmp_path) as ledger, copy_of(ledger, storage, seal_bytes=1000) as copy:
        for number in range(1, 40):
            ledger.append(epoch(number))
            time.sleep(0.005)
        until(lambda: copied(storage) == ledger.path.read_bytes())
        (tmp_path / "study.json").write_text("{}")
        copy.add(tmp_path / "study.json", tmp_path / "absent.json")
        ledger.append(Closed(0.0, "done"))
        assert copy.finish(30)
    assert copied(storage) == ledger.path.read_bytes()
    record = SharedRecord(StorageFolder(storage))
    assert record.fetch("study.json", tmp_path / "fetched.json")
    segments = record.segments()
    assert all(one.length >= 1000 for one in segments[:-1])
    assert len(segments) > 3
    kept = sorted(segment.name for segment in segments)  # what was replaced is removed
    until(lambda: sorted(record.folder.names(f"{RECORD}/segments")) == kept)


def test_the_next_driver_builds_on_what_is_sealed_and_the_one_before_cannot_spoil_it(
    storage, tmp_path
):
    lost_event = threading.Event()
    with (
        Ledger(tmp_path / "old") as old,
        copy_of(old, storage, seal_bytes=1000, lost_event=lost_event) as sleeper,
    ):
        old.append(*map(epoch, range(1, 26)))
        until(lambda: copied(storage) == old.path.read_bytes())
        *sealed, open_one = SharedRecord(StorageFolder(storage)).segments()
        assert open_one.length < 1000 <= sealed[-1].length

        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "ledger.jsonl").write_bytes(copied(storage))
        with Ledger(tmp_path / "new") as new, copy_of(new, storage, seal_bytes=1000) as copy:
            new.append(epoch(26))
            assert copy.finish(30)
        segments = SharedRecord(StorageFolder(storage)).segments()
        assert segments[:-1] == sealed
        assert segments[-1].start == open_one.start  # the open one is written anew

        old.append(epoch(27), epoch(28))  # it was taken for dead, and wakes up
        assert lost_event.wait(30)
        assert sleeper.finish(1)  # nothing of it is left to do
    assert copied(storage) == (tmp_path / "new" / "ledger.jsonl").read_bytes()


@pytest.mark.parametrize("fault", ["refuses", "503", "full", "page"])
def test_an_outage_holds_nobody_up_and_its_end_brings_everything(bucket, fault, tmp_path):
    storage = bucket.uri(f"{tmp_path.name}/study")
    with Ledger(tmp_path) as ledger, copy_of(ledger, storage) as copy:
        until(lambda: copied(storage) == ledger.path.read_bytes())
        before = copied(storage)
        bucket.fault = fault
        try:
            began = time.monotonic()
            ledger.append(*map(epoch, range(1, 100)))
            assert time.monotonic() - began < 5  # S3 is asked for six
            until(lambda: copy.away_seconds > 1)
            assert not copy.finish(0.1)
        finally:
            bucket.fault = ""
        assert copy.finish(60)
        assert copy.away_seconds == 0
        assert copied(storage) == ledger.path.read_bytes() != before


@pytest.mark.seconds
def test_a_slow_storage_has_as_long_as_it_takes_to_get_everything(bucket, tmp_path):
    storage = bucket.uri(f"{tmp_path.name}/study")
    files = [tmp_path / f"{number}.parquet" for number in range(8)]
    for file in files:
        file.write_bytes(b"table")
    with Ledger(tmp_path) as ledger, copy_of(ledger, storage) as copy:
        until(lambda: copied(storage) == ledger.path.read_bytes())
        bucket.seconds = 0.3  # of which each file takes several
        copy.add(*files)
        began = time.monotonic()
        assert copy.finish(4)
        assert time.monotonic() - began > 4
        bucket.seconds = 0.0
    folder = StorageFolder(storage)
    assert all(folder.read(f"{RECORD}/{file.name}") == b"table" for file in files)


def test_a_storage_that_removes_nothing_is_not_away(bucket, tmp_path):
    """A removal that is retried for seconds is no outage, and giving it up no recovery."""
    storage = bucket.uri(f"{tmp_path.name}/study")
    with Ledger(tmp_path) as ledger, copy_of(ledger, storage) as copy:
        until(lambda: copied(storage) == ledger.path.read_bytes())
        bucket.fault = "removes nothing"
        ledger.append(epoch(1))
        until(lambda: copied(storage) == ledger.path.read_bytes())
        longest, end = 0.0, time.monotonic() + 2
        while time.monotonic() < end:
            longest = max(longest, copy.away_seconds)
            time.sleep(0.02)
        bucket.fault = ""
        assert longest < 1
        assert copy.finish(60)


def test_a_half_written_last_segment_is_passed_over_and_a_damaged_one_refused(tmp_path):
    storage = str(tmp_path / "storage")
    with Ledger(tmp_path) as ledger, copy_of(ledger, storage, seal_bytes=1000) as copy:
        ledger.append(*map(epoch, range(1, 30)))
        assert copy.finish(30)
    whole = copied(storage)
    record = SharedRecord(StorageFolder(storage))
    last = record.segments()[-1]
    folder = Path(storage) / RECORD / "segments" / last.driver
    (folder / f"{last.start:012d}-{last.length + 9}-0123456789abcdef.jsonl").write_text("half of")
    assert copied(storage) == whole
    (Path(storage) / RECORD / "segments" / record.segments()[0].name).write_bytes(b"others")
    with pytest.raises(SharedRecordError, match="does not hold what was written"):
        copied(storage)
