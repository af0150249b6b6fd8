"""The networks of a plan: what of each can be replaced, between which sizes, in how much memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import humanize

from trainables.config.train_config import TrainConfig
from trainables.sizes.architecture import Architecture
from trainables.sizes.budget import floor_and_ceiling
from trainables.sizes.layer_table import LayerTable
from trainables.sizes.registry import SIZES
from trainables.text.table import text_table
from tune_app.planning.parsed_point import configure
from tune_app.planning.plan import Plan

FLOAT = 4  # bytes


def network_lines(plan: Plan) -> list[str]:
    """Of every network but ResNet-9, which has no layers to choose and is narrowed as well.

    The sizes between which each family of the plan has networks; how much memory a batch takes.
    """
    lines: list[str] = []
    for table, configs in _by_network(_configs(plan)).items():
        if lines:
            lines.append("")
        lines += _of_a_network(table, configs)
    return lines


def _configs(plan: Plan) -> Iterable[TrainConfig]:
    """Of every point, also of those that no network of their family fills."""
    yield from (trial.config for trial in (*plan.trials, *plan.examples))
    if {"network", "init"} & {*plan.space.fixed, *plan.space.keys}:
        yield from (configure(one.config, plan.rules) for one in plan.infeasible)


def _by_network(configs: Iterable[TrainConfig]) -> Mapping[LayerTable, list[TrainConfig]]:
    found: dict[LayerTable, list[TrainConfig]] = {}
    for config in configs:
        if config.table is not None:
            found.setdefault(config.table, []).append(config)
    return found


def _of_a_network(table: LayerTable, configs: list[TrainConfig]) -> list[str]:
    channels, height, width = table.image
    lines = [
        f"{table.network}: {table.parameters:,} parameters,",
        f"  {table.macs:,} multiply-adds for {channels} x {height} x {width}",
        *([f"  {table.macs_note}"] if table.macs_note else []),
    ]
    for (replace, keep), own in _by_choice(configs).items():
        asked = Architecture("dense", table=table, replace=replace, keep=keep)
        skeleton = asked.skeleton
        inside = table.parameters - skeleton.fixed
        chosen = "".join(
            f" {key}={text!r}" for key, text in {"replace": replace, "keep": keep}.items() if text
        )
        lines += [
            f"  replaced {len(skeleton.specs)} of {len(table.rows)} layers{chosen}: {inside:,} "
            "parameters;",
            f"  {skeleton.fixed:,} parameters are fixed",
        ]
        families = {(one.layer, _dims(one)) for one in own if one.layer != "dense"}
        rows = [_family(*family, asked) for family in sorted(families, key=_order)]
        if rows:
            table_lines = text_table(["family", "smallest", "largest"], rows, align="<>>")
            lines += [f"  {line}".rstrip() for line in table_lines]
    batch = max(config.batch_size for config in configs)
    size = humanize.naturalsize(table.outputs * batch * FLOAT)
    return [*lines, f"  {size} for the outputs of its layers at {batch} images, dense, in float32"]


def _by_choice(configs: list[TrainConfig]) -> Mapping[tuple[str, str], list[TrainConfig]]:
    found: dict[tuple[str, str], list[TrainConfig]] = {}
    for config in configs:
        found.setdefault((config.replace, config.keep), []).append(config)
    return found


def _dims(config: TrainConfig) -> int:
    """Dimensions, of a family that reshapes nothing always the same."""
    return config.dims if SIZES[config.layer].reshapes else 1


def _order(family: tuple[str, int]) -> tuple[int, int]:
    return [*SIZES].index(family[0]), family[1]


def _family(layer: str, dims: int, asked: Architecture) -> list[str]:
    smallest, largest = floor_and_ceiling(layer, asked.skeleton, dims)
    name = f"{layer}, dims {dims}" if SIZES[layer].reshapes else layer
    return [name, f"{smallest:,}", f"{largest:,}"]
