"""``python -m trainables compress`` and ``export``, in this process."""

import json
import re
import resource
import shutil
import sys

import pytest
import torch

from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.toml_file import read_space
from tests.trainables.trained_study import DENSE, train_study
from trainables.__main__ import main
from trainables.api import load_network
from trainables.compression.trained import load_trained
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest


@pytest.fixture(scope="module")
def study(tmp_path_factory, digits):
    config = DENSE.with_values(width=4, epochs=1)
    folder, trial = train_study(tmp_path_factory.mktemp("study"), digits, config)
    return str(folder), trial


def test_compress_prints_each_layer_and_writes_what_training_starts_from(study, tmp_path, capsys):
    words = ["--layer", "tt_conv", "--compression", "0.3", "--out", str(tmp_path / "start")]
    assert main(["compress", *study, *words]) == 0
    output = capsys.readouterr().out
    paths = str(tmp_path)
    assert max(len(line) for line in output.splitlines() if paths not in line) <= 80
    for part in ("residual3.second", "singular values", "ranks greedy", "validation     accuracy"):
        assert part in output
    assert str(tmp_path / "start" / "fine_tune.toml") in output
    config = TrainConfig.from_trial({"init": str(tmp_path / "start"), "dataset": "digits"})
    assert 0.97 * 0.3 <= config.network_size().compression <= 0.3


def test_the_space_beside_a_starting_point_fine_tunes_it(study, tmp_path, capsys):
    words = ["--layer", "tucker2", "--rank", "3", "--out", str(tmp_path), "--json"]
    assert main(["compress", *study, *words]) == 0
    start = json.loads(capsys.readouterr().out)["starting_point"]
    space = read_space(tmp_path / "fine_tune.toml")
    for point in grid_points(space):
        config = TrainConfig.from_trial({**space.fixed, **point})
        assert {name: getattr(config, name) for name in start} == start
        assert config.dataset == "digits"
        assert config.learning_rate < DENSE.learning_rate


def test_a_function_of_images_is_found_from_another_folder(tmp_path, monkeypatch, capsys):
    """It lies above the study, or where the study was begun."""
    project = tmp_path / "project"
    (project / "away").mkdir(parents=True)
    (project / "data.py").write_text(
        "import numpy as np\n\ndef make():\n"
        "    images = np.arange(60 * 32 * 32 * 3).reshape(60, 32, 32, 3).astype(np.uint8)\n"
        "    return (images, np.arange(60) % 3), (images[:9] // 2, np.arange(9) % 3)\n"
    )
    monkeypatch.chdir(project)
    data = load_dataset(DataRequest("data.py:make"))
    config = DENSE.with_values(width=4, epochs=1, classes=3, dataset="data.py:make")
    folder, trial = train_study(
        project / "results", data, config.with_values(train_images=None, batch_size=16)
    )
    monkeypatch.chdir(project / "away")
    assert load_trained(folder, trial).config.dataset == f"{project}/data.py:make"
    (folder / "study.json").write_text(json.dumps({"directory": str(project)}))
    elsewhere = shutil.copytree(folder, tmp_path / "copy")
    words = ["--layer", "low_rank", "--rank", "2", "--out", str(tmp_path / "start")]
    assert main(["compress", str(elsewhere), trial, *words]) == 0
    space = read_space(tmp_path / "start" / "fine_tune.toml")
    assert space.fixed["dataset"] == f"{project}/data.py:make"


def test_compress_as_json_says_what_the_folder_says(study, capsys):
    words = ["--layer", "low_rank", "--rank", "3", "--batchnorm-images", "256", "--json"]
    assert main(["compress", *study, *words]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["source"]["trial_id"] == study[1]
    assert state["starting_point"]["ranks"] == "3/3/3/3/3/3/3"
    assert state["held_out"]["after"]["images"] == 143
    assert len(state["layers"]) == 7
    assert state["layers"][0]["singular_values"][0] == 1


def test_export_prints_latencies_beside_multiply_adds_and_writes_the_files(study, tmp_path, capsys):
    words = ["--seconds", "0.01", "--out", str(tmp_path), "--threads", "1"]
    assert main(["export", *study, *words]) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines()[:-1])) <= 80
    card = json.loads((tmp_path / "card.json").read_text())
    counted = f"multiply-adds  {card['macs'] / 1e6:.2f} M per image"
    for part in ("latency ms", counted, "threads 1", "model.pt2"):
        assert part in output
    program = torch.export.load(tmp_path / "model.pt2").module()
    assert program(torch.zeros(3, *card["input"]["shape"][1:])).shape == (3, 10)


def test_export_writes_onnx_files_and_says_what_eight_bits_cost(study, tmp_path, capsys):
    words = ["--seconds", "0.01", "--out", str(tmp_path), "--int8"]
    assert main(["export", *study, *words]) == 0
    output = capsys.readouterr().out
    rows = json.loads((tmp_path / "card.json").read_text())["onnx"]
    assert set(rows) == {"model.onnx", "model.int8.onnx"}
    for name, row in rows.items():
        assert row["bytes"] == (tmp_path / name).stat().st_size
        assert row["images"] == 143
        assert f"{name:17}  accuracy {row['accuracy']:.4f} on the 143 held-out images" in output
    assert rows["model.onnx"]["difference"] <= 1e-5


