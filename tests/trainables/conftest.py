"""Small real things to train with."""

import pytest

from trainables.config.train_config import TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset(DataRequest("digits"))


@pytest.fixture(scope="session")
def tiny() -> TrainConfig:
    """4 batches an epoch, 2 epochs, in a tenth of a second."""
    return TrainConfig(
        width=2,
        batch_size=64,
        epochs=2,
        learning_rate=0.2,
        dataset="digits",
        train_images=256,
        validation_images=100,
    )
