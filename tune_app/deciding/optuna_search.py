"""Optuna as a searcher: asks for points, answers repeats from the record, tells what it learns."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from analysis.record.rows import Alias, Infeasible, Planned
from analysis.record.status import TrialStatus
from search_spaces.grammar.domains import Choice, Domain, Float, Scalar
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from trainables.config.metrics import WORST_SCORE, score
from trainables.config.resolution import content, with_defaults
from tune_app.command.choices import OBJECTIVES
from tune_app.deciding.searcher import SearchContext
from tune_app.planning.parsed_point import plan_point, whole_point
from tune_app.planning.plan import Plan, PlannedTrial, Rejected
from tune_app.record.history import TrialHistory

MAX_REPEATS = 200
"""Consecutive points without a new trial, after which a space counts as exhausted."""

SEARCH = "optuna"


@dataclass
class Point:
    """One point that Optuna is waiting for: its trial there, and the replicates it consists of."""

    optuna_trial: optuna.Trial
    members: dict[str, PlannedTrial]  # by trial id, one a seed


class OptunaSearch:
    """Fulfils ``searchers.Searcher``; a point is told when all its replicates have ended.

    A point counts towards the number asked for when it brings a trial that was not known.
    """

    def __init__(self, context: SearchContext) -> None:
        self.context = context
        self.plan = context.plan
        self._again = set(context.again)
        self._waiting: list[Point] = []
        self._queue: deque[PlannedTrial] = deque()
        self._pending: set[str] = set()  # proposed or queued, not told yet
        self._trials: dict[str, PlannedTrial] = {}  # by every name, as another family has one
        self._dry = False  # nothing new came up for MAX_REPEATS points
        past = _past_points(context)
        self._asked = sum(past.values())
        self.study = _study(context, runs=len(past))
        for values in past:
            self._restore(dict(values))

    @property
    def exhausted(self) -> bool:
        return not self._queue and (self._asked >= self.plan.open_ended or self._dry)

    def propose(self) -> PlannedTrial | None:
        for _ in range(MAX_REPEATS):
            if self._queue or self._asked >= self.plan.open_ended:
                break
            self._ask()
        else:
            self._dry = not self._waiting  # a running trial's result may still change
        return self._queue.popleft() if self._queue else None

    def tell(self, trial_id: str, trial: TrialHistory) -> None:
        self._pending.discard(trial_id)
        for point in [point for point in self._waiting if trial_id in point.members]:
            self._settle(point)

    def _ask(self) -> None:
        optuna_trial = self.study.ask()
        values = {
            name: suggest(optuna_trial, name, key.domain)
            for name, key in _applying(self.plan.space, optuna_trial)
        }
        self._take(optuna_trial, values, counts=True)

    def _take(
        self, optuna_trial: optuna.Trial, values: Mapping[str, Scalar], *, counts: bool
    ) -> None:
        """Turns a point into trials: new ones are queued, known ones are answered."""
        members: dict[str, PlannedTrial] = {}
        for seed in self.plan.seeds:
            whole = whole_point(self.plan.space, values, seed)
            judged = plan_point(whole, self.plan.rules, {})
            if isinstance(judged, Rejected):
                self._reject(optuna_trial, judged)
                return
            if isinstance(judged, PlannedTrial):  # no Duplicate: nothing is known to plan_point
                trial = next(filter(None, map(self._trials.get, judged.names)), judged)
                self._trials |= dict.fromkeys((*judged.names, *trial.names), trial)
                self._note_alias(whole, judged, trial)
                members[trial.trial_id] = trial
        fresh = [trial for trial in members.values() if self._is_new(trial.trial_id)]
        self._pending.update(trial.trial_id for trial in fresh)
        self._again.difference_update(self._pending)
        self._queue.extend(fresh)
        self._asked += bool(fresh) and counts
        point = Point(optuna_trial, members)
        self._waiting.append(point)
        self._settle(point)

    def _is_new(self, trial_id: str) -> bool:
        if trial_id in self._pending:
            return False
        return trial_id in self._again or trial_id not in self.context.history

    def _note_alias(
        self, whole: dict[str, Any], trial: PlannedTrial, original: PlannedTrial
    ) -> None:
        """Records another spelling of a trial that is recorded already."""
        planned = self.context.history[original.trial_id].planned
        if planned is not None and planned.config != trial.config.to_dict():
            self.context.write(Alias(whole, original.trial_id))

    def _settle(self, point: Point) -> None:
        """Tells Optuna the point's result if every replicate has ended for good."""
        if not self._pending.isdisjoint(point.members):
            return
        self._waiting.remove(point)
        trials = [self.context.history[name] for name in point.members]
        if any(trial.status == TrialStatus.FAILED for trial in trials):
            self.study.tell(point.optuna_trial, state=TrialState.FAIL)
        elif any(trial.status == TrialStatus.STOPPED for trial in trials):
            self._tell_stopped(point, trials)
        else:
            values = _values(list(point.members.values()), trials, self.context.objectives)
            self.study.tell(point.optuna_trial, values)

    def _tell_stopped(self, point: Point, trials: list[TrialHistory]) -> None:
        """A stopped trial's accuracy is not final: Optuna hears it as pruned at its epoch."""
        if len(self.context.objectives) == 1:
            epoch, value = min((trial.epoch, _score(trial)) for trial in trials)
            point.optuna_trial.report(value, epoch)
        self.study.tell(point.optuna_trial, state=TrialState.PRUNED)

    def _reject(self, optuna_trial: optuna.Trial, why: Rejected) -> None:
        self.context.write(Infeasible(why.config, why.reason))
        optuna_trial.set_constraint("feasible", 1.0)
        self.study.tell(optuna_trial, state=TrialState.PRUNED)

    def _restore(self, values: dict[str, Scalar]) -> None:
        """Restores a recorded point, as if Optuna had proposed it."""
        self.study.enqueue_trial(values)
        optuna_trial = self.study.ask()
        for name, key in _applying(self.plan.space, optuna_trial):
            if name in values:
                suggest(optuna_trial, name, key.domain)
        self._take(optuna_trial, values, counts=False)


