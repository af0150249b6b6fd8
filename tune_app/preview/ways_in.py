"""Suggestions for points that a limit excludes: the nearest limit, key or family."""

from __future__ import annotations

import contextlib
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainables.architectures.budget import InfeasibleError, floor_and_ceiling
from trainables.architectures.resnet9 import RESNET9
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.sizes.registry import SIZES
from trainables.sizes.size_keys import given_sizes
from trainables.text.count import exact_count, rounded_up
from tune_app.planning.parsed_point import (
    PlannedTrial,
    PointRules,
    classify_point,
    configure,
)
from tune_app.planning.plan import Plan

MAX_DIVISOR = 512  # from here on every rank is 1
NEIGHBOURS = 30  # successive values to try, as a budget may have no network


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: its flag, its value, and the function that measures a network."""

    flag: str
    maximum: float
    unit: str
    of: Callable[[TrainConfig], float]

    def excess(self, config: TrainConfig) -> float:
        """The size of a network that exceeds the limit, else 0.

        Where no network fills a budget, the refusal itself names the nearest.
        """
        with contextlib.suppress(InfeasibleError):
            size = self.of(config)
            return size if size > self.maximum else 0
        return 0


def ways_in(plan: Plan) -> list[str]:
    """For every limit that excludes points, a sentence and suggestions, one per line."""
    limits = [
        Limit("--max-parameters", plan.rules.max_parameters or 0, "parameters", _parameters),
        Limit("--max-macs", plan.rules.max_macs or 0, "multiply-adds", _macs),
    ]
    return [line for limit in limits if limit.maximum for line in _ways_within(plan, limit)]


def _ways_within(plan: Plan, limit: Limit) -> Iterator[str]:
    refused = [(config, size) for config in _refused(plan) if (size := limit.excess(config))]
    sized = dict(refused)
    if not sized:
        return
    nearest = min(sized, key=lambda config: sized[config])
    lists = (plan.trials, plan.duplicates, plan.infeasible, plan.examples, plan.refused_examples)
    points = sum(map(len, lists))
    yield (
        f"{limit.flag} {exact_count(limit.maximum)} leaves out {len(refused):,} of {points:,} "
        f"points; the nearest has {rounded_up(sized[nearest])} {limit.unit} "
        f"({_size_text(nearest)})"
    )
    within = {trial.config.layer for trial in (*plan.trials, *plan.examples)}
    outside = [
        layer for layer in dict.fromkeys(config.layer for config in sized) if layer not in within
    ]
    if not outside:
        return
    if within:
        yield f"  no {' or '.join(outside)} network is within it; the nearest ways to run one:"
    smallest = [
        min((config for config in sized if config.layer == layer), key=lambda config: sized[config])
        for layer in outside
    ]
    yield f"  raise {limit.flag} to {math.ceil(min(sized[config] for config in smallest))}"
    yield from _changes(limit, smallest, plan.rules)
    yield from _families(limit, nearest, {*within, *outside})


def _refused(plan: Plan) -> Iterator[TrainConfig]:
    for point in (*plan.infeasible, *plan.refused_examples):
        with contextlib.suppress(ConfigError):
            yield configure(point.config, plan.rules)


def _changes(limit: Limit, configs: Sequence[TrainConfig], rules: PointRules) -> Iterator[str]:
    """For each key, the nearest value at which one of the networks is within the limit."""
    best: dict[str, tuple[float, str]] = {}
    for config in configs:
        for key, values in _smaller(limit, config):
            value = _first_fitting(config, key, values, rules)
            if value is None:
                continue
            size = limit.of(config.with_values(**{key: value}))
            has = f"{rounded_up(size)} {limit.unit}"
            line = f"  --set {key}={value:g} ({config.layer}: {has})"
            if key not in best or size > best[key][0]:
                best[key] = (size, line)
    yield from (line for _, line in best.values())


def _first_fitting(
    config: TrainConfig, key: str, values: Sequence[float], rules: PointRules
) -> float | None:
    """The first value at which the network is within all limits; some may have no network."""

    def fits(value: float) -> bool:
        changed = config.with_values(**{key: value})
        return isinstance(classify_point({}, changed, rules, {}), PlannedTrial)

    start = bisect_left(values, True, key=fits)
    return next((value for value in values[start : start + NEIGHBOURS] if fits(value)), None)


def _smaller(limit: Limit, config: TrainConfig) -> Iterator[tuple[str, Sequence[float]]]:
    """Keys that make the network smaller, each with its values, largest network first."""
    if config.init:
        return
    sizes = given_sizes(config.to_dict())
    ranked = SIZES[config.layer].ranked
    if config.network == RESNET9 and (ranked or not sizes):
        yield "width", range(config.width - 1, 0, -1)
    if "rank" in sizes:
        yield "rank", range(int(config.rank or 1) - 1, 0, -1)
    if "rank_divisor" in sizes:
        yield "rank_divisor", range(int(config.rank_divisor or 1) + 1, MAX_DIVISOR + 1)
    if "rank_scale" in sizes:
        yield "rank_scale", _below(float(config.rank_scale or 1))
    if "compression" in sizes:
        yield "compression", _below(float(config.compression or 1))
    if "parameters" in sizes and limit.unit == "parameters":
        yield "parameters", [int(limit.maximum)]


def _below(value: float) -> list[float]:
    """Numbers with two significant digits below a value, the largest first."""
    digits = [mantissa * 10.0**power for power in (-2, -3, -4) for mantissa in range(99, 9, -1)]
    return [float(f"{number:.2g}") for number in digits if number < value]


def _families(limit: Limit, config: TrainConfig, layers: set[str]) -> Iterator[str]:
    """Other families that have a network within the limit."""
    if limit.unit != "parameters" or config.init:
        return
    skeleton = config.architecture.skeleton
    floors = {
        name: floor_and_ceiling(name, skeleton, config.dims)[0]
        for name, family in SIZES.items()
        if family.ranked and name not in layers
    }
    fitting = sorted((floor, name) for name, floor in floors.items() if floor <= limit.maximum)
    if fitting:
        choices = ", ".join(f"{name} (from {floor:,})" for floor, name in fitting)
        yield f"  --set layer= another family: {choices} {limit.unit}"


def _size_text(config: TrainConfig) -> str:
    sizes = given_sizes(config.to_dict())
    names = ["layer", *(["width"] if config.network == RESNET9 and not sizes else sizes)]
    return ", ".join(f"{name}={getattr(config, name)}" for name in names)


def _parameters(config: TrainConfig) -> float:
    return config.network_size().parameters


def _macs(config: TrainConfig) -> float:
    return config.network_size().macs(config.images_at_once)
