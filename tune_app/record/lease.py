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

from trainables.files.study_folder import LEASE
from tune_app.command.output import LOG
from tune_app.record.storage import StorageFolder, without_secrets

RENEW_SECONDS = 2.0
STORAGE_RENEW_SECONDS = 5.0
"""In a remote storage, where each renewal is two requests."""

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

    def __str__(self) -> str:
        ago = max(0.0, time.time() - self.renewed)
        return f"process {self.pid} on {self.host}, last seen {ago:.0f} s ago"

    @property
    def runs_here(self) -> bool | None:
        """Whether its process runs on this machine; None where that cannot be seen from here."""
        if not self.pid_namespace or self.pid_namespace != own_pid_namespace():
            return None
        return process_runs(self.pid, self.started_at)


class LeaseHeldError(RuntimeError):
    """Another driver works on the study; ``holder`` says which."""

    def __init__(self, place: str, holder: Holder) -> None:
        self.holder = holder
        super().__init__(
            f"{without_secrets(place)} is in use by {holder}; a study has one driver at a time: "
            "wait for that one, end it, or give this run another --name"
        )


class Lease:
    """Holds ``<place>/lease.json`` from entering to leaving; a thread renews it.

    ``place`` is a study's folder, on a disk or in a storage. A holder whose process is gone is
    followed at once. One on another machine is followed when its lease has not moved for ``stale``
    seconds, and entering waits for that. ``lost_event`` is set when another driver took the lease
    over, after this one slept for long.

    Raises:
        LeaseHeldError: on entering, when another driver holds the study.
    """

    def __init__(
        self,
        place: Path | str,
        *,
        renew: float | None = None,
        stale: float = STALE_SECONDS,
        lost_event: threading.Event | None = None,
    ) -> None:
        self.place, self.stale = str(place), stale
        self.lost_event = lost_event or threading.Event()
        self._folder = StorageFolder(self.place, seconds=stale / 2)
        default = STORAGE_RENEW_SECONDS if self._folder.is_remote else RENEW_SECONDS
        self.renew = default if renew is None else renew
        self._leaving = threading.Event()
        self._token = secrets.token_hex(8)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        content = self._content()
        if content is not None and _decoded(content) is None:
            time.sleep(min(0.3, self.renew))  # another driver may be writing it
        holder = self._read()
        if holder is not None and self._is_alive(holder):
            raise LeaseHeldError(self.place, holder)
        self._take(replace=content is not None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join(self.stale)  # a storage that is away answers in half of that
        with contextlib.suppress(OSError):
            if self._is_own():
                self._folder.remove(LEASE)

    def _take(self, *, replace: bool) -> None:
        """Writes this driver's name, and checks whether another did the same at this moment."""
        if not replace:
            try:
                self._folder.create(LEASE, self._encoded())
            except FileExistsError:
                self._lose_race()
        else:
            self._folder.write(LEASE, self._encoded())
        if replace or self._folder.is_remote:
            time.sleep(min(0.3, self.renew))  # the last of several takers stays
        if not self._is_own():
            self._lose_race()

    def _lose_race(self) -> None:
        raise LeaseHeldError(self.place, self._read() or self._holder())

    def _keep(self) -> None:
        while not self._leaving.wait(self.renew):
            with contextlib.suppress(OSError):  # full, absent, away: the next renewal may do
                if not self._is_own():
                    self.lost_event.set()
                    return
                self._folder.write(LEASE, self._encoded())

    def _is_own(self) -> bool:
        holder = self._read()
        return holder is not None and holder.token == self._token

    def _read(self) -> Holder | None:
        """The lease's holder; None where there is none, or a half-written or damaged one."""
        return _decoded(self._content() or b"")

    def _content(self) -> bytes | None:
        try:
            return self._folder.read(LEASE)
        except FileNotFoundError:
            return None

    def _is_alive(self, holder: Holder) -> bool:
        """Waits until it is clear: clocks of two hosts may differ, what counts is that it moves."""
        if (runs := holder.runs_here) is not None:
            return runs
        is_old = abs(time.time() - holder.renewed) >= self.stale
        patience = 2.5 * self.renew if is_old else self.stale
        if not is_old:
            where = without_secrets(self.place)
            text = (
                "%s was held by %s; a study has one driver at a time, so waiting up to %.0f s to "
                "see whether that driver still runs"
            )
            LOG.info(text, where, holder, patience)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            time.sleep(min(0.5, self.renew))
            if (now := self._read()) != holder:
                return now is not None
        return False

    def _encoded(self) -> bytes:
        return msgspec.json.encode(self._holder())

    def _holder(self) -> Holder:
        pid = os.getpid()
        started_at = psutil.Process(pid).create_time()
        return Holder(
            self._token, socket.gethostname(), pid, started_at, own_pid_namespace(), time.time()
        )


def driver_problems(place: Path) -> list[str]:
    """Why another driver's lease would refuse a study's folder now; empty where none does.

    Unlike entering the lease this waits for nothing: of a driver on another machine it goes by the
    clock.
    """
    try:
        holder = _decoded((place / LEASE).read_bytes())
    except OSError:
        return []
    if holder is None:
        return []
    is_held = holder.runs_here
    if is_held is None:
        is_held = abs(time.time() - holder.renewed) < STALE_SECONDS
    return [str(LeaseHeldError(str(place), holder))] if is_held else []


def _decoded(content: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(content, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


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
