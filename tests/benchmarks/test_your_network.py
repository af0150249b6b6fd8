"""The demonstration on networks and images of others runs in one command."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.your_network import REHEARSAL, WHOLE, Transcript, make_tree
from trainables.config.installation import child_environment
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest


def test_the_tree_has_as_many_images_of_each_class_as_its_scale_says(tmp_path: Path):
    make_tree(load_dataset(DataRequest("digits")), REHEARSAL, tmp_path)
    for part, count in REHEARSAL.per_class.items():
        folders = [*(tmp_path / part).iterdir()]
        assert len(folders) == 10
        for folder in folders:
            files = [*folder.iterdir()]
            assert len(files) == count
            assert Image.open(files[0]).size == (REHEARSAL.side, REHEARSAL.side)


@pytest.mark.parametrize("scale", [WHOLE, REHEARSAL])
def test_a_scale_holds_out_fewer_images_than_it_trains_on(scale):
    assert 0 < scale.validation_images < 10 * scale.per_class["train"]
    assert scale.batchnorm_images + scale.validation_images == 10 * scale.per_class["train"]


@pytest.mark.seconds  # starts a process
def test_a_step_that_fails_ends_it_and_is_in_the_log(tmp_path: Path):
    with (tmp_path / "log.txt").open("w") as log:
        transcript = Transcript(tmp_path, log)
        assert transcript.run("-c", "print(5)") == "5\n"
        with pytest.raises(RuntimeError, match="ended with 3"):
            transcript.run("-c", "raise SystemExit(3)")
    text = (tmp_path / "log.txt").read_text()
    assert re.findall(r"\[exit code (\d), ", text) == ["0", "3"]


@pytest.mark.ray
@pytest.mark.crash
@pytest.mark.slow
def test_the_whole_demonstration_in_one_command(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.your_network", str(tmp_path), "--rehearse"],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    log = (tmp_path / "log.txt").read_text()
    assert done.returncode == 0, done.stderr + log[-3000:]
    plan, killed, *others = re.findall(r"\[exit code (-?\d+), ", log)
    assert killed in ("-9", "0")  # 0 of a search that was faster than the one who kills it
    assert [plan, *others] == ["0"] * 7
    ledger = (tmp_path / "results" / "resnet18" / "ledger.jsonl").read_text().splitlines()
    rows = map(json.loads, ledger)
    finished = Counter(row["trial_id"] for row in rows if row.get("status") == "finished")
    assert len(finished) >= 3  # two that choose, and at least the dense one's estimate
    assert set(finished.values()) == {1}
    assert (tmp_path / "results" / "resnet18" / "report.html").is_file()
    assert [*tmp_path.glob("small-resnet18*/**/*.onnx")]
