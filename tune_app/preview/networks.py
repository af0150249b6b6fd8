"""The networks of a plan: their replaceable layers, their range of sizes, their memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap

import humanize

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import floor_and_ceiling
from trainables.architectures.layer_table import LayerTable
from trainables.config.train_config import TrainConfig
from trainables.sizes.registry import SIZES
from trainables.text.table import WIDTH, text_table
from tune_app.planning.parsed_point import configure
from tune_app.planning.plan import Plan

FLOAT = 4  # bytes


def network_lines(plan: Plan) -> list[str]:
    """Lines on every network except ResNet-9, whose width decides its layers and sizes.

    They list the smallest and largest network of each family in the plan, and a batch's memory.
    """
    lines: list[str] = []
    for table, configs in _by_network(_configs(plan)).items():
        if lines:
            lines.append("")
        lines += _lines_of_network(table, configs)
    return lines


def _configs(plan: Plan) -> Iterable[TrainConfig]:
    """The configurations of all points, including infeasible ones."""
    yield from (trial.config for trial in (*plan.trials, *plan.examples))
    if {"network", "init"} & {*plan.space.fixed, *plan.space.keys}:
        yield from (configure(point.config, plan.rules) for point in plan.infeasible)


def _by_network(configs: Iterable[TrainConfig]) -> Mapping[LayerTable, list[TrainConfig]]:
    by_network: dict[LayerTable, list[TrainConfig]] = {}
    for config in configs:
        if config.table is not None:
            by_network.setdefault(config.table, []).append(config)
    return by_network


def _wrapped(note: str) -> list[str]:
    return wrap(note, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _lines_of_network(table: LayerTable, configs: list[TrainConfig]) -> list[str]:
    channels, height, width = table.image
    lines = [
        f"{table.network}: {table.parameters:,} parameters,",
        f"  {table.macs:,} multiply-adds for {channels} x {height} x {width}",
        *(line for note in table.remarks for line in _wrapped(note)),
    ]
    for (replace, keep), selected in _by_selection(configs).items():
        architecture = Architecture("dense", table=table, replace=replace, keep=keep)
        skeleton = architecture.skeleton
        inside = table.parameters - skeleton.fixed
        chosen = "".join(
            f" {key}={text!r}" for key, text in {"replace": replace, "keep": keep}.items() if text
        )
        lines += [
            f"  replaced {len(skeleton.specs)} of {len(table.rows)} layers{chosen}: {inside:,} "
            "parameters;",
            f"  {skeleton.fixed:,} parameters are fixed",
        ]
        families = {(config.layer, _dims(config)) for config in selected if config.layer != "dense"}
        rows = [_family(*family, architecture) for family in sorted(families, key=_order)]
        if rows:
            table_lines = text_table(["family", "smallest", "largest"], rows, align="<>>")
            lines += [f"  {line}".rstrip() for line in table_lines]
    batch = max(config.batch_size for config in configs)
    size = humanize.naturalsize(table.outputs * batch * FLOAT)
    return [*lines, f"  {size} for the outputs of its layers at {batch} images, dense, in float32"]


def _by_selection(configs: list[TrainConfig]) -> Mapping[tuple[str, str], list[TrainConfig]]:
    by_selection: dict[tuple[str, str], list[TrainConfig]] = {}
    for config in configs:
        by_selection.setdefault((config.replace, config.keep), []).append(config)
    return by_selection


def _dims(config: TrainConfig) -> int:
    """The number of dimensions; 1 for a family that does not reshape."""
    return config.dims if SIZES[config.layer].reshapes else 1


def _order(family: tuple[str, int]) -> tuple[int, int]:
    return [*SIZES].index(family[0]), family[1]


def _family(layer: str, dims: int, architecture: Architecture) -> list[str]:
    smallest, largest = floor_and_ceiling(layer, architecture.skeleton, dims)
    name = f"{layer}, dims {dims}" if SIZES[layer].reshapes else layer
    return [name, f"{smallest:,}", f"{largest:,}"]
