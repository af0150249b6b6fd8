"""The state of each trial according to the ledger, updated as rows are added."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import MappingProxyType

from analysis.record.rows import Alias, Ended, EpochResult, Infeasible, Planned, SearchRow, Started
from analysis.record.status import TrialStatus
from analysis.statistics.chance import HELD_OUT, UNTOLD_HELD_OUT, above_chance
from search_spaces.grammar.seeds import is_choosing
from trainables.config.metrics import score
from trainables.config.resolution import UNKNOWN, Facts, without_written_defaults

LOST = ("lost_worker", "lost_node", "low_memory")
"""Kinds of failures that ended a worker. The last: Ray did, as its host was low on memory."""

WAITED_FOR = ("full_disk", "storage", "drained_node")
"""Kinds of failures that are not the trial's fault: it is retried without a limit."""


@dataclass(slots=True)
class TrialHistory:
    """One trial: its last finished epoch, its last attempt, and how that ended.

    Attributes:
        planned: the row with its plan.
        last: the row of its last finished epoch.
        attempt: number of its last attempt; 0 before the first.
        ended: the row with the end of that attempt; None while it runs.
        failures: number of failed attempts by kind, since the last final end.
        fruitless: number of failed attempts in a row without a new epoch, since the same.
        host: of the last attempt; "" where it is unknown.
        threads: CPU threads of the last attempt on a CPU; 0 where they are unknown.
    """

    planned: Planned | None = None
    last: EpochResult | None = None
    attempt: int = 0
    ended: Ended | None = None
    failures: Counter[str] = field(default_factory=Counter)
    fruitless: int = 0
    host: str = ""
    threads: int = 0

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return self.last.epoch if self.last else 0

    @property
    def status(self) -> TrialStatus:
        """The trial's status; after a failure that is retried it is running."""
        if self.ended is not None and not self.ended.retry:
            return TrialStatus(self.ended.status)
        return TrialStatus.RUNNING if self.attempt else TrialStatus.NEVER_RAN

    @property
    def known(self) -> bool:
        """Whether it has ended, so that running it again would give the same numbers."""
        return self.status.is_final

    def plan(self, row: Planned) -> None:
        """Adds the plan of the trial."""
        self.planned = row

    def reach(self, row: EpochResult) -> None:
        """Adds a finished epoch; rows come in the order in which they were written."""
        self.last = row
        self.fruitless = 0

    def start(self, row: Started) -> None:
        """Adds the start of an attempt."""
        self.attempt, self.ended, self.host = row.attempt, None, row.host
        self.threads = row.threads if row.device == "cpu" and row.threads else self.threads

    def end(self, row: Ended) -> None:
        """Adds the end of an attempt."""
        self.ended = row
        if row.status == TrialStatus.FAILED and row.retry:
            self.failures[row.kind or "exception"] += 1
            self.fruitless += row.kind not in (*WAITED_FOR, "unfit_node")
        elif row.status != TrialStatus.INTERRUPTED:
            self.failures.clear()
            self.fruitless = 0


class History:
    """Every trial of a ledger, by id.

    ``data`` is what the data set brings for keys that configurations leave out.
    """

    def __init__(self, rows: Iterable[SearchRow] = (), data: Facts = UNKNOWN) -> None:
        self.data = data
        self.trials: dict[str, TrialHistory] = defaultdict(TrialHistory)
        self.aliases: list[Alias] = []
        self.infeasible: list[Infeasible] = []
        for row in rows:
            self.apply(row)

    def apply(self, row: SearchRow) -> None:
        """Adds a row; rows that are not about a trial are ignored."""
        match row:
            case EpochResult():  # the most frequent kind first
                self.trials[row.trial_id].reach(row)
            case Planned():
                self.trials[row.trial_id].plan(row)
            case Started():
                self.trials[row.trial_id].start(row)
            case Ended():
                self.trials[row.trial_id].end(row)
            case Alias():
                self.aliases.append(row)
            case Infeasible():
                self.infeasible.append(row)

    def with_status(self, *statuses: TrialStatus) -> list[str]:
        """The ids of the trials with one of these statuses, in the order of the ledger."""
        return [name for name, trial in self.trials.items() if trial.status in statuses]

    def __getitem__(self, trial_id: str) -> TrialHistory:
        """The trial's history; an empty one if the ledger does not have the trial."""
        return self.trials.get(trial_id) or TrialHistory()

    def __contains__(self, trial_id: str) -> bool:
        return trial_id in self.trials


