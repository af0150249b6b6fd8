"""One run of the command on a study: its record opened, its search set up and closed."""

from __future__ import annotations

import importlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from analysis.record.record import LEDGER, AnyRow, Closed, Record, Run, SearchRow, read_record
from analysis.record.status import OPEN
from trainables.data.datasets.registry import load_dataset
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import show
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import RetryPolicy
from tune_app.deciding.searcher import SearchContext
from tune_app.deciding.searchers import SEARCHERS
from tune_app.deciding.two_stages import TwoStages
from tune_app.engine.workload import PRELOAD, Workload, cifar_workload
from tune_app.machine.placement import Placement, assign_resources
from tune_app.machine.resources import Node
from tune_app.nodes.ray_start import RayStart
from tune_app.planning.data_request import data_request
from tune_app.planning.forecast import checkpoint_bytes
from tune_app.planning.plan import Plan
from tune_app.planning.speed_cache import save_speeds
from tune_app.record.history import History
from tune_app.record.lease import Lease
from tune_app.record.ledger import Ledger
from tune_app.record.paths import StudyPaths
from tune_app.record.storage import join, without_secrets
from tune_app.session.progress import Progress, duration
from tune_app.session.session import Session
from tune_app.session.signal_handler import SignalHandler
from tune_app.session.watchdog import HangTimeouts, Watchdog
from tune_app.study.estimating import EstimatingStage
from tune_app.study.finalize import COMPLETE, Outcome, best_trial, count, exit_code
from tune_app.study.provenance import describe
from tune_app.study.resume import borrowed_rows, entry_rows, settle_ends, to_run_again
from tune_app.study.retention import remove_checkpoints, surplus
from tune_app.study.shutdown_watchdog import ShutdownWatchdog

SPARE_BYTES = 20_000_000
"""Kept free for record, logs and tables, besides the checkpoints being written."""


@dataclass(frozen=True)
class RunnerConfig:
    """What tests and benchmarks set: what workers run, and how long to wait for what.

    ``attempts_per_fit`` is the number of attempts handed to one ``Tuner.fit()``. Without ``report``
    the run ends with the tables alone.
    """

    workload: Workload | None = None
    preload: tuple[str, ...] = PRELOAD
    timeouts: HangTimeouts = field(default_factory=HangTimeouts)
    attempts_per_fit: int = 1000
    checkpoint_seconds: float = 60.0
    report: bool = True
    say: Callable[[str], None] | None = None


