"""Every command of ``python -m trainables`` by name."""

from __future__ import annotations

from collections.abc import Callable

from trainables.commands.compress import compress
from trainables.commands.export import export
from trainables.commands.layers import layers
from trainables.commands.precision import precision
from trainables.commands.train import train
from trainables.commands.weights import weights

EXAMPLES = {
    "train": "--set layer=tucker --set rank_scale=0.5",
    "compress": "STUDY TRIAL --layer tt_conv --compression 0.1",
    "export": "STUDY TRIAL --batch 512",
    "layers": "torchvision:resnet18 --image-size 64",
    "precision": "torchvision:mobilenet_v2 --image-size 64",
    "weights": "torchvision:resnet18 resnet18.safetensors --classes 100",
}

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "compress": compress,
    "export": export,
    "layers": layers,
    "precision": precision,
    "weights": weights,
}