@dataclass(frozen=True, slots=True, order=True)
class Contender:
    """A configuration with a finished run; the least is the best.

    Attributes:
        loss: minus the mean accuracy of the runs that it is judged by.
        parameters: of its network.
        first: place of its first finished run in the ledger.
        runs: how many it is judged by.
        is_estimated: whether these are on estimating seeds.
        trial_id: of its best finished run; of those that have a checkpoint, where that is known.
    """

    loss: float
    parameters: int
    first: int
    runs: int
    is_estimated: bool
    trial_id: str


def contenders(
    history: History,
    limits: Mapping[str, float] = MappingProxyType({}),
    there: Container[str] = (),
) -> list[Contender]:
    """The configurations that have finished, the best first.

    Where there are runs on estimating seeds, only these count. A run that diverged or learned
    nothing counts at chance. Of equal means the smaller network is the better.
    ``limits`` are the largest ``parameters`` and ``macs`` of a network, ``there`` the trials that
    have a checkpoint.
    """
    groups: dict[str, list[str]] = {}
    for name in history.with_status(TrialStatus.FINISHED, TrialStatus.DIVERGED):
        planned = history[name].planned
        if planned and any(getattr(planned, key) > most for key, most in limits.items()):
            continue
        groups.setdefault(configuration_key(history, name), []).append(name)
    order = {name: number for number, name in enumerate(history.trials)}
    ranked = []
    for names in groups.values():
        judging = [name for name in names if _is_estimate(history[name])] or names
        finished = [name for name in judging if _has_finished(history[name])]
        if finished:
            mean = fmean(counted_score(history[name]) for name in judging)
            contender = Contender(
                loss=-round(mean, 12),
                parameters=_size(history[finished[0]]),
                first=min(order[name] for name in finished),
                runs=len(judging),
                is_estimated=_is_estimate(history[finished[0]]),
                trial_id=max(
                    finished, key=lambda name: (name in there, *_final_rank(history[name]))
                ),
            )
            ranked.append(contender)
    return sorted(ranked)


def competing(ranked: Sequence[Contender]) -> list[Contender]:
    """Those that may be named as the best, see ``analysis.study.best``.

    Where there are estimated configurations, the others do not compete, and neither does one with
    less than half the runs of another.
    """
    ranked = [contender for contender in ranked if contender.is_estimated] or list(ranked)
    most = max((contender.runs for contender in ranked), default=0)
    return [contender for contender in ranked if contender.runs >= most / 2]


def best_on_record(
    history: History,
    limits: Mapping[str, float] = MappingProxyType({}),
    there: Container[str] = (),
) -> tuple[float, str]:
    """The best configuration's mean over its seeds, and its best trial's id; (0.0, "") for none.

    ``limits`` and ``there`` as in ``contenders``.
    """
    best = next(iter(competing(contenders(history, limits, there))), None)
    return (-best.loss, best.trial_id) if best else (0.0, "")


def configuration_key(history: History, name: str) -> str:
    """A key that is equal for trials that differ only in their seed, with or without defaults."""
    planned = history[name].planned
    if planned is None or not planned.config:
        return name
    config = without_written_defaults(planned.config, history.data)
    return repr(sorted((key, one) for key, one in config.items() if key != "seed"))


def _is_estimate(trial: TrialHistory) -> bool:
    return not is_choosing(_seed(trial))


def _final_rank(trial: TrialHistory) -> tuple[float, int]:
    """Of equal runs that with the lowest seed, as in ``analysis.study.best``."""
    return final_score(trial), -_seed(trial)


def _seed(trial: TrialHistory) -> int:
    return int(trial.planned.config.get("seed", 0)) if trial.planned else 0


def _size(trial: TrialHistory) -> int:
    return trial.planned.parameters if trial.planned else 0


def _has_finished(trial: TrialHistory) -> bool:
    return trial.status == TrialStatus.FINISHED


def counted_score(trial: TrialHistory) -> float:
    """The final score; chance level where the run diverged or learned nothing."""
    config = trial.planned.config if trial.planned else {}
    chance, held_out = 1 / int(config.get("classes", 10)), config.get("validation_images")
    usual = HELD_OUT.get(config.get("dataset", "cifar10"), UNTOLD_HELD_OUT)
    accuracy = final_score(trial) if _has_finished(trial) else 0.0
    return accuracy if accuracy > above_chance(chance, held_out or usual) else chance


def final_score(trial: TrialHistory) -> float:
    """The score of the last epoch; 0.0 where it was not evaluated."""
    return (score(trial.last) if trial.last else None) or 0.0
