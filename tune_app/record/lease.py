"""One driver per study: a lease that is renewed, which also works where files cannot be locked."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from analysis.record.driver import is_held
from trainables.files.filesystem import NotStoredError
from trainables.files.storage import without_secrets
from trainables.files.study_folder import LEASE
from trainables.text.moment import format_moment
from tune_app.command.output import LOG
from tune_app.record.storage import ANSWER_SECONDS, StorageFolder, folder_id

RENEW_SECONDS = 2.0
STORAGE_RENEW_SECONDS = 5.0
"""Interval of renewals in a remote storage, where each takes two requests."""

STALE_SECONDS = 20.0
"""A lease without a renewal for this long is abandoned: pauses of network disks are shorter."""

RENEWALS_MISSED = 3.0
"""A slow holder's lease may miss this many of its renewals."""

READS_WAITED = 8.0
"""It may also stand still for this many reads of the waiting driver: a renewal takes two or three
times as long as a read."""

LONGEST_PATIENCE_SECONDS = 600.0
"""The longest wait, whatever the holder's lease says."""

LATEST = 1e11
"""Seconds since 1970; later times are taken for damage."""


class Holder(msgspec.Struct, frozen=True):
    """The driver that holds a study.

    ``pid_namespace`` is the process table to which ``pid`` belongs. ``started_at`` tells a reused
    process id apart. Both times are in seconds since 1970, by the holder's clock. ``patience`` is
    how long the lease may go without a renewal, in seconds: longer where the storage is slow.
    ``folder`` is the id of the study's folder, by which a lease is known that was copied with it.
    """

    token: str
    host: str
    pid: int
    started_at: float = msgspec.field(name="born")
    pid_namespace: str = msgspec.field(name="place")
    renewed: float
    patience: float = 0.0
    folder: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, which began {format_moment(self.started_at)}"

    def runs_here(self, folder: str) -> bool | None:
        """Whether its process runs on this machine; None where that is not visible from here.

        Neither is it where the lease lies in another folder than it was written for.
        """
        if not self.pid_namespace or self.pid_namespace != own_pid_namespace():
            return None
        if self.folder not in ("", folder):
            return None
        return process_runs(self.pid, self.started_at)


class LeaseHeldError(RuntimeError):
    """Another driver, ``holder``, works on the study."""

    def __init__(self, place: str, holder: Holder) -> None:
        self.holder = holder
        super().__init__(
            f"{without_secrets(place)} is in use by {holder}; a study has one driver at a time: "
            "wait for that one, end it, or give this run another --name"
        )


