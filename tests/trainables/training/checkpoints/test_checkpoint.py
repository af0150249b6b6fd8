"""A folder holds the whole checkpoint or says that it does not."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch

from trainables.training.checkpoints.checkpoint import (
    STATE,
    CheckpointError,
    read_checkpoint,
    save_tensors,
    write_checkpoint,
)

WRITER = """
import sys, torch
from pathlib import Path
from trainables.training.checkpoints.checkpoint import write_checkpoint
folder, number = Path(sys.argv[1]), 0
while True:
    number += 1
    write_checkpoint(folder, {"x": torch.full((200_000,), number)}, {"number": number})
    print(number, flush=True)
"""


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    write_checkpoint(folder, {"x": torch.arange(1000.0)}, {"number": 1})
    return folder


def test_what_was_written_is_read(checkpoint):
    tensors, state = read_checkpoint(checkpoint)
    assert torch.equal(tensors["x"], torch.arange(1000.0))
    assert state["number"] == 1


def test_a_second_write_replaces_the_first_and_leaves_nothing_beside_it(checkpoint):
    write_checkpoint(checkpoint, {"x": torch.zeros(3)}, {"number": 2})
    tensors, state = read_checkpoint(checkpoint)
    assert (len(tensors["x"]), state["number"]) == (3, 2)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["checkpoint"]
    assert len(list(checkpoint.iterdir())) == 2


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [STATE, "tensors-*.safetensors"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_text("[]"),
    ],
    ids=["missing", "empty", "truncated", "another"],
)
def test_a_damaged_file_is_noticed(checkpoint, name, damage):
    damage(*checkpoint.glob(name))
    with pytest.raises(CheckpointError, match="checkpoint"):
        read_checkpoint(checkpoint)


def test_a_single_bit_of_a_tensor_is_noticed(checkpoint):
    flip_a_bit(*checkpoint.glob("tensors-*"))
    with pytest.raises(CheckpointError, match="checksum"):
        read_checkpoint(checkpoint)


def test_a_newer_format_asks_for_an_update(checkpoint):
    state = json.loads((checkpoint / STATE).read_text())
    (checkpoint / STATE).write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(CheckpointError, match=r"format 99.*update"):
        read_checkpoint(checkpoint)


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "1\n"
    time.sleep(0.3)
    writer.send_signal(signal.SIGKILL)
    written = int((writer.stdout.read().split() or ["1"])[-1])
    tensors, state = read_checkpoint(folder)
    assert state["number"] >= written
    assert (tensors["x"] == state["number"]).all()


def test_what_a_disk_refuses_is_an_error_of_the_system(tmp_path):
    """The library's own would end a command in a traceback."""
    with pytest.raises(FileNotFoundError, match="absent"):
        save_tensors({"x": torch.ones(1)}, tmp_path / "absent" / "file.safetensors")
