"""The pairs of networks that a contrast will compare, counted before any of them has run.

As ``analysis.claims.matching`` pairs them: of equal parameters where the key changes the network,
else of equal architecture. That one works on tables, and takes longer to import than a plan takes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from search_spaces.grammar.question import Contrast
from trainables.sizes.size_keys import EQUAL_SIZE, NETWORK_KEYS, SHAPE_KEYS
from tune_app.planning.parsed_point import configure
from tune_app.planning.plan import Plan


class Point(NamedTuple):
    """A configuration that runs, as ``trial``; a key that does not apply has no value."""

    trial: str
    values: Mapping[str, Any]
    parameters: int


Network = list[Point]
"""The points of a network: over its seeds, and over what is tuned."""


def listed_points(plan: Plan) -> list[Point]:
    """Every point of the plan. One trial that is written in two ways is two points."""
    sizes = {trial.trial_id: trial.size.parameters for trial in plan.trials}
    configs = [(trial.trial_id, trial.config) for trial in plan.trials]
    configs += [(one.same_as, configure(one.config, plan.rules)) for one in plan.duplicates]
    points = []
    for name, config in configs:
        values = config.to_dict()
        idle = {key for key, domain in plan.space.keys.items() if not domain.applies(values)}
        known = {key: value for key, value in values.items() if key not in idle}
        points.append(Point(name, known, sizes[name]))
    return points


def changes_network(question: Contrast) -> bool:
    """Whether its pairs are of equal size and not of equal architecture."""
    return question.key in NETWORK_KEYS


def pairs_by_family(plan: Plan, question: Contrast, points: Iterable[Point]) -> Counter[str]:
    """How many pairs differ in the question's key alone, by the family of the baseline."""
    tuned = {name for name, key in plan.space.keys.items() if key.role in ("nuisance", "carried")}
    without = {"seed", question.key, *tuned}
    context = {*without, *SHAPE_KEYS} if changes_network(question) else without
    arms = (question.baseline, question.treatment)
    sides: dict[Any, tuple[dict[Any, Network], ...]] = defaultdict(
        lambda: (defaultdict(list), defaultdict(list))
    )
    for point in points:
        if (value := point.values.get(question.key)) in arms:
            side = sides[_others(point, context)][arms.index(value)]
            side[_others(point, without)].append(point)
    found: Counter[str] = Counter()
    seen: set[str] = set()
    for baseline, treatment in sides.values():
        for one, other in _pairs([*baseline.values()], [*treatment.values()]):
            family = one[0].values["layer"]
            trials = {point.trial for point in (*one, *other)}
            found[family] += seen.isdisjoint(trials)  # a network that is written twice counts once
            seen |= trials
    return +found


def _others(point: Point, without: Iterable[str]) -> frozenset[tuple[str, Any]]:
    ignored = {*without}
    return frozenset((key, value) for key, value in point.values.items() if key not in ignored)


def _pairs(baseline: list[Network], treatment: list[Network]) -> Iterator[tuple[Network, Network]]:
    """Different networks of equal size, matched from the closest, each in one pair."""
    apart = [
        (abs(math.log(a[0].parameters / b[0].parameters)), i, j)
        for i, a in enumerate(baseline)
        for j, b in enumerate(treatment)
        if {point.trial for point in a}.isdisjoint(point.trial for point in b)
    ]
    left, right = set(range(len(baseline))), set(range(len(treatment)))
    for distance, i, j in sorted(apart):
        if distance <= math.log1p(EQUAL_SIZE) and i in left and j in right:
            left.remove(i)
            right.remove(j)
            yield baseline[i], treatment[j]
