"""One Ray for all tests of a module that need no more than that."""

import signal
from collections.abc import Iterator

import pytest

from tests.tune_app.ray_engine import PRELOAD, Engine
from tune_app.command.output import log_to
from tune_app.nodes import cluster
from tune_app.session.signal_handler import SIGNALS


@pytest.fixture(scope="module")
def ray_here():
    """Ray on this machine, with two slots: each worker costs seconds of a core to start."""
    cluster.start(None, cpus=2, gpus=0, preload=PRELOAD, store_bytes=80_000_000)
    yield
    cluster.stop()


@pytest.fixture
def engine(ray_here, tmp_path) -> Engine:
    return Engine(tmp_path)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a search tells a person during the test."""
    logged: list[str] = []
    with log_to(logged.append):
        yield logged


@pytest.fixture
def handlers():
    """What caught signals before the test, and does so again after it."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)
