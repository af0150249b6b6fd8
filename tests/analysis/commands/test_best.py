"""The best trial leaves its study with its checkpoint and its configuration."""

import json

import pytest

from analysis.__main__ import main
from analysis.commands.best import copy_best
from analysis.record.record import RecordError
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from tests.analysis.studies import best_trial, empty, twelve
from trainables.config.train_config import TrainConfig
from trainables.files.sealed import file_digest, seal


@pytest.fixture
def study(tmp_path):
    ours = load_study(twelve(tmp_path / "study"))
    name = best_trial(ours)["trial_id"]
    for checkpoint in ("e4-a1", "e8-a1", "e7-a1-b3"):
        folder = ours.folder / "checkpoints" / name / checkpoint
        write_checkpoint(folder, checkpoint)
    return ours


def write_checkpoint(folder, content):
    """As a trial writes it, but for the tensors."""
    folder.mkdir(parents=True)
    tensors = folder / "tensors-1.safetensors"
    tensors.write_text(content)
    state = {"tensors": tensors.name, "tensors_blake2b": file_digest(tensors)}
    (folder / "state.json").write_text(json.dumps(seal(state)))


def copied(folder):
    return (folder / "tensors-1.safetensors").read_text()


def test_the_furthest_checkpoint_is_copied(study, tmp_path):
    copy_best(study, tmp_path / "best")
    assert copied(tmp_path / "best") == "e8-a1"


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
    assert copied(tmp_path / "best") == "e8-a1"


def test_half_a_checkpoint_is_passed_over(study, tmp_path):
    name = best_trial(study)["trial_id"]
    (study.folder / "checkpoints" / name / "e9-a2").mkdir()
    copy_best(study, tmp_path / "best")
    assert copied(tmp_path / "best") == "e8-a1"


@pytest.mark.parametrize("file", ["state.json", "tensors-1.safetensors"])
def test_a_damaged_checkpoint_is_passed_over_with_a_word(study, tmp_path, capsys, file):
    folder = study.folder / "checkpoints" / best_trial(study)["trial_id"]
    with (folder / "e8-a1" / file).open("a") as damaged:
        damaged.write(" 5")
    assert main(["best", "--out", str(tmp_path / "best"), str(study.folder)]) == 0
    assert copied(tmp_path / "best") == "e7-a1-b3"
    told = capsys.readouterr().err
    assert "e8-a1 is damaged" in told
    assert "is a checkpoint of epoch 7; the accuracy is that of epoch 8" in told
    for name in ("e7-a1-b3", "e4-a1"):
        (folder / name / "tensors-1.safetensors").unlink()
    with pytest.raises(RecordError, match=r"e8-a1 is damaged.*e7-a1-b3 is damaged.*e4-a1 is"):
        copy_best(study, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_best_that_is_whole_needs_no_word(study, tmp_path):
    assert copy_best(study, tmp_path / "best")[1] == []


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
