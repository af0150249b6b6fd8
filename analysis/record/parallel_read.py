"""A large ledger is read by several processes, each a part of it.

    python -m analysis.record.parallel_read STUDY START END   # asks a helper for its part

Decoding holds Python's lock, so threads would gain nothing; ``multiprocessing`` would run a
caller's script once more. A helper that fails costs time alone: its part is then read here.
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
from analysis.record.record import ledger_path
from trainables.config.installation import child_environment

PART_BYTES = 48 << 20
"""The least that is worth a process: it takes a third of a second to start, as long as 16 MB take
to read."""

HEAD_START_BYTES = 16 << 20

MOST_PARTS = 4
"""What joins and tables take is not shared out."""


def read_columns(study: Path) -> Columns:
    """Reads ``<study>/ledger.jsonl``; damaged lines are reported, the others kept.

    Raises:
        RecordError: where there is no ledger, or one of a newer format.
    """
    (mine, *others) = pairwise([*_starts(ledger_path(study)), sys.maxsize])
    with contextlib.ExitStack() as stack:
        try:
            helpers = [stack.enter_context(_helper(study, *part)) for part in others]
        except OSError:  # no process can be started here
            return read_part(study)
        parts = [read_part(study, *mine)]
        for helper, part in zip(helpers, others, strict=True):
            parts.append(_result(helper) or read_part(study, *part))
    return join(parts) if others else parts[0]


def _starts(ledger: Path) -> list[int]:
    """Where the parts begin, each with a line; the first is larger, as it is begun at once."""
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
    """What a helper read; None where it failed: reading the part here raises the same error."""
    assert helper.stdout is not None
    try:
        columns: Columns = pickle.load(helper.stdout)
    except (EOFError, pickle.UnpicklingError):
        return None
    return columns


if __name__ == "__main__":
    folder, *bounds = sys.argv[1:]
    pickle.dump(read_part(Path(folder), *map(int, bounds)), sys.stdout.buffer)
