"""The best trial leaves its study with its checkpoint and its configuration."""

import json

import pytest

from analysis.commands.best import copy_best
from analysis.record.record import RecordError
from analysis.study.best import best_trial
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from tests.analysis.studies import empty, twelve
from trainables.config.train_config import TrainConfig


@pytest.fixture
def study(tmp_path):
    ours = load_study(twelve(tmp_path / "study"))
    name = best_trial(ours)["trial_id"]
    for checkpoint in ("e4-a1", "e8-a1", "e7-a1-b3"):
        folder = ours.folder / "checkpoints" / name / checkpoint
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(checkpoint)
    return ours


def test_the_furthest_checkpoint_is_copied(study, tmp_path):
    copy_best(study, tmp_path / "best")
    assert (tmp_path / "best" / "state.json").read_text() == "e8-a1"


def test_its_configuration_trains_again(study, tmp_path):
    copy_best(study, tmp_path / "best")
    config = TrainConfig.from_trial(json.loads((tmp_path / "best" / "config.json").read_text()))
    assert (config.layer, config.epochs) == ("dense", 8)
    assert config.seed == best_trial(study)["seed"]


def test_it_is_found_in_the_storage_that_the_study_used(study, tmp_path):
    (tmp_path / "shared").mkdir()
    (study.folder / "checkpoints").rename(tmp_path / "shared" / "study")
    info = json.loads((study.folder / "study.json").read_text())
    info["options"]["storage"] = str(tmp_path / "shared")
    (study.folder / "study.json").write_text(json.dumps(info))
    copy_best(load_study(study.folder), tmp_path / "best")
    assert (tmp_path / "best" / "state.json").read_text() == "e8-a1"


def test_half_a_checkpoint_is_passed_over(study, tmp_path):
    name = best_trial(study)["trial_id"]
    (study.folder / "checkpoints" / name / "e9-a2").mkdir()
    copy_best(study, tmp_path / "best")
    assert (tmp_path / "best" / "state.json").read_text() == "e8-a1"


def test_nothing_is_written_over(study, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(RecordError, match="not an empty folder"):
        copy_best(study, tmp_path / "full")


def test_a_checkpoint_that_is_gone_and_a_study_without_a_best_are_told(tmp_path):
    with pytest.raises(RecordError, match="holds no checkpoint"):
        copy_best(load_study(twelve(tmp_path / "bare")), tmp_path / "best")
    with pytest.raises(RecordError, match="none has finished"):
        copy_best(load_study(empty(tmp_path / "empty")), tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_the_best_of_small_networks_is_the_best_of_those(study):
    rows = replicates(study)
    limit = int(rows["parameters"].sort_values().iloc[len(rows) // 2])
    small = rows[rows["parameters"] <= limit]
    chosen = best_trial(study, limit)
    assert chosen["parameters"] <= limit < best_trial(study)["parameters"]
    assert chosen["val_accuracy_last"] >= small["mean"].max()
    with pytest.raises(RecordError, match="no best trial of at most 10 parameters"):
        best_trial(study, 10)
