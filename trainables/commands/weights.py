"""``python -m trainables weights NETWORK WEIGHTS``: checks whether weights fit a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainables.commands.layers import Classes, ImageSize
from trainables.config.starting_weights import PRETRAINED

Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help="For example torchvision:resnet18, my.py:make.")
]
Weights = Annotated[
    str, typer.Argument(metavar="[WEIGHTS]", help="A file with a state_dict, or pretrained.")
]
Save = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write them to this safetensors file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def weights(
    network: Network,
    weights: Weights = PRETRAINED,
    image_size: ImageSize = 32,
    classes: Classes = 10,
    save: Save = None,
    as_json: Json = False,
) -> None:
    """Check whether trained weights fit a network, and list the layers that they do not set.

    A file holds a state_dict, written by safetensors or torch.save.
    """
    from trainables.networks.registry import make_table, meta_module
    from trainables.networks.start import inspect_weights, save_weights

    table = make_table(network, image_size=image_size, classes=classes)
    starting = inspect_weights(meta_module(table), table, weights)
    if save is not None:
        save_weights(table, weights, save)
    if as_json:
        print(starting.to_json())
        return
    print(f"{network} takes {starting.tensors} tensors from {weights}, digest {starting.digest}")
    fresh = ", ".join(starting.fresh) or "nothing"
    print(f"initialised at random for {classes} classes: {fresh}")
    unknown = "unknown; that of the training images will be used"
    print(f"normalization: {starting.normalization or unknown}")
