"""A compressed network as the folder that training can start from."""

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
    """Where a starting point goes by default: named by what it is, how it was chosen, and whose."""
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
    """Writes `tensors.safetensors` and `state.json`; what was there is replaced whole.

    ``before`` and ``after`` are None where the trial held no image out.
    """
    asked = {name: value for name, value in dataclasses.asdict(target).items() if value is not None}
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
        "asked": {**asked, "rule": compressed.rule, "batchnorm_images": batchnorm_images},
        "network": describe_size(compressed, trained),
        "layers": [layer.to_dict() for layer in compressed.layers],
        "held_out": {
            name: dataclasses.asdict(score) for name, score in held_out.items() if score is not None
        },
    }
    write_checkpoint(folder, dict(compressed.network.state_dict()), state)
    return read_starting_point(folder)


def _keys(compressed: Compressed, trained: Trained) -> dict[str, Any]:
    """The keys of the network, and of another than ResNet-9 the side of its images."""
    config, architecture = trained.config, compressed.size.architecture
    keys = {name: getattr(architecture, name) for name in ARCHITECTURE}
    if architecture.table is None:
        return keys
    own = {name: getattr(config, name) for name in (*OF_A_NETWORK, "image_size")}
    return {**keys, **own, "replace": architecture.replace, "keep": architecture.keep}


def describe_size(compressed: Compressed, trained: Trained) -> dict[str, Any]:
    """Counts of the compressed network; multiply-adds per image at the trial's batch size."""
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
