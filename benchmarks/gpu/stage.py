"""A stage: cells that are measured one by one until the time is up, and what they add up to."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.gpu.machine import free_memory, synchronize
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage_file import MOST_STARTS, StageFile
from trainables.text.table import text_table

COMPLETE, FAILED, UNFINISHED = 0, 1, 3
"""Exit statuses: all measured; a cell failed; the same command goes on."""


class Postponed(Exception):  # noqa: N818 (an outcome, not a mistake)
    """The deadline came in the middle of a cell, which has kept its state and goes on later."""


@dataclass(frozen=True)
class Cell:
    """One measurement. ``seconds``: it is not begun with less than that left."""

    key: str
    seconds: float
    measure: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Summary:
    """What the cells add up to: a table, figures for the JSON, and aims that were missed."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Mapping[str, Any] = field(default_factory=dict)
    misses: Sequence[str] = ()

    def text(self) -> str:
        """The table, its first column left-aligned, and a line for each missed aim."""
        align = "<" + ">" * (len(self.headers) - 1)
        missed = [f"missed: {miss}" for miss in self.misses]
        return "\n".join([*text_table(self.headers, self.rows, align), *missed])


@dataclass(frozen=True)
class Stage:
    """A question to the card, and how it is asked.

    cells: every cell, in the order of their value.
    summarise: is given the finished cells that did not fail.
    """

    name: str
    question: str
    cells: Callable[[Setting], Iterable[Cell]]
    summarise: Callable[[Mapping[str, Any]], Summary]


def run_stage(stage: Stage, setting: Setting, file: StageFile) -> int:
    """Measures what is absent, prints the table last, returns the exit status."""
    left = 0
    for cell in stage.cells(setting):
        if cell.key in file.cells:
            continue
        if file.starts(cell.key) >= MOST_STARTS:
            file.put(cell.key, {"failed": f"begun {MOST_STARTS} times and never ended"})
        elif setting.deadline.left >= cell.seconds and _measured(cell, setting, file):
            free_memory(setting.device)  # for the next cell, which may be of other processes
        else:
            left += 1
    return _conclude(stage, file, left)


def _measured(cell: Cell, setting: Setting, file: StageFile) -> bool:
    """Runs a cell; False where it goes on at the next call."""
    print(f"{cell.key} …", flush=True)
    file.begin(cell.key)
    start = time.perf_counter()
    try:
        found = dict(cell.measure())
    except Postponed:
        file.postpone(cell.key)
        return False
    except Exception as problem:
        file.put(
            cell.key, {"failed": f"{type(problem).__name__}: {problem}", "trace": _trace(problem)}
        )
        synchronize(setting.device)  # raises where the card's context is lost, and ends the stage
        return True
    file.put(cell.key, {**found, "cell_seconds": round(time.perf_counter() - start, 2)})
    return True


def _trace(problem: Exception) -> list[str]:
    """Where it came from, the innermost calls."""
    frames = traceback.extract_tb(problem.__traceback__)[-4:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _conclude(stage: Stage, file: StageFile, left: int) -> int:
    sound = {key: cell for key, cell in file.cells.items() if "failed" not in cell}
    failed = {key: cell["failed"] for key, cell in file.cells.items() if "failed" in cell}
    summary = stage.summarise(sound)
    figures = {**summary.figures, "misses": list(summary.misses), "failed": failed}
    file.conclude(figures, complete=not left)
    print(f"\n{stage.name}: {stage.question}\n{summary.text()}")
    for key, why in failed.items():
        print(f"failed: {key}: {why}")
    if left:
        print(f"{left} cells are left: the same command goes on")
    print(file.path)
    return UNFINISHED if left else FAILED if failed else COMPLETE
