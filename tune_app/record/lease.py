"""One driver a study: a lease that is renewed, so that it also holds where files do not lock."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from pathlib import Path

import msgspec
import psutil

from trainables.config.whole_file import whole_file

LEASE = "lease.json"
RENEW_SECONDS = 2.0
STALE_SECONDS = 20.0
"""A lease unrenewed for this long is abandoned: a network disk's hiccup is shorter."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a study.

    ``pid_namespace`` says in which process table ``pid`` counts; ``started_at`` tells a reused
    process id apart. Both times are in seconds since the epoch, by the holder's clock.
    """

    token: str
    host: str
    pid: int
    started_at: float = msgspec.field(name="born")
    pid_namespace: str = msgspec.field(name="place")
    renewed: float


class LeaseHeldError(RuntimeError):
    """Another driver works on the study; ``holder`` says which."""

    def __init__(self, study: Path, holder: Holder) -> None:
        self.holder = holder
        super().__init__(
            f"{study} is in use by process {holder.pid} on {holder.host}, last seen "
            f"{max(0.0, time.time() - holder.renewed):.0f} s ago; wait for it, end it, or give "
            "this run another --name"
        )


class Lease:
    """Holds ``<study>/lease.json`` from entering to leaving; a thread renews it.

    ``lost_event`` is set when another driver took the lease over, after this one slept for long.

    Raises:
        LeaseHeldError: on entering, when another driver holds the study.
    """

    def __init__(self, study: Path, *, renew: float = RENEW_SECONDS, stale: float = STALE_SECONDS):
        self.study, self.path = study, study / LEASE
        self.renew, self.stale = renew, stale
        self.lost_event = threading.Event()
        self._leaving = threading.Event()
        self._token = secrets.token_hex(8)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        self.study.mkdir(parents=True, exist_ok=True)
        holder = _read(self.path)
        damaged = holder is None and self.path.exists()
        if damaged:
            time.sleep(min(0.3, self.renew))  # another driver may be writing it
            holder = _read(self.path)
        if holder is not None and _alive(self.path, holder, self.renew, self.stale):
            raise LeaseHeldError(self.study, holder)
        self._take(replace=damaged or holder is not None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join()
        if self._is_own():
            self.path.unlink(missing_ok=True)

    def _take(self, *, replace: bool) -> None:
        """Writes this driver's name, and checks whether another did the same at this moment."""
        if not replace:
            try:
                with self.path.open("xb") as file:
                    file.write(msgspec.json.encode(self._holder()))
            except FileExistsError:
                self._lose_race()
        else:
            self._write()
            time.sleep(min(0.3, self.renew))  # the last of several takers stays
        if not self._is_own():
            self._lose_race()

    def _lose_race(self) -> None:
        winner = _read(self.path) or self._holder()
        raise LeaseHeldError(self.study, winner)

    def _keep(self) -> None:
        while not self._leaving.wait(self.renew):
            if not self._is_own():
                self.lost_event.set()
                return
            with contextlib.suppress(OSError):  # a full or absent disk: the next renewal may work
                self._write()

    def _is_own(self) -> bool:
        holder = _read(self.path)
        return holder is not None and holder.token == self._token

    def _write(self) -> None:
        with whole_file(self.path) as draft:
            draft.write_bytes(msgspec.json.encode(self._holder()))

    def _holder(self) -> Holder:
        pid = os.getpid()
        started_at = psutil.Process(pid).create_time()
        return Holder(
            self._token, socket.gethostname(), pid, started_at, own_pid_namespace(), time.time()
        )


def _read(path: Path) -> Holder | None:
    """The lease's holder; None where there is none, or a half-written or damaged one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _alive(path: Path, holder: Holder, renew: float, stale: float) -> bool:
    if holder.pid_namespace and holder.pid_namespace == own_pid_namespace():
        return process_runs(holder.pid, holder.started_at)
    if abs(time.time() - holder.renewed) < stale:
        return True
    time.sleep(2.5 * renew)  # clocks of two hosts may differ: what counts is that it moves
    again = _read(path)
    return again is not None and again != holder


def process_runs(pid: int, started_at: float) -> bool:
    """Whether the process with this id and start time runs in this namespace."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # the latter two: no process has that number
        return False


def own_pid_namespace() -> str:
    """An id of the process table of this boot and container; "" where there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