class StudyRunner:
    """Holds what the steps of a run hand to each other: ``open``, then ``search``."""

    placement: Placement
    workload: Workload

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        config: RunnerConfig,
        paths: StudyPaths,
        signals: SignalHandler,
        lease: Lease,
    ) -> None:
        self.plan, self.options, self.config, self.paths = plan, options, config, paths
        self.signals, self.lease = signals, lease
        self.began = time.monotonic()
        self.history = History()
        own = str(paths.checkpoints)
        self.storage = join(options.storage, paths.folder.name) if options.storage else own

    # Opening.

    def open(self, ray_start: RayStart) -> None:
        """Reads the record and the data while Ray starts, then checks what Ray found.

        Raises:
            UsageError, DatasetError, RayLostError: nothing of the study was touched.
        """
        exists = (self.paths.folder / LEDGER).is_file()
        self.record = read_record(self.paths.folder, rates=False) if exists else Record(())
        self.history = History(self.record.rows)
        self.borrowed = borrowed_rows(self.plan, self.history, self.options.reuse_from)
        put_data = self._read()
        importlib.import_module("tune_app.engine.tune_loop")  # ray.tune: seconds, while Ray starts
        nodes = ray_start.nodes()
        self.workload = put_data()
        self.placement = assign_resources(nodes, self.options, self._gpus(nodes))
        if len(self.placement.nodes) > 1:
            from tune_app.nodes.shared_storage import check_shared

            check_shared(self.storage)

    def _gpus(self, nodes: Sequence[Node]) -> float | None:
        """A trial's part of a card; "auto" is measured, which needs the data."""
        asked = self.options.gpus_per_trial
        if not isinstance(asked, str):
            return asked
        if not any(node.gpus for node in nodes):
            raise UsageError(["--gpus-per-trial auto measures a card, and there is no GPU here"])
        from tune_app.engine.gpu_share import ShareCache, auto_share
        from tune_app.engine.gpu_trial import card

        data = self.workload.parameters["data"]
        memory = ShareCache(self.paths.folder.parent / ".gpu_shares.json")
        return auto_share(self.plan, card(), data, memory, self.config.say or show)

    def _read(self) -> Callable[[], Workload]:
        """Reads the data into memory; what is returned puts them into the Ray that then runs."""
        if given := self.config.workload:
            return lambda: given
        return partial(
            cifar_workload, load_dataset(data_request(self.plan.space.fixed, self.options))
        )

    # Searching.

    def search(self, ray_start: RayStart, identity: dict[str, Any]) -> Outcome:
        """Runs what is missing; whatever happens, the record is closed in order."""
        for folder in (self.paths.folder, self.paths.logs):
            folder.mkdir(parents=True, exist_ok=True)
        describe(self.paths, self.plan, self.options, identity, self.workload, self.placement)
        with Ledger(self.paths.folder) as ledger:
            session = self._session(ledger)
            watchdog = ShutdownWatchdog(session, lambda: self._close(session), self.options.command)
            with watchdog, session.progress:
                self._run(session, ray_start)
                watchdog.disarm()
            return self._close(session)

    def _run(self, session: Session, ray_start: RayStart) -> None:
        from tune_app.engine.tune_loop import TuneLoop  # imports ray.tune

        session.clear_stop()
        search = TuneLoop(
            session, self.plan, self.placement, self.workload, self.config, self.paths
        )
        search.replay(self.replayed)
        search.run(lambda: self._restart(ray_start))

    def _restart(self, ray_start: RayStart) -> Workload:
        """A new Ray, given the data anew: it was gone with the old one."""
        ray_start.again()
        return self._read()()

    def _session(self, ledger: Ledger) -> Session:
        searcher_rows = self._enter(ledger)
        again = to_run_again(self.plan, self.history)
        context = SearchContext(
            self.plan,
            self.history,
            self.options.objective,
            self.options.search_seed,
            again,
            searcher_rows,
        )
        self.stage = EstimatingStage(
            self.plan,
            self.paths.folder,
            self.history,
            again,
            write=searcher_rows,
            borrow=lambda plan: borrowed_rows(plan, self.history, self.options.reuse_from),
            begun=lambda words, trials: session.progress.begin_stage(words, trials),
        )
        searcher = SEARCHERS[self.plan.search](context)
        if self.plan.estimating_seeds:
            searcher = TwoStages(searcher, self.stage.begin)
        dispatcher = Dispatcher(
            searcher=searcher,
            history=self.history,
            write=ledger.append,
            policy=RetryPolicy(self.options.max_failures, memory_tiers=self._memory_tiers()),
            search=self.plan.search,
        )
        budget = self.options.time_budget_seconds
        session = Session(
            ledger=ledger,
            dispatcher=dispatcher,
            progress=self._progress(again),
            signals=self.signals,
            watchdog=Watchdog(self.config.timeouts),
            storage=self.storage,
            lost=self.lease.lost,
            trial_log=_tensorboard(self.paths.tensorboard),
            searched_keys=tuple(self.plan.space.keys),
            objectives=self.options.objective,
            room_bytes=self._room(),
            ends_at=self.began + budget if budget else float("inf"),
            budget=duration(budget) if budget else "",
        )
        ledger.wait_for_space = session.wait_for_space
        self.signals.say = session.progress.say
        self._tell_repairs(ledger, session.progress.say)
        session.progress.say(self._first_line(again))
        return session

    def _first_line(self, again: frozenset[str]) -> str:
        slots, resources = self.placement.slots(), self.placement.resources(0)
        listed = {trial.trial_id for trial in self.plan.trials}
        known = len(listed - again)
        to_run = (
            f"{len(listed & again)} trials to run" if listed else f"{self.plan.search} proposes"
        )
        return f"{self.paths.folder}: {to_run}, {known} known; {slots} at a time, {resources} each"

    def _enter(self, ledger: Ledger) -> Callable[..., None]:
        """Puts this run, what it borrows and what it plans on record."""

        def write(*rows: AnyRow) -> None:
            ledger.append(*rows)
            for row in rows:
                self.history.apply(row)

        now = time.time()
        command = without_secrets(self.options.command)
        write(Run(now, command, self.placement.slots(), socket.gethostname()))
        write(*self.borrowed)
        ends = settle_ends(self.history, now)
        write(*ends)
        self.replayed: list[SearchRow] = [*self.record.rows, *self.borrowed, *ends]
        write(*entry_rows(self.plan, self.history, now))
        return write

    def _progress(self, again: frozenset[str]) -> Progress:
        epochs = {one.trial_id: one.config.epochs for one in self.plan.trials}
        to_go = sum(epochs[name] - self.history[name].epoch for name in again & epochs.keys())
        points = self.plan.open_ended * len(self.plan.seeds)
        return Progress(
            history=self.history,
            planned=len(epochs) or points,
            epochs_to_go=to_go,
            say_elsewhere=self.config.say,
        )

    def _memory_tiers(self) -> int:
        return len(self.placement.tiers) - 1

    def _room(self) -> int:
        largest = max((checkpoint_bytes(trial) for trial in self.plan.trials), default=0)
        return SPARE_BYTES + 2 * largest * self.placement.slots()

    def _tell_repairs(self, ledger: Ledger, say: Callable[[str], None]) -> None:
        if ledger.repaired is not None:
            say(f"the ledger's last line was torn and is removed: {ledger.repaired[:60]!r}…")
        for damage in self.record.damage:
            say(f"ledger line {damage.line} is damaged and passed over: {damage.content[:60]!r}")

    # Closing.

    def _close(self, session: Session) -> Outcome:
        """Says why the search ended and what became of each trial."""
        dispatcher = session.dispatcher
        proposed = {name for name, one in self.history.trials.items() if one.planned}
        planned = {one.trial_id for one in self.plan.trials} or proposed
        planned |= {one.trial_id for one in self.stage.trials}
        counts = count(self.history, planned)
        left = sum(counts[status] for status in OPEN)
        complete = dispatcher.searcher.exhausted and not left
        reason = dispatcher.halted or (COMPLETE if complete else "the search ended too early")
        session.ledger.append(Closed(time.time(), reason))
        remove_checkpoints(self.storage, surplus(self.history))
        save_speeds(self.paths.folder.parent, self.history, self.placement.slots())
        code = exit_code(
            counts,
            signalled=self.signals.exit_code if self.signals.signal else 0,
            budget_used=time.monotonic() > session.ends_at,
            complete=complete,
        )
        accuracy, best = best_trial(self.history)
        return Outcome(self.paths.folder, code, reason, counts, best, accuracy, complete)


def _tensorboard(folder: Path) -> Any:
    from analysis.tensorboard.writer import TensorBoardLog

    return TensorBoardLog(folder)
