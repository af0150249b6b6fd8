"""A network of one's own whose search was killed: the numbers are those of a calm one."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from analysis.record.record import read_record
from analysis.record.rows import Epoch, Planned
from benchmarks.chaos.chaos import end_tree
from tests.fixtures.networks.drawn import make_normalized
from tests.trainables.networks.foreign import DRAWN
from trainables.config.installation import child_environment
from trainables.files.study_folder import LEDGER

pytestmark = [pytest.mark.crash, pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
CLOCKS = ("time", "attempt", "train_seconds", "eval_seconds", "images_per_second")
SETTINGS = {
    "network": "net.py:make_normalized",
    "weights": "trained.pth",
    "optimizer": "adamw",
    "batch_size": "64",
    "micro_batch": "24",
    "class_weights": "balanced",
    "layer": "dense,tucker2",
    "rank_scale": "0.5",
    "epochs": "6",
    "train_images": "512",
    "learning_rate": "0.003",
    "precision": "fp32",
}


def command(name: str) -> list[str]:
    words = [sys.executable, str(ROOT / "run_tune.py"), "--space", "quickstart", "--name", name]
    words += ["--seeds", "1", "--estimating-seeds", "0"]
    return words + [f"--set={key}={value}" for key, value in SETTINGS.items()]


def epochs(study: Path) -> list[Epoch]:
    rows = read_record(study).rows if (study / LEDGER).is_file() else ()
    return [row for row in rows if isinstance(row, Epoch)]


def numbers(study: Path) -> dict:
    """What every epoch reported, without what a clock measured."""
    return {
        (row.trial_id, row.epoch): {
            name: getattr(row, name) for name in row.__struct_fields__ if name not in CLOCKS
        }
        for row in epochs(study)
    }


def weights(study: Path, trial: str) -> dict:
    last = max((study / "checkpoints" / trial).glob("e6-a*"))
    (file,) = last.glob("tensors-*.safetensors")
    found = safetensors.torch.load_file(file)
    return {name: tensor for name, tensor in found.items() if not name.startswith("epoch.")}


def test_killed_at_any_moment_it_ends_bit_for_bit_as_undisturbed(tmp_path: Path) -> None:
    shutil.copy(DRAWN, tmp_path / "net.py")
    torch.manual_seed(3)
    torch.save(make_normalized(10).state_dict(), tmp_path / "trained.pth")
    how = {"cwd": tmp_path, "env": child_environment()}
    calm, killed = (tmp_path / "results" / name for name in ("calm", "killed"))
    subprocess.run(command("calm"), check=True, **how)
    for known in (1, 4):  # epochs on record when the driver is killed
        process = subprocess.Popen(command("killed"), start_new_session=True, **how)
        try:
            while process.poll() is None and len(epochs(killed)) < known:
                time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        finally:
            end_tree(process)
    subprocess.run(command("killed"), check=True, **how)
    assert numbers(killed) == numbers(calm)
    assert len(numbers(calm)) == 2 * 6
    planned = {row.trial_id for row in read_record(calm).rows if isinstance(row, Planned)}
    for trial in planned:
        before, after = weights(calm, trial), weights(killed, trial)
        assert before.keys() == after.keys()
        assert all(tensor.equal(after[name]) for name, tensor in before.items())
