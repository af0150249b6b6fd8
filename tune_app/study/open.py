"""Opens a prepared study: its folder then records that this run works on it."""

from __future__ import annotations

import socket
import threading
import time
from functools import partial

from analysis.record.rows import AnyRow, Run
from trainables.files.storage import without_secrets
from trainables.text.count import plural
from tune_app.command.output import LOG
from tune_app.deciding.halt import Halt
from tune_app.deciding.searcher import SearchContext
from tune_app.engine.open_study import OpenStudy
from tune_app.preview.forecast import checkpoint_bytes
from tune_app.record.history import History
from tune_app.record.ledger import Ledger
from tune_app.record.record_copy import RecordCopy
from tune_app.session.disk_space import DiskSpace
from tune_app.study.prepare import PreparedStudy
from tune_app.study.resume import entry_rows, missing_ends, to_run_again
from tune_app.study.shared_study import announce

SPARE_BYTES = 20_000_000
"""Kept free for record, logs and tables, besides the checkpoints being written."""


def open_study(prepared: PreparedStudy, lost_event: threading.Event) -> OpenStudy:
    """Puts this run, what it borrows and what it plans on record.

    ``lost_event`` is set when another driver takes the study over.
    """
    plan, record, slots = prepared.plan, prepared.record, prepared.placement.slots()
    halt = Halt()
    disk = DiskSpace(prepared.storage, _needed_bytes(prepared), halt)
    folder = prepared.paths.folder
    ledger = Ledger(
        folder, study_id=prepared.name.study_id, wait_for_space=partial(disk.wait, folder)
    )
    history = History(record.rows, plan.rules.data)
    copy = _record_copy(prepared, ledger, lost_event)

    def write(*rows: AnyRow) -> None:
        ledger.append(*rows)
        for row in rows:
            history.apply(row)

    now, command = time.time(), without_secrets(prepared.options.command)
    write(Run(now, command, slots, socket.gethostname()))
    write(*prepared.borrowed)
    ends = missing_ends(history, now)
    write(*ends)
    rows = [*record.rows, *prepared.borrowed, *ends]
    write(*entry_rows(plan, history, now))
    _log_repairs(ledger, prepared)
    options = prepared.options
    rerun = to_run_again(plan, history)
    return OpenStudy(
        plan=plan,
        options=options,
        paths=prepared.paths,
        storage=prepared.storage,
        placement=prepared.placement,
        workload=prepared.workload,
        ledger=ledger,
        rows=rows,
        context=SearchContext(plan, history, options.objective, options.search_seed, rerun, write),
        disk=disk,
        halt=halt,
        copy=copy,
    )


def _record_copy(
    prepared: PreparedStudy, ledger: Ledger, lost_event: threading.Event
) -> RecordCopy | None:
    paths, options, name = prepared.paths, prepared.options, prepared.name
    if not options.storage:
        return None
    copy = RecordCopy(
        prepared.storage,
        paths.ledger,
        lambda: ledger.size,
        announce=lambda: announce(paths, options, name),
        lost_event=lost_event,
    )
    copy.add(paths.study)
    return copy


def first_line(study: OpenStudy) -> str:
    """What this run will do, in one line."""
    slots, resources = study.placement.slots(), study.placement.resources(0)
    listed = {trial.trial_id for trial in study.plan.trials}
    recorded = {name for name, trial in study.history.trials.items() if trial.planned}
    finished = len((listed or recorded) - study.again)
    to_run = (
        f"{plural(len(listed & study.again), 'trial')} to run"
        if listed
        else f"{study.plan.search} proposes"
    )
    return f"{study.paths.folder}: {to_run}, {finished} known; {slots} at a time, {resources} each"


def _needed_bytes(prepared: PreparedStudy) -> int:
    """Room for a checkpoint of every running trial beside its last one."""
    largest = max((checkpoint_bytes(trial) for trial in prepared.plan.trials), default=0)
    return SPARE_BYTES + 2 * largest * prepared.placement.slots()


def _log_repairs(ledger: Ledger, prepared: PreparedStudy) -> None:
    if ledger.repaired is not None:
        text = repr(ledger.repaired[:60])
        LOG.info("the ledger's last line is incomplete and is removed: %s…", text)
    for damage in prepared.record.damage:
        LOG.info("ledger line %d is damaged and is skipped: %r", damage.line, damage.content[:60])
