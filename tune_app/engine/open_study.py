"""A study that is open: its record, and what its trials run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.record.rows import SearchRow
from tune_app.command.options import RunOptions
from tune_app.deciding.halt import Halt
from tune_app.deciding.searcher import SearchContext
from tune_app.engine.workload import Workload
from tune_app.machine.placement import Placement
from tune_app.planning.plan import Plan
from tune_app.record.history import History
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths
from tune_app.record.record_copy import RecordCopy
from tune_app.session.disk_space import DiskSpace


@dataclass(frozen=True)
class OpenStudy:
    """All that a search takes.

    ``storage`` is where this study's checkpoints go, a path or URI. ``rows`` are the record up to
    this run, in the order they were written, for a scheduler to replay; ``context`` is what a
    searcher may read. ``disk`` is asked before a trial starts and while the ledger finds no room;
    ``halt`` ends the search. ``copy`` takes the record to ``--storage`` as it grows.
    """

    plan: Plan
    options: RunOptions
    paths: StudyPaths
    storage: str
    placement: Placement
    workload: Workload
    ledger: Ledger
    rows: Sequence[SearchRow]
    context: SearchContext
    disk: DiskSpace
    halt: Halt
    copy: RecordCopy | None = None

    @property
    def history(self) -> History:
        """What the ledger says about each trial; kept up to date as rows are added."""
        return self.context.history

    @property
    def again(self) -> frozenset[str]:
        """Trials on record that this run takes further, or tries once more."""
        return self.context.again
