"""``python -m trainables precision NETWORK``: measures which number format trains fastest."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from trainables.commands.layers import Classes, ImageSize

FORMATS = ("fp32", "bf16")

Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help="For example torchvision:resnet18, my.py:make.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def precision(
    network: Network, image_size: ImageSize = 32, classes: Classes = 10, as_json: Json = False
) -> None:
    """Measure a few training steps of a dense network in each format, on one thread of the CPU."""
    from trainables.networks.registry import make_table
    from trainables.networks.speed import images_per_second

    table = make_table(network, image_size=image_size, classes=classes)
    rates = images_per_second(table, FORMATS)
    if as_json:
        print(json.dumps(rates))
        return
    for name, rate in rates.items():
        speed = f"{rate:8.1f} images per core-second" if rate else "wrong gradients"
        print(f"{name} {speed}")
