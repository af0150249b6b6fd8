"""How many runs each stage of a plan has, and what they can show."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import variance

from analysis.record.status import TrialStatus
from analysis.study.size_steps import size_step
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from trainables.config.metrics import score
from trainables.text.count import plural
from tune_app.planning.plan import Plan
from tune_app.preview.pairs import Point, listed_points
from tune_app.preview.promises import arms_within, promise_lines
from tune_app.record.history import History, configuration_key


def evidence_lines(plan: Plan, runs: int = 0, spread: float | None = None) -> list[str]:
    """The two stages of a plan and the leads that they can detect; empty for a plan of one stage.

    Args:
        plan: of the study.
        runs: of the second stage; 0 where they are not chosen yet.
        spread: standard deviation between seeds on record, a fraction; None where none is recorded.
    """
    if not plan.estimating_seeds:
        return []
    seeds = len(plan.estimating_seeds)
    lines = [f"stage 1, to choose: every point on {plural(len(plan.seeds), 'seed')}"]
    chosen = most_chosen(plan)
    if runs:
        count = plural(runs, "run")
    elif chosen:
        count = f"at most {plural(chosen * seeds, 'run')} of {plural(chosen, 'configuration')}"
    else:
        count = "as many runs as chosen configurations times seeds"
    fresh = plural(seeds, "fresh seed")
    lines += [f"stage 2, to estimate: what each arm chose, on {fresh}: {count}"]
    return [*lines, *promise_lines(plan, spread)]


def most_chosen(plan: Plan) -> int:
    """The most configurations that the questions of a plan can choose; 0 where none is listed."""
    points = listed_points(replace(plan, duplicates=()))  # two arms of one trial choose alike
    if not points or not plan.estimating_seeds:
        return 0
    chosen = 1  # the best of the study
    for question in plan.space.questions:
        if isinstance(question, Contrast) and not plan.space.nuisance_keys:
            continue  # without tuning nothing is chosen
        chosen += _arms(plan, question, points)
    return min(_distinct(points, plan.space.keys), chosen)


def _arms(plan: Plan, question: Question, points: Sequence[Point]) -> int:
    """How many configurations a question can choose: one for each arm."""
    networks = plan.space.scientific_keys
    match question:
        case Select():
            return sum(map(len, arms_within(question, points).values()))
        case Contrast():
            arms = (question.baseline, question.treatment)
            return _distinct(
                (point for point in points if point.values.get(question.key) in arms), networks
            )
        case Carry():
            return 2 * _distinct(points, networks)
        case Smallest():
            return 1 + len({size_step(point.parameters) for point in points})
        case Trend():
            return 0


def _distinct(points: Iterable[Point], names: Iterable[str]) -> int:
    """How many distinct values these keys have; a key that does not apply has none."""
    names = [*names]
    return len({tuple(map(point.values.get, names)) for point in points})


def seed_spread(history: History) -> float | None:
    """The pooled standard deviation between seeds of the finished trials; None without pairs."""
    scores: dict[str, list[float]] = defaultdict(list)
    for name, trial in history.trials.items():
        if trial.planned is None or trial.last is None or trial.status != TrialStatus.FINISHED:
            continue
        value = score(trial.last)
        if value is not None:
            scores[configuration_key(history, name)].append(value)
    groups = [values for values in scores.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in groups)
    if not freedom:
        return None
    return math.sqrt(sum(variance(values) * (len(values) - 1) for values in groups) / freedom)
