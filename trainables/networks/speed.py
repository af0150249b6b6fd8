"""Measures the training speed of a network in each number format."""

from __future__ import annotations

import contextlib
import time

import torch
import torch.nn.functional as F

from trainables.architectures.layer_table import LayerTable
from trainables.compiled.measured_precision import bf16_problem
from trainables.layers.memory_format import with_kernels_last
from trainables.networks.registry import make_module

LARGEST_BATCH = 16  # images
ACTIVATION_BYTES = 2**26
"""Of the largest layer's inputs and outputs, so that small machines suffice."""
STEPS = 4
LONGEST_SECONDS = 20.0


def images_per_second(table: LayerTable, formats: tuple[str, ...]) -> dict[str, float]:
    """By format, the speed of forward and backward passes of the dense network on one CPU thread.

    The formats take turns, so that other load affects all of them equally. The fastest step of each
    counts. A format in which a gradient is not finite, or may be wrong (``bf16_problem``), has the
    speed 0, unless none is better.

    Args:
        table: of any network but ResNet-9.
        formats: of "fp32" and "bf16".
    """
    torch.set_num_threads(1)
    fitting = ACTIVATION_BYTES // (4 * max(row.activations for row in table.rows))
    batch = max(2, min(LARGEST_BATCH, fitting))
    network = with_kernels_last(make_module(table)).train()
    images = torch.randn(batch, *table.image).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) % table.classes

    def step(name: str) -> float:
        start = time.process_time()
        bf16 = torch.autocast("cpu", dtype=torch.bfloat16)
        with bf16 if name == "bf16" else contextlib.nullcontext():
            logits = network(images).float()
        F.cross_entropy(logits, labels).backward()
        return time.process_time() - start

    def is_right(name: str) -> bool:
        if name == "bf16" and bf16_problem(table):
            return False
        network.zero_grad()
        step(name)  # also a warm-up: kernels are chosen, memory is allocated
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        return all(bool(gradient.isfinite().all()) for gradient in gradients)

    usable = [name for name in formats if is_right(name)] or formats
    fastest, end = dict.fromkeys(formats, float("inf")), time.monotonic() + LONGEST_SECONDS
    for number in range(STEPS):
        if number and time.monotonic() > end:
            break
        for name in usable:
            fastest[name] = min(fastest[name], step(name))
    return {name: batch / seconds for name, seconds in fastest.items()}
