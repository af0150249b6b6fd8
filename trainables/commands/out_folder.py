"""The folder that one training writes its checkpoint to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import humanize

from trainables.config.checkpoint_place import expected_bytes
from trainables.config.train_config import TrainConfig

if TYPE_CHECKING:  # torch takes seconds; usage errors are reported before
    from trainables.training.trainer import Trainer


def go_on(trainer: Trainer, checkpoint: Path) -> None:
    """Goes on with a checkpoint.

    Raises:
        CheckpointError: where it is another trial's or damaged, with what to do.
    """
    from trainables.training.checkpoints.checkpoint import (
        CheckpointError,
        UnreachableCheckpointError,
    )

    try:
        trainer.load(checkpoint)
    except UnreachableCheckpointError:
        raise
    except CheckpointError as wrong:
        raise CheckpointError(
            f"{wrong}; name another folder with --out, or remove that one to begin anew"
        ) from wrong


def check_room(folder: Path, config: TrainConfig, parameters: int) -> None:
    """Refuses a folder that the checkpoint does not fit into, now and not once it has trained.

    Raises:
        OSError: nothing can be written there.
        ValueError: the disk has less room than a checkpoint takes.
    """
    tempfile.TemporaryFile(dir=folder).close()
    needed = expected_bytes(parameters, config.optimizer, config.epochs)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ValueError(
            f"{folder} has room for {humanize.naturalsize(free)}, and the checkpoint takes "
            f"{humanize.naturalsize(needed)}: make room, or name another folder with --out"
        )
