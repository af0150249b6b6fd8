"""Kills a running search at random moments until it has been killed often enough.

What is killed: the driver, a worker, Ray's raylet, Ray's control store. When: while Ray starts,
while a row is appended, while a checkpoint is written, in the middle of training, while the search
ends.
"""

from __future__ import annotations

import glob
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from analysis.record.record import read_record
from analysis.record.rows import Closed, rows_of
from benchmarks.chaos.events import End, Kill
from trainables.files.study_folder import LEDGER

TARGETS = ("driver", "driver", "driver", "worker", "worker", "worker", "raylet", "gcs", "agent")
PHASES = ("start-up", "append", "checkpoint", "step", "step", "shutdown")
LINES = {
    "worker": re.compile(r"ray::\w*Trainable"),
    "raylet": re.compile(r"\S*raylet/raylet "),
    "gcs": re.compile(r"\S*gcs_server "),
    "agent": re.compile(r"ray::\w*Agent"),
}
"""How command lines of what may be killed begin; a raylet ends with either of its two agents."""


@dataclass
class Chaos:
    """Runs ``command`` again and again while killing what it started.

    ``study`` is the folder the command writes. ``kills`` collects what was done, ``ends`` what
    became of each run.
    """

    command: list[str]
    study: Path
    rng: random.Random
    wanted: int
    targets: tuple[str, ...] = TARGETS
    phases: tuple[str, ...] = PHASES
    kills: list[Kill] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    output: Path | None = None
    longest_step: float = 4.0  # seconds of training before a blow, at most
    seconds: float = float("inf")  # of killing; the search then ends in peace
    began: float = field(default_factory=time.monotonic)

    @property
    def enough(self) -> bool:
        """Whether the killing is over."""
        late = time.monotonic() - self.began > self.seconds
        return late or len(self.kills) >= self.wanted

    def run(self, patience: float = 600.0) -> None:
        """Until enough kills were survived and a run ended by itself with exit code 0."""
        while True:
            before, kills, closings = self._ledger(), len(self.kills), len(self._closings())
            code = self._one_run(patience)
            after = self._ledger()
            whole = before[: before.rfind(b"\n") + 1]
            if not after.startswith(whole):
                raise AssertionError("the ledger lost rows that were on record")
            reason = "; ".join(self._closings()[closings:])
            self.ends.append(End(code, reason, self.kills[kills:]))
            if code == 0:  # before the kills are used up: the plan was too small for them
                return

    def _one_run(self, patience: float) -> int:
        log = (self.output or self.study.parent / "driver.log").open("ab")
        rows = len(self._rows())
        began = time.monotonic()
        process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        try:
            while process.poll() is None:
                if time.monotonic() - began > patience:
                    raise AssertionError(
                        f"run {len(self.ends) + 1} did not end in {patience:.0f} s"
                    )
                if self.enough:
                    time.sleep(0.2)
                    continue
                self._attack(process, rows)
            return process.wait()
        finally:
            end_tree(process)
            log.close()

    def _attack(self, process: subprocess.Popen, rows: int) -> None:
        phase = self.rng.choice(self.phases)
        target = self.rng.choice(self.targets)
        if phase == "start-up":
            target = "driver" if self.rng.random() < 0.5 else target
        if not self._await(phase, process, rows):
            return
        victim = self._victim(target, process)
        if victim is None and phase == "shutdown":  # it has ended in order
            target, victim = "driver", self._victim("driver", process)
        if victim is None:
            return
        try:
            victim.kill()
        except psutil.Error:
            return
        self.kills.append(Kill(target, self._phase_now(phase, rows)))
        killed = time.monotonic()
        seen = self._epochs()
        while process.poll() is None and time.monotonic() - killed < 90 and target != "driver":
            if self._epochs() > seen:  # a survivor goes on: let it, before the next blow
                self.kills[-1].seconds_to_continue = time.monotonic() - killed
                return
            time.sleep(0.1)

    def _await(self, phase: str, process: subprocess.Popen, rows: int) -> bool:
        """Waits for the phase; False when the run ended before."""
        if phase == "start-up":
            time.sleep(self.rng.uniform(0.2, 8.0))
            return process.poll() is None
        while process.poll() is None and len(self._rows()) == rows:
            time.sleep(0.1)
        if phase == "step":
            time.sleep(self.rng.uniform(0.5, self.longest_step))
        elif phase == "shutdown":  # made to end, so that the end can be hit
            time.sleep(self.rng.uniform(0.5, 3.0))
            process.send_signal(signal.SIGTERM)
            self._until(self._closed, process)
            time.sleep(self.rng.uniform(0, 1))
        else:
            size = self._size()
            reached = {"append": lambda: self._size() != size, "checkpoint": self._saving}
            self._until(reached[phase], process)
        return process.poll() is None

    def _until(self, reached: Callable[[], bool], process: subprocess.Popen) -> None:
        """Looks every two milliseconds, for a minute at most."""
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until and not reached():
            time.sleep(0.002)

    def _victim(self, target: str, process: subprocess.Popen) -> psutil.Process | None:
        driver = psutil.Process(process.pid)
        if target == "driver":
            return driver
        found = []
        for child in driver.children(recursive=True):
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if LINES[target].match(line):
                found.append(child)
        return self.rng.choice(found) if found else None

    def _phase_now(self, phase: str, rows: int) -> str:
        if len(self._rows()) == rows:
            return "start-up"
        if phase == "start-up":
            return "step"
        return "shutdown" if self._closed() else phase

    def _ledger(self) -> bytes:
        path = self.study / LEDGER
        return path.read_bytes() if path.is_file() else b""

    def _size(self) -> int:
        path = self.study / LEDGER
        return path.stat().st_size if path.is_file() else 0

    def _rows(self) -> list[bytes]:
        return [line for line in self._ledger().split(b"\n") if b'"type":"run"' in line]

    def _epochs(self) -> int:
        return self._ledger().count(b'"type":"epoch"')

    def _closed(self) -> bool:
        """Whether the last row says that the run has ended."""
        with (self.study / LEDGER).open("rb") as file:
            file.seek(max(0, self._size() - 1000))
            return b'"type":"closed"' in file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]

    def _closings(self) -> list[str]:
        rows = read_record(self.study).rows if self._size() else ()
        return [row.reason for row in rows_of(rows, Closed)]

    def _saving(self) -> bool:
        # pathlib's, in Python 3.11, fails on a folder that is removed while it looks
        return any(glob.iglob(f"{self.study}/checkpoints/*/.*.partial"))  # noqa: PTH207


def end_tree(process: subprocess.Popen) -> None:
    """Ends what a killed driver left behind, by process number."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    for child in family:
        try:
            child.kill()
        except psutil.Error:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()
