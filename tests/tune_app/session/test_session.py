"""Between Ray's events: room on the disk, the time budget, who asked for an end."""

import threading
import time
from pathlib import Path

import pytest

from analysis.record.status import TrialStatus
from tests.bucket import Bucket
from tests.tune_app.workload import plan_of, some_trials
from trainables.compiled.switch import SWITCH
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import RetryPolicy
from tune_app.deciding.halt import Halt
from tune_app.deciding.list_searcher import ListSearcher
from tune_app.deciding.searcher import SearchContext
from tune_app.record.history import History
from tune_app.record.ledger import Ledger
from tune_app.record.storage import StorageFolder, free_bytes
from tune_app.session.disk_space import DiskSpace
from tune_app.session.progress_display import ProgressDisplay
from tune_app.session.session import Session
from tune_app.session.signal_handler import SignalHandler
from tune_app.session.watchdog import HangTimeouts, Watchdog


@pytest.fixture
def session(tmp_path):
    history, halt = History(), Halt()
    searcher = ListSearcher(SearchContext(plan_of(some_trials(3)), history))
    storage = tmp_path / "checkpoints"
    storage.mkdir()
    with Ledger(tmp_path) as ledger:
        yield Session(
            ledger=ledger,
            dispatcher=Dispatcher(
                searcher=searcher,
                history=history,
                write=ledger.append,
                policy=RetryPolicy(),
                halt=halt,
            ),
            disk=DiskSpace(str(storage), 0, halt),
            progress=ProgressDisplay(history, planned=3),
            signals=SignalHandler(),
            watchdog=Watchdog(HangTimeouts()),
            storage=str(storage),
            lost_event=threading.Event(),
        )


def tick(session):
    session.polled_at = 0.0
    session.tick()


def test_no_trial_starts_on_a_full_disk_and_the_search_says_what_it_needs(session, lines):
    session.disk.needed_bytes = 2 * free_bytes(session.storage)
    assert not session.may_start()
    assert not session.may_start()
    (line,) = lines
    assert "the disk is full" in line
    assert "are needed" in line
    session.disk.needed_bytes = 0
    assert session.may_start()
    assert "the disk has room again" in lines[-1]


def test_no_trial_starts_while_it_is_held(session):
    session.hold(60)
    assert not session.may_start()
    session.hold(0)
    assert session.may_start()


def test_a_disk_that_stays_full_ends_the_search(session):
    session.disk.needed_bytes = 2 * free_bytes(session.storage)
    session.may_start()
    session.disk._full_since -= 601
    session.may_start()
    assert "stayed full" in session.dispatcher.halted


def test_the_ledger_waits_for_room_until_the_search_is_halted(session):
    assert session.disk.wait(Path("study"), 100)
    session.dispatcher.halt("enough")
    assert not session.disk.wait(Path("study"), 100)


def test_a_used_up_budget_stops_the_search_and_asks_trials_to_save(session, tmp_path):
    session.ends_at, session.budget = time.monotonic() - 1, "2.0 h"
    tick(session)
    assert session.dispatcher.halted == "the time budget of 2.0 h is used up"
    assert (tmp_path / "checkpoints" / "STOP").read_text() == session.dispatcher.halted
    assert not session.out_of_time
    session.signals.deadline = time.monotonic() - 1
    assert session.out_of_time
    session.clear_stop()
    assert not (tmp_path / "checkpoints" / "STOP").exists()


def test_a_storage_that_is_away_keeps_no_request_to_stop(session, lines):
    with Bucket() as bucket:
        session.storage = bucket.uri("study")
        StorageFolder(session.storage).write("STOP", b"")
        bucket.fault = "404"
        threading.Timer(1.0, setattr, (bucket, "fault", "")).start()
        session.clear_stop()
        with pytest.raises(FileNotFoundError):
            StorageFolder(session.storage).read("STOP")
    assert lines == ["waiting for the storage s3://bucket/study: the bucket bucket does not exist"]


def test_a_folder_that_keeps_the_request_to_stop_halts_the_search(session, tmp_path):
    stop = tmp_path / "checkpoints" / "STOP"
    stop.mkdir(parents=True)  # a folder of that name cannot be removed as a file
    session.clear_stop()
    assert f"{stop} would end every trial" in session.dispatcher.halted


def test_the_time_budget_ends_the_wait_for_a_storage(session, lines):
    with Bucket() as bucket:
        session.storage = bucket.uri("study")
        bucket.fault = "404"
        session.ends_at = time.monotonic() + 0.5
        session.clear_stop()
    assert len(lines) == 1


def test_losing_the_lease_stops_the_search(session, tmp_path):
    session.lost_event.set()
    tick(session)
    assert "another driver" in session.dispatcher.halted
    assert not (tmp_path / "checkpoints" / "STOP").exists()  # its trials train on
    assert session.out_of_time


def test_the_trials_of_a_host_that_is_taken_away_are_asked_once(session, tmp_path, lines):
    for _ in range(3):
        assert session.dispatcher.next_attempt()
    _, *far = session.dispatcher.running
    for _ in range(2):
        session.leave("far", [*far, "ended"])
    asked = {path.parent.name for path in (tmp_path / "checkpoints").glob("*/LEAVE-a1")}
    assert asked == set(far)
    assert lines == ["host far is about to be taken away: its 2 trials save now"]


def test_a_standstill_stops_the_search(session):
    session.watchdog.moved -= 100_000
    tick(session)
    assert "no trial made progress" in session.dispatcher.halted


def test_the_first_reason_stays(session):
    session.stop("one")
    session.stop("two")
    assert session.dispatcher.halted == "one"


@pytest.mark.parametrize(("code", "told"), [("torch", 1), ("compiled", 0)])
def test_a_host_on_which_no_kernels_in_c_train_is_named_once(
    session, lines, monkeypatch, code, told
):
    monkeypatch.delenv(SWITCH, raising=False)
    for number in (1, 2):
        attempt = session.dispatcher.next_attempt()
        trial_id = attempt.trial_id
        session.dispatcher.started(trial_id, "worker1", "cpu", threads=1)
        session.dispatcher.ended(trial_id, TrialStatus.INTERRUPTED, code)
        session.on_end(trial_id)
        assert sum("torch's own kernels train on worker1" in line for line in lines) == told, number
    monkeypatch.setenv(SWITCH, "0")
    session._told_hosts.clear()
    session.on_end(trial_id)
    assert sum("torch's own kernels" in line for line in lines) == told
