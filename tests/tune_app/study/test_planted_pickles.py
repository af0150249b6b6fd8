"""Nothing that a study reads is unpickled, wherever it lies."""

import ast
import contextlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from analysis.record.record import RecordError
from analysis.study.study import load_study, write_study_tables
from tests.trainables.trained_study import DENSE, train_study
from tests.tune_app.study.planted import PAYLOADS, plant_in_checkpoint
from trainables.data.datasets.registry import load_dataset
from trainables.data.pixel_cache import map_arrays
from trainables.data.sources import requested_data
from trainables.files.sealed import read_sealed
from trainables.networks.weights import WeightsError, read_weights
from trainables.training.checkpoints.checkpoint import STATE, CheckpointError
from trainables.training.fine_tuning import start_from
from trainables.training.job import TrialJob
from trainables.training.trainer import Trainer
from trainables.training.trial_checkpoints import TrialCheckpoints

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("tune_app", "analysis", "trainables", "search_spaces")

KNOWN = {
    ("trainables/data/datasets/cifar10.py", "pickle.loads"),  # after the official checksums
    ("analysis/record/parallel_read.py", "pickle.load"),  # from the pipe of its own child
    ("tune_app/engine/ledger_callback.py", "cloudpickle.loads"),  # in Ray's private folder
}
"""Every place that unpickles, and why nobody else can have written there."""

UNPICKLES = {"load", "loads", "Unpickler", "read_pickle", "open"}
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch", "pandas", "pd"}


@pytest.fixture
def mark(tmp_path):
    """The file that exists once a planted pickle has run."""
    return tmp_path / "it-ran"


@pytest.fixture(params=PAYLOADS)
def planted(request, mark) -> bytes:
    return PAYLOADS[request.param](mark)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = DENSE.with_values(width=4, epochs=1)
    data = load_dataset(requested_data(config, None))
    folder, trial = train_study(tmp_path_factory.mktemp("study"), data, config)
    return folder, trial, config, data


@pytest.fixture
def checkpoint(trained, tmp_path) -> Path:
    """A copy, to be damaged."""
    folder, trial, *_ = trained
    return Path(shutil.copytree(folder / "checkpoints" / trial, tmp_path / trial)) / "e1-a0"


def test_a_planted_pickle_would_run(mark):
    pickle.loads(PAYLOADS["pickle"](mark))
    assert mark.exists()


def test_every_place_that_unpickles_is_known():
    found = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and (name := unpickler(node)):
                    found.add((str(file.relative_to(ROOT)), name))
    assert found == KNOWN


def unpickler(call: ast.Call) -> str:
    """``module.function`` where a call unpickles; NumPy does when told to, torch unless told."""
    if any(word.arg == "weights_only" and ast.unparse(word.value) == "True"
           for word in call.keywords):  # fmt: skip
        return ""
    if any(word.arg == "allow_pickle" for word in call.keywords):
        return "allow_pickle"
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in UNPICKLES:
        return ""
    owner = ast.unparse(function.value).rpartition(".")[2]
    return f"{owner}.{function.attr}" if owner in MODULES else ""


def test_a_checkpoint_of_a_pickle_is_damaged(trained, checkpoint, planted, mark):
    _, _, config, data = trained
    plant_in_checkpoint(checkpoint, planted)
    with pytest.raises(CheckpointError):
        Trainer(config, data, threads=1).load(checkpoint)
    (checkpoint / STATE).write_bytes(planted)
    with pytest.raises(CheckpointError):
        Trainer(config, data, threads=1).load(checkpoint)
    assert not mark.exists()


@pytest.mark.parametrize("place", ["folder", "uri"])
def test_a_worker_passes_over_a_checkpoint_of_a_pickle(trained, checkpoint, planted, mark, place):
    _, trial, config, data = trained
    plant_in_checkpoint(checkpoint, planted)
    root = checkpoint.parents[1]
    storage = str(root) if place == "folder" else root.as_uri()
    trainer = Trainer(config, data, threads=1)
    checkpoints = TrialCheckpoints(TrialJob(trial, config.to_dict(), storage))
    checkpoints.restore(trainer)
    checkpoints.close()
    assert trainer.epochs_done == 0
    assert not mark.exists()


def test_weights_of_a_pickle_are_no_starting_point(checkpoint, planted, mark):
    plant_in_checkpoint(checkpoint, planted)
    digest = checkpoint.joinpath(STATE).read_text().partition('"tensors_blake2b": "')[2][:32]
    with pytest.raises(CheckpointError):
        start_from(nn.Linear(1, 1), f"{checkpoint}#{digest}")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_file_of_trained_weights_that_would_run_code_is_refused(tmp_path, planted, mark, name):
    (tmp_path / name).write_bytes(planted)
    with pytest.raises(WeightsError):
        read_weights(tmp_path / name)
    assert not mark.exists()


def test_a_study_folder_of_pickles_is_read_or_refused(tmp_path, planted, mark):
    for name in ("trials.parquet", "epochs.parquet", "study.json", "space.pkl", "ledger.jsonl"):
        study = tmp_path / name
        shutil.copytree(ROOT / "docs" / "tour_study", study)
        write_study_tables(load_study(study))
        (study / name).write_bytes(planted)
        with contextlib.suppress(RecordError):
            write_study_tables(load_study(study))
    assert not mark.exists()


def test_a_cache_of_facts_that_is_a_pickle_is_empty(tmp_path, planted, mark):
    (tmp_path / ".speeds.json").write_bytes(planted)
    assert read_sealed(tmp_path / ".speeds.json") is None
    assert not mark.exists()


def test_pixels_that_are_a_pickle_are_made_again(tmp_path, planted, mark, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fill(arrays):
        return {"images": len(arrays["train"])}

    arrays, _ = map_arrays("key", lambda: {"train": 2}, 4, fill)
    file = Path(arrays["train"].filename)
    file.write_bytes(planted)
    arrays, _ = map_arrays("key", lambda: {"train": 2}, 4, fill)
    assert np.array_equal(arrays["train"], np.zeros((2, 4, 4, 4), np.uint8))
    assert not mark.exists()
