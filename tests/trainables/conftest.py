"""Small real things to train with."""

import pytest

from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest
from trainables.training.job import TrialJob


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


@pytest.fixture
def job(tiny, tmp_path):
    """Makes the configuration of an attempt."""

    def make(config=tiny, storage="checkpoints", **values):
        name, keys = trial_id(config, config.network_size()), config.to_dict()
        return TrialJob(name, keys, storage=str(tmp_path / storage), **values).to_dict()

    return make


@pytest.fixture
def worker(digits):
    """Starts a worker; every one is stopped in the end."""
    from trainables.cifar_trainable import CifarTrainable  # imports Ray

    workers = []

    class Worker(CifarTrainable):
        def setup(self, config):
            super().setup(config, data=digits)

    def start(config):
        workers.append(Worker(config))
        return workers[-1]

    yield start
    for one in workers:
        one.stop()
