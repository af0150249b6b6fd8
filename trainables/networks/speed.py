"""Measures the training speed of a network in each number format."""

from __future__ import annotations

import contextlib
import time

import torch
import torch.nn.functional as F
from torch import nn

from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.layers.memory_format import with_kernels_last
from trainables.networks.registry import make_module

LARGEST_BATCH = 16  # images
ACTIVATION_BYTES = 2**26
"""Of the largest layer's inputs and outputs, so that small machines suffice."""
STEPS = 4
LONGEST_SECONDS = 20.0
LARGEST_ERROR = 0.1
"""Of a gradient in bf16, relative to that in fp32; rounding alone makes .002."""


def images_per_second(table: LayerTable, formats: tuple[str, ...]) -> dict[str, float]:
    """By format, the speed of forward and backward passes of the dense network on one CPU thread.

    The formats take turns, so that other load affects all of them equally. The fastest step of each
    counts. A format in which a gradient is not finite, or is wrong in a dilated convolution, has
    the speed 0, unless none is better.

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
        network.zero_grad()
        step(name)  # also a warm-up: kernels are chosen, memory is allocated
        if name == "bf16" and any(map(_is_wrong_in_bf16, table.rows)):
            return False
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


def _is_wrong_in_bf16(row: LayerRow) -> bool:
    """Whether torch's bf16 kernels get the gradient of a dilated convolution wrong here.

    Those of torch 2.14 do on CPUs with AVX-512, channels last, from 20, 24, 40 or 56 channels:
    at 32x32 pixels it is NaN from 24 to 48 channels, and 80 % off from 24 to 64.
    """
    if row.dilation == (1, 1) or not row.inputs:
        return False
    layer = with_kernels_last(
        nn.Conv2d(
            row.in_channels,
            row.out_channels,
            row.kernel,
            row.stride,
            row.padding,
            row.dilation,
            row.groups,
            padding_mode=row.padding_mode,
        )
    )
    images = torch.randn(2, row.in_channels, *row.inputs[0][:2])
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(images)
    towards = torch.randn_like(output)
    (low,) = torch.autograd.grad(output, [layer.weight], towards)
    (exact,) = torch.autograd.grad(layer(images), [layer.weight], towards.float())
    return not (low.float() - exact).norm() < LARGEST_ERROR * exact.norm()
