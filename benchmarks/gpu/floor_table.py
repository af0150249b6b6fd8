"""Floors of 24 epochs at full size on a card that was not measured here, from counts alone.

    python -m benchmarks.gpu.floor_table                       # an H200
    python -m benchmarks.gpu.floor_table --tflops 650 --tb 2.6 # another card's matmul and bandwidth

Counted on a CPU at two small batches and extended to 512 images: what an operation moves is a part
for each image and a part for each step. The stage `epoch` counts at 512 on the card itself.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.deviation import train_steps
from benchmarks.gpu.floors import Count, counted
from benchmarks.gpu.networks import at_share
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stages.epoch import EPOCHS, SHARES
from trainables.sizes.registry import SIZES
from trainables.text.table import text_table
from trainables.training.trainer import Trainer

WIDTH, BATCH, BATCHES = 64, 512, 97
COUNTED_AT = (8, 16)  # images
H200 = (790.0, 4.3)
"""bf16 TFLOP/s and TB/s, measured on one elsewhere."""


def rows(tflops: float, terabytes: float) -> Iterator[list[str]]:
    """A network a row: seconds of 24 epochs by multiplications, by bytes moved, by both."""
    dense = None
    for share in SHARES:
        for layer in SIZES:
            if not SIZES[layer].ranked and share != SHARES[0]:
                continue
            keys = at_share(layer, share, WIDTH)
            counts = [_count(keys, batch) for batch in COUNTED_AT]
            slope = (counts[1].moved - counts[0].moved) / (COUNTED_AT[1] - COUNTED_AT[0])
            moved = counts[0].moved + slope * (BATCH - COUNTED_AT[0])
            config = _setting().config(**keys, width=WIDTH, batch_size=BATCH, train_images=BATCH)
            size = config.network_size()
            multiply = 6 * size.macs(BATCH) * BATCH / (tflops * 1e12) * BATCHES * EPOCHS
            move = moved / (terabytes * 1e12) * BATCHES * EPOCHS
            dense = dense or multiply + move
            yield [
                layer if not SIZES[layer].ranked else f"{layer} {share:.0%}",
                f"{size.parameters:,}",
                str(counts[1].operations),
                f"{moved / 1e9:.2f}",
                f"{multiply:.2f}",
                f"{move:.2f}",
                f"{multiply + move:.2f}",
                f"{(multiply + move) / dense:.2f}",
            ]


def _count(keys: dict, batch: int) -> Count:
    setting = _setting()
    config = setting.config(
        **keys, width=WIDTH, batch_size=batch, precision="bf16", train_images=4 * batch
    )
    # two threads: torch's own operations, as on a card, not those that are compiled for a CPU
    trainer = Trainer(config, setting.data, cuda_graphs=False, threads=2)
    train_steps(trainer, 1)
    return counted(lambda: train_steps(trainer, 1))


def _setting() -> Setting:
    scratch = Path(tempfile.gettempdir())
    return Setting(torch.device("cpu"), True, scratch, Deadline(0))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tflops", type=float, default=H200[0], help="of matrix products in bf16")
    parser.add_argument("--tb", type=float, default=H200[1], help="read and written a second")
    given = parser.parse_args()
    headers = (
        "network",
        "parameters",
        "operations a step",
        "GB moved a step",
        "s multiply",
        "s move",
        "s both",
        "of dense",
    )
    print("\n".join(text_table(headers, list(rows(given.tflops, given.tb)), "<" + ">" * 7)))


if __name__ == "__main__":
    main()
