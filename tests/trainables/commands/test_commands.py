"""``python -m trainables``, in this process."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.image_folder import write_images
from trainables.__main__ import main
from trainables.training.checkpoints.checkpoint import read_checkpoint

IMAGES = Path(__file__).resolve().parents[2] / "fixtures" / "before_rooms" / "images"
TINY = {
    "dataset": "digits",
    "width": 2,
    "batch_size": 64,
    "epochs": 2,
    "train_images": 256,
    "validation_images": 100,
}


def settings(**more):
    return [word for key, value in {**TINY, **more}.items() for word in ("--set", f"{key}={value}")]


def test_training_prints_its_epochs_and_writes_a_checkpoint(tmp_path, capsys):
    words = settings(layer="tucker", rank_scale=0.5)
    assert main(["train", *words, "--out", str(tmp_path), "--threads", "1"]) == 0
    output = capsys.readouterr().out
    assert "epoch   1/2" in output
    assert "after 2 epochs" in output
    assert max(map(len, output.splitlines()[:-2])) <= 80  # the last two are a path and a command
    _, state = read_checkpoint(tmp_path / "checkpoint")
    assert state["epochs_done"] == 2


def test_a_disk_without_room_for_the_checkpoint_is_told_before_training(
    tmp_path, capsys, monkeypatch
):
    used = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: used)
    assert main(["train", *settings(), "--out", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "has room for 10.0 kB, and the checkpoint takes" in told.err
    assert "epoch" not in told.out


def test_an_option_as_a_key_is_told_beside_unknown_keys(capsys):
    assert main(["train", *settings(data_dir="x", skip_unreadable="true", wdith=3)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: unknown key 'wdith': did you mean 'width'?",
        "error: data_dir is an option: --data-dir VALUE",
        "error: skip_unreadable is an option: --skip-unreadable",
    ]


def test_an_option_is_not_the_value_of_the_one_before_it(capsys):
    assert main(["train", *settings(), "--out", "--device", "cpu"]) == 2
    assert "--out lacks its value: what follows, --device, is an" in capsys.readouterr().err


def test_a_word_without_an_option_is_told_with_the_option_that_is_meant(capsys):
    assert main(["train", *settings(), "lr=.1", "fast"]) == 2
    told = capsys.readouterr().err
    assert "unknown argument 'lr=.1'; a key is set by --set learning_rate=.1" in told
    assert "unknown argument 'fast'; python -m trainables train --help lists" in told


def test_everything_that_is_wrong_with_a_command_line_is_told_at_once(capsys):
    """Click told of the first alone, and knows no keys."""
    words = "--lr .1 --threads none --foo --no-compiled=4 --device tpu --set wdith=3 x --out"
    assert main(["train", *words.split()]) == 2
    told = capsys.readouterr().err.splitlines()
    for line, part in zip(
        told,
        [
            "unknown option '--lr'; a key is set by --set learning_rate=.1",
            "unknown option '--foo'; python -m trainables train --help lists what there is",
            "--no-compiled takes no value, got '--no-compiled=4'",
            "--out lacks its value: nothing follows it",
            "'--threads'",
            "'tpu' is not one of 'cpu', 'cuda'",
            "unknown argument 'x'; python -m trainables train --help lists what there is",
            "unknown key 'wdith': did you mean 'width'?",
        ],
        strict=True,
    ):
        assert line.startswith("error: ")
        assert part in line


def test_a_key_is_advised_only_where_keys_are_set(capsys):
    assert main(["export", "study", "--learning-rate", ".1"]) == 2
    assert "--set" not in capsys.readouterr().err


def test_an_empty_value_is_no_folder(capsys):
    """As a shell writes a variable that is not set: the checkpoint went into the present folder."""
    assert main(["train", *settings(), "--out", ""]) == 2
    told = capsys.readouterr().err
    assert told == "error: --out is empty: give it a value, or leave the option out\n"


def test_a_key_that_does_not_count_is_told(tmp_path, capsys):
    words = settings(layer="low_rank", rank=2, dims=2, weight_decay_ratio="layer")
    assert main(["train", *words, "--out", str(tmp_path), "--threads", "1"]) == 0
    told = capsys.readouterr().err
    assert "note: dims=2 has no effect (low_rank on digits)" in told
    assert "note: weight_decay_ratio=layer has no effect" in told


def test_a_training_of_one_step_is_told_to_learn_nothing(tmp_path, capsys):
    for images, told in ((199, True), (200, False)):
        words = settings(epochs=1, batch_size=100, train_images=images)
        assert main(["train", *words, "--out", str(tmp_path / str(images))]) == 0
        error = capsys.readouterr().err
        assert ("note: nothing is learned in 1 trial of one step" in error) == told


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"validation_images": 7}, "validation_images=7 judges no image of at least 3 of the 10"),
        ({"train_images": 8, "batch_size": 4}, "train_images=8 trains no image of at least 2"),
        ({"validation_images": 10, "train_images": 10, "batch_size": 5}, ""),
    ],
)
def test_fewer_images_than_classes_are_told(tmp_path, capsys, keys, told):
    assert main(["train", *settings(**keys), "--out", str(tmp_path)]) == 0
    error = capsys.readouterr().err
    assert f"note: {told}" in error if told else "no image of" not in error


@pytest.mark.parametrize(
    ("parts", "keys", "told"),
    [
        (
            {"train": (40, 3), "test": (4, 4)},
            {},
            "none of the 4 images that judge is of class 'b'",
        ),
        ({"train": (40, 3), "test": (4, 4)}, {"validation_images": 12}, ""),
        ({"train": (40, 8), "test": (4, 4)}, {}, ""),
        (
            {"train": (40, 40), "val": (9, 1), "test": (4, 4)},
            {"validation_images": 3},
            "none of the 3 images that judge",
        ),
    ],
)
def test_a_class_that_no_image_judges_is_told(tmp_path, capsys, parts, keys, told):
    for part, counts in parts.items():
        for label, count in zip("ab", counts, strict=True):
            write_images(tmp_path / "images", {part: count}, (label,))
    given = {"width": 2, "epochs": 1, "batch_size": 20, **keys}
    words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    where = ["--dataset", "folder", "--data-dir", str(tmp_path / "images")]
    assert main(["train", *words, *where, "--out", str(tmp_path / "out")]) == 0
    error = capsys.readouterr().err
    assert f"note: {told}" in error if told else "that judge" not in error


def test_the_same_command_again_trains_nothing_twice(tmp_path, capsys):
    words = ["train", *settings(), "--out", str(tmp_path), "--threads", "1"]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert main(words) == 0
    again = capsys.readouterr().out
    assert "epoch   1/2" not in again
    assert first.splitlines()[-2:] == again.splitlines()[-2:]


def test_wrong_use_is_told_all_at_once_and_nothing_starts(tmp_path, capsys):
    words = ["--set", "layer=tuker", "--set", "epochs=0", "--set", "nonsense", "--set", "lr=1"]
    assert main(["train", *words, "--out", str(tmp_path)]) == 2
    problems = capsys.readouterr().err
    assert "did you mean 'tucker'" in problems
    assert "epochs must lie in" in problems
    assert "takes key=value, got 'nonsense'" in problems
    assert "unknown key 'lr'" in problems
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["train", "--bad"], ["trian"]])
def test_an_unknown_option_or_command_is_wrong_use(words):
    assert main(words) == 2


def test_a_missing_data_set_is_wrong_use(tmp_path, capsys):
    words = ["train", "--dataset", "folder", "--data-dir", str(tmp_path)]
    assert main(words) == 2
    assert "train/<class>" in capsys.readouterr().err
    assert main([*words, "--set", "dataset=digits"]) == 2
    assert "dataset is given twice" in capsys.readouterr().err


def test_relabelled_images_are_another_trial(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(IMAGES, "swapped")
    for part in ("train", "test"):
        first, second, *_ = sorted(Path("swapped", part).iterdir())
        first.rename("between")
        second.rename(first)
        Path("between").rename(second)
    words = settings(dataset="folder", batch_size=8, epochs=1, train_images=40, validation_images=9)
    for place in (IMAGES, "swapped"):
        assert main(["train", *words, "--data-dir", str(place)]) == 0
        assert "epoch   1/1" in capsys.readouterr().out
    first, second = sorted(Path("results", "train").iterdir())
    digest = read_checkpoint(first / "checkpoint")[1]["config"]["data_digest"]
    assert digest
    known = f"data_digest={digest}"
    codes = [
        main(["train", *words, "--set", known, "--data-dir", str(place)])
        for place in (IMAGES, "swapped")
    ]
    assert sorted(codes) == [0, 2]
    assert f"not those of data_digest {digest}" in capsys.readouterr().err


def test_a_trial_that_diverges_says_so(tmp_path, capsys):
    words = settings(learning_rate=1e20)
    assert main(["train", *words, "--out", str(tmp_path), "--threads", "1"]) == 1
    assert "diverged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "told"),
    [("tpu", "'tpu' is not one of 'cpu', 'cuda'"), ("cuda", "finds no GPU here")],
)
def test_a_device_that_there_is_not_is_refused(device, told, capsys):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert main(["train", *settings(), "--device", device]) == 2
    assert told in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_it_trains(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["train", *settings(), "--out", str(tmp_path / "file" / "below")]) == 2
    captured = capsys.readouterr()
    assert f"{tmp_path / 'file'} is no folder; name another with --out" in captured.err
    assert "epoch" not in captured.out


def test_folders_that_are_wrong_are_told_together_with_what_else_is(tmp_path, capsys):
    """An export was told of its folder once its latencies had been measured."""
    (tmp_path / "file").touch()
    study, out, data = (str(tmp_path / name) for name in ("study", "file", "images"))
    for command, others in {
        "train": {"--set wdith=3": "unknown key 'wdith'"},
        "export": {study: "study is no folder"},
        f"compress {study}": {
            "--layer low_rank --compression 2 --rank 3": "compression must lie in (0, 1], got 2.0",
            "--dims 3": "--dims 3 has no effect on low_rank",
            "--precision fp8": "--precision must be one of fp32",
        },
        "compress --network torchvision:resnet18 --weights w": {
            "--layer cp --rank 0": "rank must be at least 1",
            "--batchnorm-images 9": "--batchnorm-images needs images",
        },
    }.items():
        words = " ".join([command, *others]).split()
        assert main([*words, "--out", out, "--data-dir", data]) == 2
        told = capsys.readouterr().err
        for part in (*others.values(), "file is no folder", "images does not exist"):
            assert part in told, command


def test_a_folder_with_another_trial_is_told_with_what_to_do(tmp_path, capsys):
    words = ["--out", str(tmp_path), "--threads", "1"]
    assert main(["train", *settings(), *words]) == 0
    assert main(["train", *settings(width=5), *words]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path}/checkpoint is of trial" in told
    assert told.endswith("; name another folder with --out, or remove that one to begin anew\n")


def test_a_training_that_ended_as_it_first_saved_begins_anew(tmp_path, capsys):
    """Its tensors had been written and its state had not: the same command was refused for good."""
    words = ["train", *settings(), "--out", str(tmp_path), "--threads", "1"]
    assert main(words) == 0
    state = tmp_path / "checkpoint" / "state.json"
    before = state.read_text()
    state.unlink()
    assert main(words) == 0
    assert "continuing" not in capsys.readouterr().out
    assert json.loads(state.read_text())["tensors"] == json.loads(before)["tensors"]


def test_the_layers_of_a_common_network_fit_a_terminal_of_80_columns(capsys):
    assert main(["layers", "torchvision:resnet18", "--image-size", "64"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
