"""The best trial leaves its study with its checkpoint and its configuration."""

import json
import math
import shutil

import pytest

from analysis.__main__ import main
from analysis.commands.best import copy_best
from analysis.record.record import RecordError
from analysis.study.best import best_configuration, runs_best_first
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from tests.analysis.studies import best_trial, empty, twelve
from trainables.config.train_config import TrainConfig
from trainables.files.sealed import file_digest, seal
from trainables.text.share import percent


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


def test_of_a_best_run_without_a_checkpoint_the_next_run_is_copied_with_a_word(
    study, tmp_path, capsys
):
    runs = runs_best_first(study, best_configuration(study)["configuration"])
    highest, other = runs["trial_id"]
    checkpoints = study.folder / "checkpoints"
    shutil.rmtree(checkpoints / highest)
    write_checkpoint(checkpoints / other / "e8-a1", "the other's")
    assert main(["best", "--out", str(tmp_path / "best"), str(study.folder)]) == 0
    assert copied(tmp_path / "best") == "the other's"
    config = json.loads((tmp_path / "best" / "config.json").read_text())
    assert config["seed"] == runs["seed"].iloc[1]
    told = capsys.readouterr()
    assert f"{highest} holds no checkpoint" in told.err
    assert f"its run {other} is copied instead" in told.err
    own = percent(runs["val_accuracy_last"].iloc[1])
    assert told.out.startswith(f"{other} ({own} val_accuracy_last, one of 2 runs, whose mean is ")
    shutil.rmtree(checkpoints / other)
    with pytest.raises(RecordError, match=rf"{highest} holds no checkpoint.* nor has another run"):
        copy_best(study, tmp_path / "none")


def test_a_limit_of_multiply_adds_is_asked_like_one_of_parameters(study, tmp_path, capsys):
    rows = replicates(study)
    limit = float(rows["macs"].sort_values().iloc[len(rows) // 2])
    best = best_configuration(study, max_macs=limit)
    assert best["macs"] <= limit < best_configuration(study)["macs"]
    assert best["mean"] == rows[rows["macs"] <= limit]["mean"].max()
    least = f"{math.ceil(rows['macs'].min()):,}"
    arguments = ["best", "--out", str(tmp_path / "b"), str(study.folder), "--max-macs", "10"]
    assert main([*arguments, "--max-parameters", "20"]) != 0
    told = capsys.readouterr().err
    assert "no best trial of at most 20 parameters and 10 multiply-adds" in told
    assert f" and {least} multiply-adds" in told


def test_a_study_whose_limit_leaves_out_all_that_finished_says_so(study):
    info = json.loads((study.folder / "study.json").read_text())
    info["options"] = {**info["options"], "max_parameters": 10}
    (study.folder / "study.json").write_text(json.dumps(info))
    with pytest.raises(RecordError, match="no best trial of at most 10 parameters; of what has"):
        best_configuration(load_study(study.folder))


def test_the_best_of_small_networks_is_the_best_of_those(study):
    rows = replicates(study)
    limit = int(rows["parameters"].sort_values().iloc[len(rows) // 2])
    small = rows[rows["parameters"] <= limit]
    chosen = best_trial(study, limit)
    assert chosen["parameters"] <= limit < best_trial(study)["parameters"]
    assert chosen["val_accuracy_last"] >= small["mean"].max()
    with pytest.raises(RecordError, match="no best trial of at most 10 parameters"):
        best_trial(study, 10)
