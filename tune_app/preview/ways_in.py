"""How to include points that a limit leaves out: the nearest budget, key or family."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainables.config.train_config import ConfigError, TrainConfig
from trainables.sizes.budget import InfeasibleError, floor_and_ceiling
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import RESNET9
from trainables.sizes.size_keys import given_sizes
from tune_app.planning.parsed_point import (
    PlannedTrial,
    PointRules,
    classify_point,
    configure,
)
from tune_app.planning.plan import Plan

MOST_DIVISOR = 512  # then every rank is 1
TRIES = 30  # values of a budget in a row, some of which no network may fill


@dataclass(frozen=True, slots=True)
class Limit:
    """One of the limits: its flag, its value, and how a network is measured by it."""

    flag: str
    most: float
    unit: str
    of: Callable[[TrainConfig], float]

    def excess(self, config: TrainConfig) -> float:
        """The size of a network that exceeds the limit, else 0.

        Where no network fills a budget, the refusal itself names the nearest.
        """
        with contextlib.suppress(InfeasibleError):
            size = self.of(config)
            return size if size > self.most else 0
        return 0


def ways_in(plan: Plan) -> list[str]:
    """For every limit that leaves points out, a sentence and the nearest ways in, one a line."""
    limits = [
        Limit("--max-parameters", plan.rules.max_parameters or 0, "parameters", _parameters),
        Limit("--max-macs", plan.rules.max_macs or 0, "multiply-adds", _macs),
    ]
    return [line for limit in limits if limit.most for line in _ways(plan, limit)]


def _ways(plan: Plan, limit: Limit) -> Iterator[str]:
    refused = [(config, size) for config in _refused(plan) if (size := limit.excess(config))]
    sized = dict(refused)
    if not sized:
        return
    nearest = min(sized, key=lambda config: sized[config])
    lists = (plan.trials, plan.duplicates, plan.infeasible, plan.examples, plan.refused_examples)
    points = sum(map(len, lists))
    yield (
        f"{limit.flag} {limit.most:,.0f} leaves out {len(refused):,} of {points:,} points; the "
        f"nearest has {sized[nearest]:,.0f} {limit.unit} ({_words(nearest)})"
    )
    within = {trial.config.layer for trial in (*plan.trials, *plan.examples)}
    outside = [layer for layer in dict.fromkeys(one.layer for one in sized) if layer not in within]
    if not outside:
        return
    if within:
        yield f"  no {' or '.join(outside)} network is within it; the nearest ways to run one:"
    smallest = [
        min((one for one in sized if one.layer == layer), key=lambda one: sized[one])
        for layer in outside
    ]
    yield f"  raise {limit.flag} to {min(sized[one] for one in smallest):.0f}"
    yield from _changes(limit, smallest, plan.rules)
    yield from _families(limit, nearest, {*within, *outside})


def _refused(plan: Plan) -> Iterator[TrainConfig]:
    for one in (*plan.infeasible, *plan.refused_examples):
        with contextlib.suppress(ConfigError):
            yield configure(one.config, plan.rules)


def _changes(limit: Limit, configs: Sequence[TrainConfig], rules: PointRules) -> Iterator[str]:
    """For each key the value nearest to the present ones at which one of the networks fits."""
    found: dict[str, tuple[float, str]] = {}
    for config in configs:
        for key, values in _smaller(limit, config):
            value = _first_fitting(config, key, values, rules)
            if value is None:
                continue
            size = limit.of(config.with_values(**{key: value}))
            words = f"  --set {key}={value:g} ({config.layer}: {size:,.0f} {limit.unit})"
            if key not in found or size > found[key][0]:
                found[key] = (size, words)
    yield from (words for _, words in found.values())


def _first_fitting(
    config: TrainConfig, key: str, values: Sequence[float], rules: PointRules
) -> float | None:
    """The first value from which on networks keep all limits; a few may have no network."""

    def fits(value: float) -> bool:
        changed = config.with_values(**{key: value})
        return isinstance(classify_point({}, changed, rules, {}), PlannedTrial)

    start = bisect_left(values, True, key=fits)
    return next((value for value in values[start : start + TRIES] if fits(value)), None)


def _smaller(limit: Limit, config: TrainConfig) -> Iterator[tuple[str, Sequence[float]]]:
    """Keys that make the network smaller, each with its values from the largest network on."""
    if config.init:
        return
    given = given_sizes(config.to_dict())
    ranked = SIZES[config.layer].ranked
    if config.network == RESNET9 and (ranked or not given):
        yield "width", range(config.width - 1, 0, -1)
    if "rank" in given:
        yield "rank", range(int(config.rank or 1) - 1, 0, -1)
    if "rank_divisor" in given:
        yield "rank_divisor", range(int(config.rank_divisor or 1) + 1, MOST_DIVISOR + 1)
    if "rank_scale" in given:
        yield "rank_scale", _below(float(config.rank_scale or 1))
    if "compression" in given:
        yield "compression", _below(float(config.compression or 1))
    if "parameters" in given and limit.unit == "parameters":
        yield "parameters", [int(limit.most)]


def _below(value: float) -> list[float]:
    """Numbers of two digits below a share, the largest first."""
    digits = [mantissa * 10.0**power for power in (-2, -3, -4) for mantissa in range(99, 9, -1)]
    return [float(f"{one:.2g}") for one in digits if one < value]


def _families(limit: Limit, config: TrainConfig, known: set[str]) -> Iterator[str]:
    """Families that are not asked for and have smaller networks in the same body."""
    if limit.unit != "parameters" or config.init:
        return
    skeleton = config.architecture.skeleton
    floors = {
        name: floor_and_ceiling(name, skeleton, config.dims)[0]
        for name, family in SIZES.items()
        if family.ranked and name not in known
    }
    fitting = sorted((floor, name) for name, floor in floors.items() if floor <= limit.most)
    if fitting:
        listed = ", ".join(f"{name} (from {floor:,})" for floor, name in fitting)
        yield f"  --set layer= another family: {listed} {limit.unit}"


def _words(config: TrainConfig) -> str:
    given = given_sizes(config.to_dict())
    names = ["layer", *(["width"] if config.network == RESNET9 and not given else given)]
    return ", ".join(f"{name}={getattr(config, name)}" for name in names)


def _parameters(config: TrainConfig) -> float:
    return config.network_size().parameters


def _macs(config: TrainConfig) -> float:
    return config.network_size().macs(config.batch_size)
