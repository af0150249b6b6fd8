"""Writes a compressed network as a starting point: a folder that training can start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from trainables.compression.compress import Compressed
from trainables.compression.evaluation import Score
from trainables.compression.target import Target
from trainables.compression.trained import Trained
from trainables.config.starting_point import (
    ARCHITECTURE,
    OF_A_NETWORK,
    StartingPoint,
    read_starting_point,
)
from trainables.config.train_config import table_texts
from trainables.training.batchnorm import batchnorms
from trainables.training.checkpoints.checkpoint import write_checkpoint


def start_folder(study: Path, trained: Trained, compressed: Compressed) -> Path:
    """The default folder of a starting point, named by its size, its rule and its trial."""
    size = compressed.size
    name = f"{size.architecture.layer}-{size.parameters}-{compressed.rule}-of-{trained.trial_id}"
    return study / "starting_points" / name


def write_start(
    folder: Path,
    compressed: Compressed,
    trained: Trained,
    target: Target,
    before: Score | None,
    after: Score | None,
    *,
    batchnorm_images: int = 0,
) -> StartingPoint:
    """Writes `tensors.safetensors` and `state.json`, replacing a folder that exists.

    Args:
        folder: the starting point's.
        compressed: the network.
        trained: the dense network that it was made from.
        target: what was asked for.
        before: result of the dense network; None where the trial held out no images.
        after: result of the compressed network, or None.
        batchnorm_images: how many images the BatchNorm statistics were measured on again.
    """
    request = {
        name: value for name, value in dataclasses.asdict(target).items() if value is not None
    }
    held_out = {"before": before, "after": after}
    state = {
        "starting_point": _keys(compressed, trained),
        "source": {
            "trial_id": trained.trial_id,
            "checkpoint": trained.checkpoint,
            "epochs_done": trained.epochs_done,
            "config": trained.config.to_dict(),
            "dataset_checksum": trained.dataset_checksum,
        },
        "tables": table_texts([trained.config]),
        "asked": {**request, "rule": compressed.rule, "batchnorm_images": batchnorm_images},
        "network": describe_size(compressed, trained),
        "layers": [layer.to_dict() for layer in compressed.layers],
        "held_out": {
            name: dataclasses.asdict(score) for name, score in held_out.items() if score is not None
        },
    }
    write_checkpoint(folder, dict(compressed.network.state_dict()), state)
    return read_starting_point(folder)


def _keys(compressed: Compressed, trained: Trained) -> dict[str, Any]:
    """The keys that define the network; except for ResNet-9, also the side of its images."""
    config, architecture = trained.config, compressed.size.architecture
    keys = {name: getattr(architecture, name) for name in ARCHITECTURE}
    if architecture.table is None:
        return keys
    network_keys = {name: getattr(config, name) for name in (*OF_A_NETWORK, "image_size")}
    return {**keys, **network_keys, "replace": architecture.replace, "keep": architecture.keep}


def describe_size(compressed: Compressed, trained: Trained) -> dict[str, Any]:
    """The counts of the compressed network.

    Multiply-adds are per image at the trial's batch size; ``kept`` is a share in [0, 1].
    """
    size, batch = compressed.size, trained.config.batch_size
    return {
        "parameters": size.parameters,
        "factor_parameters": size.factor_parameters,
        "dense_parameters": size.dense_parameters,
        "compression": size.compression,
        "macs": size.macs(batch),
        "dense_macs": trained.size.macs(batch),
        "kept": compressed.kept,
        "batchnorms": len(batchnorms(compressed.network)),
    }
