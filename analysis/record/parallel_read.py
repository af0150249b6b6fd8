"""Reads a large ledger in several processes, each a part of it.

    python -m analysis.record.parallel_read STUDY START END   # what a helper process runs

Decoding holds Python's lock, so that threads would gain nothing; ``multiprocessing`` would import
the caller's script again. If a helper fails, its part is read here.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from analysis.record.columns import Columns, join, read_part
from analysis.record.record import check_opened, ledger_path
from trainables.config.installation import child_environment

PART_BYTES = 48 << 20
"""The smallest part for which a process is worth its start of a third of a second, in which 16 MB
are read."""

HEAD_START_BYTES = 16 << 20

MOST_PARTS = 4
"""The most parts: joining and building tables are not divided."""


def read_columns(study: Path) -> Columns:
    """Reads ``<study>/ledger.jsonl``; damaged lines are reported, the others kept.

    Raises:
        RecordError: where there is no ledger, one of a newer format, or of two studies.
    """
    (own_part, *others) = pairwise([*_starts(ledger_path(study)), sys.maxsize])
    with contextlib.ExitStack() as stack:
        try:
            helpers = [stack.enter_context(_helper(study, *part)) for part in others]
        except OSError:  # no process can be started
            return read_part(study)
        parts = [read_part(study, *own_part)]
        for helper, part in zip(helpers, others, strict=True):
            parts.append(_result(helper) or read_part(study, *part))
    columns = join(parts) if others else parts[0]
    check_opened(study, columns.rows)
    return columns


def _starts(ledger: Path) -> list[int]:
    """The starts of the parts, each at a line; the first part is larger, as it begins first."""
    size = ledger.stat().st_size
    count = max(1, min(os.cpu_count() or 1, MOST_PARTS, size // PART_BYTES))
    length = (size - HEAD_START_BYTES) // count
    starts = [0]
    with ledger.open("rb") as file:
        for number in range(1, count):
            file.seek(HEAD_START_BYTES + number * length)
            file.readline()
            starts.append(file.tell())
    return starts


def _helper(study: Path, start: int, end: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "analysis.record.parallel_read",
        str(study.resolve()),
        str(start),
        str(end),
    ]
    return subprocess.Popen(
        command,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _result(helper: subprocess.Popen[bytes]) -> Columns | None:
    """The result of a helper; None where it failed: reading here then raises the same error."""
    assert helper.stdout is not None
    try:
        columns: Columns = pickle.load(helper.stdout)
    except (EOFError, pickle.UnpicklingError):
        return None
    return columns


if __name__ == "__main__":
    folder, *bounds = sys.argv[1:]
    pickle.dump(read_part(Path(folder), *map(int, bounds)), sys.stdout.buffer)
