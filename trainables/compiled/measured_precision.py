"""Resolves ``precision="auto"``, by measurement where no rule decides. Standard library only."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable
from math import prod

from trainables.architectures.layer_table import LayerTable
from trainables.architectures.resnet9 import RESNET9
from trainables.compiled.precision import read_cpu_flags, read_cpu_name, resolve_precision
from trainables.config.tables import split_network
from trainables.config.torch_process import (
    answer_file,
    run_torch_command,
    store_answer,
    stored_answer,
)
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.text.count import first_few

NAMED = 3  # layers


def choose_precision(
    networks: Iterable[str],
    *,
    image_size: int,
    classes: int,
    gpu: bool,
    cpu_flags: Collection[str] | None = None,
) -> str:
    """The format in which networks train fastest, the same for all of them.

    Where the rule of ``resolve_precision`` gives bf16 for a CPU, networks other than ResNet-9 are
    measured: a few steps of the dense network in both formats, once per machine. With several
    networks the product of their gains decides.

    Args:
        networks: resolved values of the key ``network``.
        image_size: side of the images, in pixels.
        classes: of the networks.
        gpu: whether a GPU trains, which takes bf16.
        cpu_flags: of the CPU; None reads them.

    Raises:
        TorchProcessError: where a network cannot be trained.
    """
    flags = read_cpu_flags() if cpu_flags is None else cpu_flags
    rule = resolve_precision("auto", gpu=gpu, cpu_flags=flags)
    foreign = [name for name in networks if split_network(name)[0] != RESNET9]
    if gpu or rule == "fp32" or not foreign:
        return rule
    gains = [_gain(name, image_size, classes, read_cpu_name()) for name in foreign]
    return "bf16" if prod(gains) > 1 else "fp32"


def trial_precision(config: TrainConfig, *, gpu: bool) -> str:
    """The number format of a trial: its own, or that of "auto" on this machine.

    Raises:
        ConfigError: where it is bf16, and gradients may be wrong in it here.
    """
    if config.precision == "auto":
        return choose_precision(
            [config.network], image_size=config.image_size, classes=config.classes, gpu=gpu
        )
    if config.precision == "bf16" and not gpu and (problem := bf16_problem(config.table)):
        raise ConfigError([problem])
    return config.precision


def bf16_problem(table: LayerTable | None) -> str:
    """Why a network (None: ResNet-9) is not trained in bf16 on a CPU; "" where it can be.

    Where AVX-512 computes them, torch 2.11 and 2.14 get gradients of dilated convolutions' weights
    wrong in bf16: NaN, or finite and 80 % off (docs/decisions/training-any-network.md).
    """
    dilated = [] if table is None else [row.name for row in table.rows if row.dilation != (1, 1)]
    if not dilated:
        return ""
    word = "layer" if len(dilated) == 1 else "layers"
    return (
        "precision=bf16: on a CPU torch gets gradients of dilated convolutions wrong in bf16 "
        f"({word} {first_few(dilated, NAMED)}); set precision=fp32, or train on a GPU"
    )


@functools.lru_cache(maxsize=64)
def _gain(network: str, image_size: int, classes: int, cpu: str) -> float:
    """How many times faster the network trains in bf16 than in fp32 here."""
    path = answer_file("speed_by_format", split_network(network)[1], image_size, classes, cpu)
    stored = stored_answer(path)
    rates = json.loads(stored) if stored else None
    if rates is None:
        name = split_network(network)[0]
        sizes = ["--image-size", str(image_size), "--classes", str(classes)]
        arguments = ["precision", name, "--json", *sizes]
        text = run_torch_command(arguments, f"measuring a few steps of {name} in fp32 and bf16")
        store_answer(path, text)
        rates = json.loads(text)
    return rates["bf16"] / rates["fp32"]