def test_a_form_that_there_is_not_is_named_with_those_there_are(study, capsys):
    assert main(["export", *study, "--form", "kept"]) == 2
    assert "'kept' is not one of 'factors', 'folded', 'fastest'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--layer", "tt_conv", "--rank", "3", "--precision", "bf16"], "in half precision"),
        (["--layer", "tt_conv", "--parameters", "300"], "its smallest network has"),
        (["--layer", "tucker", "--rank", "3", "--dims", "0"], "dims must be at least 1, got 0"),
        (["--layer", "tt"], "--layer must be one of"),
        (["--layer", "tucker", "--rank", "0"], "rank must be at least 1, got 0"),
        (["--layer", "tucker", "--parameters", "0"], "parameters must be at least 1, got 0"),
        (["--layer", "tucker", "--compression", "nan"], "compression must lie in (0, 1], got nan"),
        (
            ["--layer", "tucker", "--rank", "2", "--batchnorm-images", "2048"],
            "--batchnorm-images must be at most 640, the number of training images",
        ),
        ([], "--layer"),
    ],
)
def test_wrong_use_of_compress_ends_with_2_and_says_why(study, capsys, words, told):
    assert main(["compress", *study, *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "2,5"])
def test_a_time_that_never_ends_is_refused(study, capsys, seconds):
    assert main(["export", *study, f"--seconds={seconds}"]) == 2
    assert "--seconds" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["compress", "--layer", "separable"], ["export"]])
def test_an_unknown_trial_ends_with_2_and_names_the_nearest(study, capsys, command):
    name, *words = command
    assert main([name, study[0], "dense-nonsense", *words]) == 2
    assert f"the nearest are {study[1]}" in capsys.readouterr().err


def test_everything_that_is_wrong_with_an_export_is_told_at_once(study, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as where it is not installed
    words = ["export", study[0], "nonsense", "--onnx", "--batch=0", "--seconds=inf"]
    words += ["--threads=99999", f"--out={study[0]}/checkpoints/{study[1]}/e1-a0/state.json/x"]
    assert main(words) == 2
    said = capsys.readouterr().err
    for told in (
        "'--batch'", "'--threads'", "state.json is no folder", "has no checkpoint of trial",
        "--seconds must be a number", "ONNX needs onnxscript: pip install onnx onnxscript",
    ):  # fmt: skip
        assert told in said


def test_memory_that_is_not_there_is_told(study, tmp_path, capsys):
    assert main(["export", *study, "--batch", "100000000000", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: there is not enough memory (DefaultCPUAllocator: can't allocate")
    assert told.endswith("take smaller batches, images or networks\n")


def test_a_damaged_checkpoint_is_told_where_an_earlier_one_is_used(tmp_path, digits, capsys):
    study, trial = train_study(tmp_path / "study", digits, DENSE.with_values(width=2, epochs=1))
    whole = study / "checkpoints" / trial / "e1-a0"
    shutil.copytree(whole, later := whole.with_name("e2-a0"))
    tensors = next(later.glob("tensors-*"))
    tensors.write_bytes(tensors.read_bytes()[:-1])
    told = f"{tensors} is damaged: its checksum is not that of state.json: e1-a0 is used instead"
    assert load_trained(study, trial).notes == [told]
    with pytest.warns(UserWarning, match="e1-a0 is used instead"):
        load_network(study)
    assert main(["export", str(study), "--seconds", "0.01", "--json"]) == 0
    output = capsys.readouterr()
    assert output.err == f"note: {told}\n"
    assert json.loads(output.out)["notes"] == [told]


@pytest.mark.parametrize(("size", "name"), [(20_000, "model.pt2"), (None, "model.onnx")])
def test_a_disk_that_fills_leaves_the_export_of_before(study, tmp_path, capsys, size, name):
    """One of several files that cannot be written leaves the others as they were, too."""
    words = ["export", *map(str, study), "--out", str(tmp_path), "--seconds", "0.01"]
    assert main(words) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"model.pt2", "model.safetensors", "card.json"}
    if size is None:  # the program fits, what is written after it does not
        (tmp_path / name).mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size or limits[0], limits[1]))  # bytes of a file
    try:
        assert main([*words, "--batch", "2", "--onnx"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert re.fullmatch(rf"error: {tmp_path}/{re.escape(name)}: .*\n", capsys.readouterr().err)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert sum(path.is_dir() for path in tmp_path.iterdir()) == (size is None)


def test_an_export_of_another_trial_leaves_no_file_of_the_one_before(study, tmp_path, capsys):
    """Its ONNX file would lie beside the other's card."""
    words = ["export", *map(str, study), "--out", str(tmp_path), "--seconds", "0.01"]
    assert main([*words, "--onnx"]) == 0
    assert main(words) == 0
    assert (tmp_path / "model.onnx").exists()  # of the same network
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(
        json.dumps({**card, "trial_id": "another", "files": {**card["files"], "model.onnx": 9}})
    )
    (tmp_path / "mine.txt").write_text("stays")
    assert main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("card.json", "mine.txt", "model.pt2", "model.safetensors")
    ]


def test_a_disk_that_fills_is_told_by_compress_with_its_folder(study, tmp_path, capsys):
    words = ["--layer", "cp", "--rank", "3", "--out", str(tmp_path)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))  # bytes a file may have
    try:
        assert main(["compress", *study, *words]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = capsys.readouterr().err
    assert told.startswith(f"error: {tmp_path}: File too large; raise the shell's limit of a file")
    assert [*tmp_path.iterdir()] == []
