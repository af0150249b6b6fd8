"""One Ray for all tests of a module that need no more than that."""

import pytest

from tests.tune_app.engine import PRELOAD, Engine
from tune_app import cluster


@pytest.fixture(scope="module")
def ray_here():
    """Ray on this machine, with two slots: each worker costs seconds of a core to start."""
    cluster.start(None, cpus=2, gpus=0, preload=PRELOAD, store_bytes=80_000_000)
    yield
    cluster.stop()


@pytest.fixture
def engine(ray_here, tmp_path) -> Engine:
    return Engine(tmp_path)