def _past_points(context: SearchContext) -> dict[tuple, bool]:
    """The recorded points of the plan's space, in order; True where Optuna proposed them."""
    points: dict[tuple, bool] = {}
    for trial in context.history.trials.values():
        if trial.planned is None or not (trial.attempt or trial.planned.search == SEARCH):
            continue
        if (values := point_of(context.plan, trial.planned)) is None:
            continue
        point = tuple(values.items())
        points[point] = points.get(point, False) or trial.planned.search == SEARCH
    return points


def point_of(plan: Plan, planned: Planned) -> dict[str, Scalar] | None:
    """The searched keys' values; None where the trial is no point of the plan's space.

    It is one where these values, beside what the plan fixes and resolves, are that trial: what a
    space does not name is at its default there, and has to be here.
    """
    space, config = plan.space, with_defaults(planned.config, plan.rules.data)
    values: dict[str, Scalar] = {}
    for name, key in space.keys.items():
        if not key.applies({**space.fixed, **values}):
            continue
        value = _of_domain(key.domain, name, config.get(name))
        if value is None:
            return None
        values[name] = value
    replanned = plan_point(whole_point(space, values, config["seed"]), plan.rules, {})
    is_same = isinstance(replanned, PlannedTrial) and planned.trial_id in replanned.names
    return values if is_same else None


def _of_domain(domain: Domain, name: str, value: Any) -> Scalar | None:
    """The value as the domain has it; None where it is not in it."""
    if not isinstance(domain, Choice):
        return value if domain.contains(value) else None
    target = content(name, value)
    return next((choice for choice in domain.values if content(name, choice) == target), None)


def suggest(optuna_trial: optuna.Trial, name: str, domain: Domain) -> Scalar:
    """A value of the domain, in Optuna's words."""
    if isinstance(domain, Choice):
        return optuna_trial.suggest_categorical(name, domain.values)
    if isinstance(domain, Float):
        return optuna_trial.suggest_float(name, domain.low, domain.high, log=domain.log)
    return optuna_trial.suggest_int(name, domain.low, domain.high, log=domain.log)


def _applying(space: SearchSpace, optuna_trial: optuna.Trial) -> Iterator[tuple[str, Key]]:
    """The keys that exist, given the values suggested so far, one after the other."""
    for name, key in space.keys.items():
        if key.applies({**space.fixed, **optuna_trial.params}):
            yield name, key


def _values(
    members: list[PlannedTrial], trials: list[TrialHistory], objectives: tuple[str, ...]
) -> list[float]:
    """The objectives: the mean accuracy of the last epochs, and the network's size."""
    scores = [_score(trial) for trial in trials]
    size, batch = members[0].size, members[0].config.images_at_once
    value_by_objective = {
        "val_accuracy": sum(scores) / len(scores),
        "parameters": float(size.parameters),
        "macs": float(size.macs(batch)),
    }
    return [value_by_objective[name] for name in objectives]


def _score(trial: TrialHistory) -> float:
    """The accuracy of the last epoch; the worst where there is none, or training diverged."""
    last_score = score(trial.last) if trial.last and trial.status != TrialStatus.DIVERGED else None
    return WORST_SCORE if last_score is None else last_score


def _study(context: SearchContext, runs: int) -> optuna.Study:
    """A study in memory; a continued search draws from another seed, not the same points again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = (context.seed + 100_003 * runs) % 2**32  # numpy takes no larger one
    directions = [f"{OBJECTIVES[name]}imize" for name in context.objectives]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler: optuna.samplers.BaseSampler
        if len(directions) > 1:
            population = max(8, min(50, context.plan.open_ended // 4))
            sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=population)
        else:
            sampler = optuna.samplers.TPESampler(
                seed=seed, multivariate=True, group=True, constant_liar=True
            )
        return optuna.create_study(directions=directions, sampler=sampler)
