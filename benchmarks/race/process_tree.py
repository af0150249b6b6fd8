"""A command and all that it starts: what they cost, and how they are killed together."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOOK_SECONDS = 0.2
MEMORY_SECONDS = 2.0  # reading it takes milliseconds a process


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of a command. core_seconds: of processes as they were last seen, so a little less.

    peak_memory_mib: of all processes at once, shared pages counted once (PSS).
    """

    wall_seconds: float
    core_seconds: float
    peak_memory_mib: float
    killed: bool


@dataclass
class ProcessTree:
    """The processes that were seen so far, dead ones included."""

    root: psutil.Process
    seen: dict[psutil.Process, float] = field(default_factory=dict)
    peak_bytes: int = 0

    def look(self) -> None:
        """Finds new processes and reads everyone's processor time."""
        with contextlib.suppress(psutil.Error):
            for process in (self.root, *self.root.children(recursive=True)):
                self.seen.setdefault(process, 0.0)
        for process in self.seen:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self.seen[process] = times.user + times.system

    def look_at_memory(self) -> None:
        """Reads how much memory they hold now."""
        held = 0
        for process in self.seen:
            with contextlib.suppress(psutil.Error):
                held += process.memory_full_info().pss
        self.peak_bytes = max(self.peak_bytes, held)

    def kill(self) -> None:
        """All at once, as a machine that is switched off would."""
        self.look()
        for process in self.seen:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(list(self.seen), timeout=30)


def run(
    command: Sequence[str], folder: Path, *, kill_when: Callable[[], bool] | None = None
) -> Cost:
    """Runs it to its end, or until ``kill_when`` says so; its output is appended to a file there.

    Raises:
        RuntimeError: when it fails.
    """
    began, next_memory, killed = time.monotonic(), 0.0, False
    log = folder / "output.txt"
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        tree = ProcessTree(psutil.Process(process.pid))
        while process.poll() is None:
            tree.look()
            if time.monotonic() >= next_memory:
                tree.look_at_memory()
                next_memory = time.monotonic() + MEMORY_SECONDS
            if kill_when is not None and kill_when():
                tree.kill()
                killed = True
                break
            time.sleep(LOOK_SECONDS)
        process.wait()
    wall = time.monotonic() - began
    if process.returncode and not killed:
        print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        raise RuntimeError(f"{' '.join(command)} failed with exit status {process.returncode}")
    psutil.wait_procs(list(tree.seen), timeout=30)
    return Cost(
        wall_seconds=round(wall, 2),
        core_seconds=round(sum(tree.seen.values()), 2),
        peak_memory_mib=round(tree.peak_bytes / 2**20, 1),
        killed=killed,
    )
