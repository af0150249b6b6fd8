"""One training from its first epoch to its last, over as many calls as that takes."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Postponed
from trainables.config.train_config import TrainConfig
from trainables.training.trainer import Trainer

UNFINISHED = "unfinished"
"""Folder of checkpoints beside the results; a run's own is removed when the run is over."""


def train(config: TrainConfig, setting: Setting) -> Trainer:
    """A trainer that is finished.

    Raises:
        Postponed: the deadline came first; the next call goes on from a checkpoint.
    """
    trainer = Trainer(config, setting.data, device=setting.device)
    folder = setting.out / UNFINISHED / trainer.trial_id
    if folder.exists():
        trainer.load(folder)
    while not trainer.finished:
        if trainer.train_epoch(setting.deadline.passed) is None:
            trainer.save(folder)
            raise Postponed
    _remove(folder)
    return trainer


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()
