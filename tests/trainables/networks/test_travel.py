"""A network's file is needed once: its text travels with jobs, checkpoints and studies."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.record.record import RecordError
from analysis.study.study import load_study
from tests.trainables.networks.foreign import FILE
from tests.trainables.trained_study import train_study
from trainables.compression.compress import compress
from trainables.compression.start_writer import write_start
from trainables.compression.target import Target
from trainables.compression.trained import load_trained
from trainables.config.installation import child_environment
from trainables.config.tables import TableError, register_tables
from trainables.config.train_config import TrainConfig, table_texts
from trainables.config.trial_id import trial_id
from trainables.files.study_folder import LEDGER
from trainables.training.job import TrialJob
from trainables.training.trainer import Trainer

KEYS = {"batch_size": 64, "epochs": 1, "learning_rate": 0.05, "dataset": "digits"}
KEYS |= {"train_images": 128, "validation_images": 100, "precision": "fp32"}

WORKER = """
import json, sys
from trainables.cifar_trainable import CifarTrainable

job, tables = json.load(sys.stdin)
worker = object.__new__(CifarTrainable)  # as tune_app.engine.worker makes it
worker.setup(job, tables=tables)
print("loss", worker.step()["train_loss"])
"""
LOADER = """
import sys
from trainables.api import load_network

print("parameters", sum(one.numel() for one in load_network(sys.argv[1], sys.argv[2]).parameters()))
"""
STARTER = """
import sys
from trainables.config.train_config import TrainConfig

print("parameters", TrainConfig.from_trial({"init": sys.argv[1]}).network_size().parameters)
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> TrainConfig:
    """Of a network whose file is gone by the time it is built."""
    copy = Path(shutil.copy(FILE, tmp_path_factory.mktemp("gone")))
    found = TrainConfig.from_trial({**KEYS, "network": f"{copy}:make_net(channels=12)"})
    copy.unlink()
    return found


def elsewhere(folder: Path, program: str, *words: str, given: object = None):
    """Runs a program as another node would: without this one's caches."""
    environment = {**child_environment(), "XDG_CACHE_HOME": str(folder / "no-cache")}
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        input=json.dumps(given),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_worker_builds_a_network_of_which_its_node_has_no_file(config, tmp_path):
    name = trial_id(config, config.network_size())
    job = TrialJob(name, config.to_dict(), storage=str(tmp_path / "checkpoints")).to_dict()
    done = elsewhere(tmp_path, WORKER, given=[job, table_texts([config])])
    assert done.returncode == 0, done.stderr
    assert "loss 2." in done.stdout
    alone = elsewhere(tmp_path, WORKER, given=[job, []])
    assert "ten_lines.py cannot be read: No such file" in alone.stderr


@pytest.mark.slow
def test_a_checkpoint_and_a_starting_point_bring_their_network_along(config, digits, tmp_path):
    study, name = train_study(tmp_path / "study", digits, config)
    parameters = config.network_size().parameters
    done = elsewhere(tmp_path, LOADER, str(study), name)
    assert done.stdout == f"parameters {parameters}\n", done.stderr
    trained, target = load_trained(study, name), Target("tucker2", compression=0.5)
    compressed = compress(trained, target)
    write_start(tmp_path / "start", compressed, trained, target, None, None)
    done = elsewhere(tmp_path, STARTER, str(tmp_path / "start"))
    assert done.stdout == f"parameters {compressed.size.parameters}\n", done.stderr


def test_a_text_that_was_changed_on_its_way_is_another_network(config, monkeypatch):
    monkeypatch.setattr("trainables.config.tables._registered", {})
    (text,) = table_texts([config])
    register_tables([text.replace("nn.ReLU()", "nn.GELU()", 1)])
    from trainables.config import tables

    assert config.table.digest not in tables._registered
    with pytest.raises(TableError, match="table cannot be read"):
        register_tables(["{}"])


def test_a_study_keeps_the_text_and_says_where_it_is_damaged(config, tmp_path):
    shutil.copy(Path("docs/tour_study") / LEDGER, tmp_path)
    (text,) = table_texts([config])
    (tmp_path / "study.json").write_text(json.dumps({"name": "study", "networks": [text]}))
    assert load_study(tmp_path).info["networks"] == [text]
    (tmp_path / "study.json").write_text(json.dumps({"name": "study", "networks": ["{"]}))
    with pytest.raises(RecordError, match="table cannot be read"):
        load_study(tmp_path)


def test_tied_weights_are_saved_and_read_back(digits, tmp_path):
    config = TrainConfig.from_trial({**KEYS, "network": f"{FILE}:make_twice"})
    trainer, again = Trainer(config, digits), Trainer(config, digits)
    trainer.train_epoch()
    trainer.save(tmp_path)
    again.load(tmp_path)
    tied = again.network.get_submodule("tied").weight
    assert tied is again.network.get_submodule("called").weight
    assert tied.equal(trainer.network.get_submodule("tied").weight)