class Lease:
    """A context that holds ``<place>/lease.json``, which a thread renews.

    ``place`` is a study's folder, on a disk or in a storage. The lease of a process that has ended
    is taken over at once. A lease from another machine is taken over after ``stale`` seconds
    without a renewal (longer where the storage is slow); entering waits for that. ``lost_event`` is
    set when another driver has taken the lease over, because this one was suspended, or when the
    folder was moved away.

    Raises:
        LeaseHeldError: on entering, when another driver holds the study.
        OSError: on entering, when its place does not hold what is written there.
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
        self._folder = StorageFolder(self.place, seconds=max(2 * stale, ANSWER_SECONDS))
        default = STORAGE_RENEW_SECONDS if self._folder.is_remote else RENEW_SECONDS
        self.renew = default if renew is None else renew
        self._renewal_seconds, self._folder_id = 0.0, ""
        self._leaving = threading.Event()
        self._token = secrets.token_hex(8)
        self._followed = ""  # the token of the holder whose lease was taken over
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        self._folder_id = folder_id(self.place)
        content = self._content()
        if content is not None and _decoded(content) is None:
            time.sleep(min(0.3, self.renew))  # another driver may be writing it
        if (holder := self._read()) is not None:
            if (alive := self._alive(holder)) is not None:
                raise LeaseHeldError(self.place, alive)
            self._followed = holder.token
        self._take(replace=content is not None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join(STALE_SECONDS)  # the lease may remain in a storage that is away

    def _take(self, *, replace: bool) -> None:
        """Writes the lease, and checks whether another driver did so at the same time."""
        began = time.monotonic()
        if not replace:
            try:
                self._write(self._folder.create)
            except FileExistsError:
                if self._content() is None:  # no lease, but a link to nowhere in a folder's place
                    raise
                self._lose_race()
        else:
            self._write()
        self._renewal_seconds = time.monotonic() - began
        if replace or self._folder.is_remote:
            # the last of several writers wins, and its write may be as slow as this one
            time.sleep(min(0.3, self.renew) + 2 * self._renewal_seconds)
        if not self._is_own():
            self._lose_race()

    def _write(self, write: Callable[[str, bytes], None] | None = None) -> None:
        """Another driver's name may stand there a moment later: whoever reads it will know."""
        with contextlib.suppress(NotStoredError):
            (write or self._folder.write)(LEASE, self._encoded())

    def _lose_race(self) -> None:
        if (holder := self._read()) is None:
            time.sleep(min(0.3, self.renew))  # the other driver may be writing it
            holder = self._read()
        if holder is None or holder.token == self._token:
            raise NotStoredError(f"{LEASE} does not hold what was just written to it")
        raise LeaseHeldError(self.place, holder)

    def _keep(self) -> None:
        while not self._leaving.wait(self.renew):
            began = time.monotonic()
            # full, absent or away: the next renewal may succeed
            with contextlib.suppress(Exception):
                if self._is_taken():
                    self.lost_event.set()
                    return
                self._folder.write(LEASE, self._encoded())
            self._renewal_seconds = time.monotonic() - began
        with contextlib.suppress(Exception):  # so slow that the process ends before it is removed
            if self._is_own():
                self._folder.remove(LEASE)

    def _is_own(self) -> bool:
        holder = self._read()
        return holder is not None and holder.token == self._token

    def _is_taken(self) -> bool:
        """Whether another driver has written the lease, or the folder was moved away.

        A lease that is missing or damaged is written again. So is one of the previous holder, whose
        write may arrive late.
        """
        holder = self._read()
        if holder is None:
            return not (self._folder.is_remote or Path(self.place).is_dir())
        return holder.token not in (self._token, self._followed)

    def _read(self) -> Holder | None:
        """The lease's holder; None where there is none, or a half-written or damaged one."""
        return _decoded(self._content() or b"")

    def _content(self) -> bytes | None:
        try:
            return self._folder.read(LEASE)
        except FileNotFoundError:
            return None

    def _alive(self, holder: Holder) -> Holder | None:
        """The present holder; None once it is clear that there is none.

        The clocks of two hosts may differ, so that only a change of the lease counts as a sign.
        """
        if (runs := holder.runs_here(self._folder_id)) is not None:
            return holder if runs else None
        patience = max(self.stale, min(holder.patience, LONGEST_PATIENCE_SECONDS))
        began, is_told = time.monotonic(), False
        while (waited := (asked := time.monotonic()) - began) < patience:
            if (now := self._read()) != holder:
                return now
            patience = max(patience, READS_WAITED * (time.monotonic() - asked))
            renewal_due = min(1.5 * self.renew, patience / 2)
            if not is_told and waited > renewal_due:
                is_told = True
                text = (
                    "%s was last driven by %s; a study has one driver at a time, so waiting up to "
                    "%.0f s to see whether that driver still runs"
                )
                LOG.info(text, without_secrets(self.place), holder, patience - waited)
            time.sleep(min(0.5, self.renew))
        now = self._read()
        return now if now != holder else None

    def _encoded(self) -> bytes:
        return msgspec.json.encode(self._holder())

    def _holder(self) -> Holder:
        pid = os.getpid()
        return Holder(
            self._token,
            socket.gethostname(),
            pid,
            psutil.Process(pid).create_time(),
            own_pid_namespace(),
            time.time(),
            max(self.stale, RENEWALS_MISSED * (self.renew + self._renewal_seconds)),
            self._folder_id,
        )


def driver_problems(place: Path) -> list[str]:
    """Why another driver's lease would keep this one off a study's folder; empty where none does.

    Unlike entering the lease this waits for a few seconds at most.
    """
    try:
        holder = _decoded((place / LEASE).read_bytes())
    except OSError:
        return []
    if holder is None:
        return []
    if (runs := holder.runs_here(folder_id(str(place)))) is None:
        runs = is_held(place)
    return [str(LeaseHeldError(str(place), holder))] if runs else []


def _decoded(content: bytes) -> Holder | None:
    try:
        holder = msgspec.json.decode(content, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    is_sound = 0 <= holder.started_at < LATEST and 0 <= holder.renewed < LATEST
    return holder if is_sound else None


def process_runs(pid: int, started_at: float) -> bool:
    """Whether the process with this id and start time runs in this namespace."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # the latter two: not a possible process id
        return False


def own_pid_namespace() -> str:
    """An id of the process table, for this boot and container; "" where it is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
