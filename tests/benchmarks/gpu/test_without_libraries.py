"""Training and its stages run where only torch, numpy, pandas, pyarrow and safetensors are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.registry import STAGES

ROOT = Path(__file__).resolve().parents[3]
BLOCK = """
import importlib.metadata
import sys

ABSENT = set(
    "ray tntorch tensorly tltorch typer rich msgspec optuna tenacity psutil scipy sklearn "
    "statsmodels altair vl_convert jinja2 humanize tensorboard pynvml timm".split()
)

class WithoutAbsent:  # it finds nothing of them and does not raise: torch asks for sklearn's place
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        found = name.partition(".")[0] not in ABSENT
        return self.finder.find_spec(name, path, target) if found else None

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [WithoutAbsent(finder) for finder in sys.meta_path]
find_distribution = importlib.metadata.distribution

def distribution(name):
    if name == "scikit-learn":  # whose file of digits is read without importing it
        raise importlib.metadata.PackageNotFoundError(name)
    return find_distribution(name)

importlib.metadata.distribution = distribution
"""
TRAIN = """
from benchmarks.gpu.setting import drawn_images
from trainables.config.train_config import TrainConfig
from trainables.sizes.registry import SIZES
from trainables.training.trainer import Trainer

data = drawn_images()
for layer in SIZES:
    rank = 2 if SIZES[layer].ranked else None
    config = TrainConfig(layer=layer, rank=rank, width=4, batch_size=64, epochs=1, dataset="digits",
                         train_images=128, validation_images=64)
    try:
        metrics = Trainer(config, data, threads=1).train_epoch()
    except ModuleNotFoundError as absent:
        print(layer, "needs", absent.name)
    else:
        print(layer, "trained" if 0 < metrics.train_loss < 10 else metrics)
"""


def bare(script: str) -> "subprocess.CompletedProcess[str]":
    """The script in a fresh interpreter that finds none of the absent packages."""
    command = [sys.executable, "-c", BLOCK + script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_only_a_tucker_decomposition_asks_for_tntorch():
    done = bare(TRAIN)
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    needs = {layer for layer, what in told.items() if what != "trained"}
    assert all(told[layer] == "needs tntorch" for layer in needs)
    assert needs == {layer for layer in told if layer.startswith("tucker_") or layer == "tucker"}
    assert len(told) >= 9


@pytest.mark.parametrize("absent", ["ray", "scipy", "tntorch"])
def test_what_is_absent_cannot_be_imported(absent):
    assert f"No module named '{absent}'" in bare(f"import {absent}").stderr


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_be_rehearsed_on_the_cpu_of_a_bare_machine(stage, tmp_path):
    arguments = [stage, "--rehearse", "--out", str(tmp_path)]
    done = bare(f"from benchmarks.gpu.__main__ import main; sys.exit(main({arguments!r}))")
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / f"{stage}.json").read_text())
    assert written["complete"]
    assert written["cells"]
    assert written["summary"]["failed"] == {}
    machine = written["machine"]
    assert machine["measured"]["bf16_tflops"] > 0
    assert machine["measured"]["copy_gb_per_second"] > 0
    assert {"card", "nvidia_smi", "versions"} <= machine.keys()
    assert done.stdout.splitlines()[-1] == str(tmp_path / f"{stage}.json")
