"""A training that is asked to end, by whichever signal, saves what it has."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.config.checkpoint_place import STATE

TRAIN = [sys.executable, "-u", "-m", "trainables", "train"]
SETTINGS = ["--set=dataset=digits", "--set=width=4", "--set=epochs=500", "--set=batch_size=64"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_training_with_its_checkpoint(number: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*TRAIN, *SETTINGS, "--out", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as training:
        assert training.stdout
        said = ""
        while "epoch" not in said:  # until one has ended
            line = training.stdout.readline()
            assert line, said
            said += line
        training.send_signal(number)
        said += training.stdout.read()
    assert training.returncode == 128 + number
    assert "interrupted and saved; the same command continues from" in said
    assert list(tmp_path.rglob(STATE))
