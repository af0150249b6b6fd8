"""A study has one driver at a time."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from trainables.files.filesystem import NotStoredError
from trainables.files.study_folder import LEASE
from tune_app.record import lease as lease_module
from tune_app.record.lease import STALE_SECONDS, Holder, Lease, LeaseHeldError
from tune_app.record.storage import StorageFolder

HOLD = """
import sys, time
from pathlib import Path
from tune_app.record.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_driver(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def entered_or_none(lease: Lease) -> Lease | None:
    with contextlib.suppress(LeaseHeldError):
        return lease.__enter__()
    return None


LONG = 60.0
"""Whatever else the machine does, a lease is renewed in this time."""


def wait_for(come_true) -> None:
    deadline = time.monotonic() + LONG
    while True:
        with contextlib.suppress(AssertionError, OSError, msgspec.DecodeError):
            if come_true():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read_holder(study) -> Holder:
    return msgspec.json.decode((study / LEASE).read_bytes(), type=Holder)


def write_holder(study, **changes):
    who = {"token": "t", "host": "far", "pid": 1, "renewed": 0.0}
    fields = {**who, "started_at": 0.0, "pid_namespace": ""}
    (study / LEASE).write_bytes(msgspec.json.encode(Holder(**{**fields, **changes})))


def test_the_second_driver_is_told_who_holds_the_study(tmp_path, other_driver):
    with pytest.raises(LeaseHeldError, match=f"in use by process {other_driver.pid} on"):
        Lease(tmp_path).__enter__()


def test_a_killed_driver_is_followed_at_once(tmp_path, other_driver):
    other_driver.kill()
    other_driver.wait()
    start = time.monotonic()
    with Lease(tmp_path):
        assert time.monotonic() - start < STALE_SECONDS


def test_the_lease_in_a_copy_of_a_running_study_keeps_nobody_off(tmp_path, other_driver, lines):
    copy = tmp_path.with_name(f"{tmp_path.name}-copy")
    shutil.copytree(tmp_path, copy)
    with Lease(copy, renew=0.05, stale=0.5):
        assert read_holder(copy).pid == os.getpid()
    assert "waiting up to" in lines[0]
    with pytest.raises(LeaseHeldError, match=f"in use by process {other_driver.pid} on"):
        Lease(tmp_path).__enter__()
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    with pytest.raises(LeaseHeldError):
        Lease(moved).__enter__()


def test_a_link_to_nowhere_is_no_other_driver(tmp_path):
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(FileExistsError), Lease(tmp_path / "link"):
        pass


def test_leaving_lets_go(tmp_path):
    for _ in range(2):
        with Lease(tmp_path):
            assert (tmp_path / LEASE).exists()
    assert not (tmp_path / LEASE).exists()


def test_another_host_that_renewed_lately_and_then_died_is_followed_after_waiting(tmp_path, lines):
    write_holder(tmp_path, renewed=time.time())
    began = time.monotonic()
    with Lease(tmp_path, renew=0.05, stale=1.0):
        assert 1.0 <= time.monotonic() - began < STALE_SECONDS
    (line,) = lines
    assert (
        "was last driven by process 1 on far, which began 1970-01-01 00:00 UTC; a study has one "
        "driver at a time, so waiting up to 1 s"
    ) in line


def test_a_holder_of_a_slow_storage_has_as_long_as_it_says(tmp_path):
    write_holder(tmp_path, renewed=time.time() - 100, patience=2.0)
    began = time.monotonic()
    with Lease(tmp_path, renew=0.05, stale=0.1):
        assert time.monotonic() - began >= 2.0


@pytest.mark.parametrize("behind", [0, 3600])
def test_a_host_that_renews_holds_the_study_whatever_its_clock_says(tmp_path, behind, lines):
    """Its clock runs behind, so the age alone would call it dead."""
    script = """
import sys, time, msgspec
from pathlib import Path
from tune_app.record import lease as lease_module
from tune_app.record.lease import Holder
path = Path(sys.argv[1]) / "lease.json"
while True:
    holder = Holder("t", "far", 1, 0.0, "elsewhere", time.time() - float(sys.argv[2]))
    draft = path.with_suffix(".new"); draft.write_bytes(msgspec.json.encode(holder))
    draft.replace(path); print("renewed", flush=True); time.sleep(0.05)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(behind)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LeaseHeldError, match="in use by process 1 on far, which began 1970"):
            Lease(tmp_path, renew=0.1).__enter__()
        assert lines == []  # the refusal says it all
    finally:
        process.kill()
        process.wait()


def test_a_driver_that_slept_while_another_took_over_learns_it(tmp_path):
    with Lease(tmp_path, renew=0.05) as lease:
        write_holder(tmp_path, token="another", renewed=time.time())
        assert lease.lost_event.wait(LONG)
    assert (tmp_path / LEASE).exists()  # the other's lease is left alone


def test_a_lease_that_vanished_is_written_again_unless_its_folder_did_too(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    with Lease(study, renew=0.05) as lease:
        for content in (None, b"", b"{"):
            (study / LEASE).unlink() if content is None else (study / LEASE).write_bytes(content)
            wait_for(lambda: read_holder(study).pid == os.getpid())
        assert not lease.lost_event.is_set()
        study.rename(tmp_path / "elsewhere")
        assert lease.lost_event.wait(LONG)
    assert not study.exists()


def test_what_the_driver_before_wrote_late_takes_nothing_over(tmp_path):
    write_holder(tmp_path, token="before")
    with Lease(tmp_path, renew=0.05, stale=0.2) as lease:
        write_holder(tmp_path, token="before", renewed=time.time())
        wait_for(lambda: read_holder(tmp_path).token != "before")
        assert not lease.lost_event.wait(0.2)


@pytest.mark.parametrize("remote", [False, pytest.param(True, marks=pytest.mark.seconds)])
def test_of_drivers_that_race_for_a_dead_lease_one_wins(tmp_path, remote, request, monkeypatch):
    monkeypatch.setattr(lease_module, "own_pid_namespace", lambda: "")  # as on hosts of their own
    place = request.getfixturevalue("bucket").uri("raced") if remote else str(tmp_path)
    dead = Holder("dead", "far", 1, 0.0, "", 0.0)
    StorageFolder(place).write(LEASE, msgspec.json.encode(dead))
    leases = [Lease(place, renew=0.2, stale=1.0) for _ in range(5)]
    with ThreadPoolExecutor(len(leases)) as threads:
        entered = [lease for lease in threads.map(entered_or_none, leases) if lease]
    wait_for(lambda: sum(not lease.lost_event.is_set() for lease in entered) == 1)
    (winner,) = [lease for lease in entered if not lease.lost_event.is_set()]
    assert not winner.lost_event.wait(1.0)
    for lease in entered:
        lease.__exit__()


def test_a_slow_storage_makes_no_driver_look_dead(bucket, monkeypatch):
    monkeypatch.setattr(lease_module, "own_pid_namespace", lambda: "")
    place = bucket.uri("slow")
    with Lease(place, renew=0.1, stale=2.0) as lease:
        bucket.seconds = 0.4  # a renewal is six requests: longer than ``stale``
        with pytest.raises(LeaseHeldError):
            Lease(place, renew=0.1, stale=2.0).__enter__()
        assert not lease.lost_event.is_set()
        bucket.seconds = 0.0


@pytest.mark.parametrize("pid", [-1, 0, 2**70])
@pytest.mark.parametrize("renewed", [-1e300, 1e300])
def test_a_process_that_there_cannot_be_holds_nothing(tmp_path, pid, renewed):
    with Lease(tmp_path):
        here = read_holder(tmp_path).pid_namespace
    write_holder(tmp_path, pid=pid, renewed=renewed, pid_namespace=here)
    with Lease(tmp_path):
        assert read_holder(tmp_path).pid == os.getpid()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"token": 3}', b"[1"])
def test_a_damaged_lease_holds_nobody(tmp_path, content):
    (tmp_path / LEASE).write_bytes(content)
    with Lease(tmp_path, renew=0.05):
        assert read_holder(tmp_path).pid == os.getpid()


def test_a_storage_that_gives_back_something_else_names_no_driver(bucket):
    bucket.fault = "changes"
    with pytest.raises(NotStoredError, match="does not hold what was just written"):
        Lease(bucket.uri("changes"), renew=0.05).__enter__()
    bucket.fault = ""


def test_a_storage_holds_it_too_and_its_outage_loses_nothing(bucket):
    place = bucket.uri("study")
    with Lease(place, renew=0.2, stale=2.0) as lease:
        with pytest.raises(LeaseHeldError, match="s3://bucket/study"):  # and no key of it
            Lease(place).__enter__()
        bucket.fault = "503"
        time.sleep(1)
        bucket.fault = ""
        assert not lease.lost_event.wait(1)
        other = Holder("another", "far", 1, 0.0, "elsewhere", time.time())
        for _ in range(20):  # a renewal that was under way may come after it
            StorageFolder(place).write(LEASE, msgspec.json.encode(other))
            if lease.lost_event.wait(0.5):
                break
        assert lease.lost_event.is_set()
    assert StorageFolder(place).read(LEASE) == msgspec.json.encode(other)
