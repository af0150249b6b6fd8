"""Limits of this process under which Ray does not start, or only seems to."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import humanize
import psutil

from tune_app.machine.devices import CGROUPS, control_groups

LEAST_FILE_BYTES = 500_000_000
"""Ray's object store is one file, of 300 MB unless the images are larger."""

LEAST_ADDRESS_SPACE = 8_000_000_000
"""Ray and torch reserve far more addresses than memory: with 5 GB Ray's workers fail one after the
other, with 3 GB this process is aborted, with 8 GB trials finish."""

LEAST_TASKS = 200
"""Processes and threads of Ray and two trials, 197 at most on two cores. With 80 to 160 Ray's start
fails, or waits for minutes."""


def limit_problems(cgroups: Path = CGROUPS) -> list[str]:
    """What is limited too far, and what lifts it."""
    limits = (
        (resource.RLIMIT_FSIZE, LEAST_FILE_BYTES, "files", "ulimit -f"),
        (resource.RLIMIT_AS, LEAST_ADDRESS_SPACE, "the addresses of a process", "ulimit -v"),
    )
    problems = []
    for kind, least, limited, command in limits:
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and soft < least:
            problems.append(
                f"{limited} are limited to {humanize.naturalsize(soft)} here ({command}), and Ray "
                f"takes {humanize.naturalsize(least)}: {command} unlimited"
            )
    return problems + [
        f"{most} processes and threads are allowed here ({limit}), {used} of them are there, and "
        f"Ray takes {LEAST_TASKS}: {remedy}"
        for most, used, limit, remedy in _task_limits(cgroups)
        if most - used < LEAST_TASKS
    ]


def _task_limits(cgroups: Path) -> Iterator[tuple[int, int, str, str]]:
    """How many tasks are allowed and are there, the limit's name, and what lifts it."""
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:  # root is not held to it
        yield most, _own_tasks(), "ulimit -u", "ulimit -u unlimited"
    for group in dict.fromkeys(control_groups("pids", cgroups)):
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            most = int((group / "pids.max").read_text())
            used = int((group / "pids.current").read_text())
            yield most, used, f"pids.max of {group}", "allow more (docker run --pids-limit)"


def _own_tasks() -> int:
    """Processes and threads of this user, which is what ``ulimit -u`` counts."""
    threads = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid():
                threads += process.num_threads()
    return threads
