"""``python -m trainables precision NETWORK``: which number format a network trains fastest in."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

FORMATS = ("fp32", "bf16")

Network = Annotated[str, typer.Argument(help="Such as torchvision:resnet18 or my.py:make.")]
ImageSize = Annotated[int, typer.Option(metavar="N", help="Side of its images, in pixels.")]
Classes = Annotated[int, typer.Option(metavar="N", help="How many classes it tells apart.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON.")]


def precision(
    network: Network, image_size: ImageSize = 32, classes: Classes = 10, json: AsJson = False
) -> None:
    """Measure a few training steps of a dense network in each format, on one thread of the CPU."""
    from trainables.networks.registry import make_table
    from trainables.networks.speed import images_per_second

    table = make_table(network, image_size=image_size, classes=classes)
    rates = images_per_second(table, FORMATS)
    if json:
        print(json_format.dumps(rates))
        return
    for name, rate in rates.items():
        print(f"{name} {rate:8.1f} images per core-second")
