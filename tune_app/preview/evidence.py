"""What the planned runs can show: how many each stage has, and the smallest detectable lead."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import NormalDist, variance
from typing import Any

from analysis.record.status import TrialStatus
from analysis.study.size_steps import size_step
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from trainables.config.metrics import score
from trainables.text.count import plural
from tune_app.planning.plan import Plan
from tune_app.record.history import History, configuration_key

POWER = 0.8
LEVEL = 0.05

Point = dict[str, Any]


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
    return [*lines, *_leads(plan, seeds, spread)]


def smallest_lead(
    runs: int, blocks: int = 1, *, level: float = LEVEL, power: float = POWER
) -> float:
    """The smallest lead that is detected with this power, in standard deviations between seeds.

    Two groups of ``runs`` in each of ``blocks`` architectures; two-sided t test at ``level``.
    Infinite with one run and no other block.
    """
    freedom = 2 * (runs - 1) * blocks if runs > 1 else blocks - 1
    if freedom < 1:
        return math.inf
    quantiles = _t_quantile(1 - level / 2, freedom) + _t_quantile(power, freedom)
    return quantiles * math.sqrt(2 / (runs * blocks))


def _t_quantile(share: float, freedom: int) -> float:
    """Student's t quantile, within 1 % from 2 degrees of freedom on.

    The approximation is Abramowitz and Stegun's (1964, 26.7.5). Importing SciPy for the exact value
    would take longer than the plan.
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def _leads(plan: Plan, seeds: int, spread: float | None) -> list[str]:
    """The lead that each question can show; for a space without questions, that of the best."""
    points = _points(plan)
    questions: Sequence[Question | None] = plan.space.questions or (None,)
    sentences = [_can_show(plan, question, points, seeds, spread) for question in questions]
    return [f"what they can show, in four of five studies: {sentences[0]}", *sentences[1:]]


def _can_show(
    plan: Plan, question: Question | None, points: list[Point], seeds: int, spread: float | None
) -> str:
    match question:
        case Contrast():
            blocks = max(1, _arms(plan, question, points) // 2)
            runs = seeds if plan.space.nuisance_keys else len(plan.seeds)
            lead, over = smallest_lead(runs, blocks), _over(blocks, "architecture")
            return f"contrast: a lead of {_size(lead, spread)}{over}"
        case Select():
            budgets = _distinct(plan, points, (question.within,))
            rivals = max(1, round(_arms(plan, question, points) / max(budgets, 1)) - 1)
            lead = smallest_lead(seeds, power=POWER ** (1 / rivals))
            return f"select: a lead of {_size(lead, spread)}{_over(rivals, 'rival')}"
        case Carry():
            treatments = max(1, _distinct(plan, points, (question.treatment,)))
            blocks = max(1, _arms(plan, question, points) // (2 * treatments))
            lead, over = smallest_lead(seeds, blocks), _over(blocks, "architecture")
            return f"carry: a cost of {_size(lead, spread)}{over}"
        case Smallest():
            tried = max(1, _arms(plan, question, points) - 1)
            lead = smallest_lead(seeds, level=LEVEL / tried)
            return f"smallest: a loss that is below the margin by {_size(lead, spread)}"
        case Trend():
            return (
                "trend: an exponent; its interval is narrower the faster accuracy falls away from "
                "the best value"
            )
        case None:
            return f"best: a lead of {_size(smallest_lead(seeds), spread)}"


def _over(count: int, noun: str) -> str:
    return f" over {count} {noun}s" if count > 1 else ""


def _size(lead: float, spread: float | None) -> str:
    """A lead as text, also in percentage points where the spread is on record."""
    if not math.isfinite(lead):
        return "no size (one run of each says nothing about chance)"
    text = f"{lead:.2g} standard deviations between seeds"
    if spread:
        text += f" ({100 * lead * spread:.2g} points at the {100 * spread:.2g} on record)"
    return text


def most_chosen(plan: Plan) -> int:
    """The most configurations that the questions of a plan can choose; 0 where none is listed."""
    points = _points(plan)
    if not points or not plan.estimating_seeds:
        return 0
    chosen = 1  # the best of the study
    for question in plan.space.questions:
        if isinstance(question, Contrast) and not plan.space.nuisance_keys:
            continue  # without tuning nothing is chosen
        chosen += _arms(plan, question, points)
    return min(_distinct(plan, points, plan.space.keys), chosen)


def _arms(plan: Plan, question: Question, points: Sequence[Point]) -> int:
    """How many configurations a question can choose: one for each arm."""
    networks = plan.space.scientific_keys
    match question:
        case Select():
            return _distinct(plan, points, (question.within, *question.keys))
        case Contrast():
            arms = (question.baseline, question.treatment)
            return _distinct(
                plan, [point for point in points if point[question.key] in arms], networks
            )
        case Carry():
            return 2 * _distinct(plan, points, networks)
        case Smallest():
            return 1 + len({size_step(trial.size.parameters) for trial in plan.trials})
        case Trend():
            return 0


def _points(plan: Plan) -> list[Point]:
    return [trial.config.to_dict() for trial in plan.trials]


def _distinct(plan: Plan, points: Iterable[Point], names: Iterable[str]) -> int:
    """How many distinct values these keys have; a key that does not apply has none."""
    keys = {name: plan.space.keys[name] for name in names}
    return len(
        {
            tuple(point[name] if key.applies(point) else None for name, key in keys.items())
            for point in points
        }
    )


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
