"""A study folder with one really trained dense network, small enough for every test to use."""

from pathlib import Path

from trainables.config.train_config import TrainConfig
from trainables.data.dataset import Dataset
from trainables.training.trainer import Trainer

DENSE = TrainConfig(
    width=8,
    batch_size=64,
    epochs=4,
    learning_rate=0.2,
    dataset="digits",
    train_images=640,
    precision="fp32",
)


def train_study(folder: Path, data: Dataset, config: TrainConfig = DENSE) -> tuple[Path, str]:
    """Trains to the end and saves as a worker does; the study folder and the trial's id."""
    trainer = Trainer(config, data, threads=1)
    while not trainer.finished:
        trainer.train_epoch()
    trainer.save(folder / "checkpoints" / trainer.trial_id / f"e{config.epochs}-a0")
    return folder, trainer.trial_id
