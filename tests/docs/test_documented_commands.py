"""Every command of README and docs runs, one after the other, as a reader would type them.

Each page has a folder of its own. What a reader waits hours for is made small by ``SCALE``, the one
table of what this test changes; rows that need hardware are planned. ``make test-slow`` runs it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis import load_study

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "tests" / "fixtures" / "before_rooms" / "images"
COMMAND = re.compile(r"^(?:python (?:run_tune\.py|-m (?:analysis|trainables))|tensorboard) \S")

NAMED_FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A file that a page lets the reader write: its first line names it."""

SMALL = "--dataset digits --set width=4 --set epochs=1"
SCALE = {
    "--space tensor_train": f"{SMALL} --set rank_scale=0.25,0.5 --set dims=2,3",
    "--space weight_decay": f"{SMALL} --num-samples 4 --seeds 1",
    "--space equal_budget": f"{SMALL} --set layer=low_rank,tucker2",
    "--space tucker": f"{SMALL} --set rank_scale=0.2,0.4,0.6 --set dims=2,3",
    "--space how_many_dims.toml": SMALL,
    "quickstart --dataset folder": "--set batch_size=16",  # few images lie in the folder here
    "quickstart --dataset pictures.py": "--set batch_size=16",
    "quickstart --set network=net.py:make_net": "--set epochs=1 --seeds 1 --estimating-seeds 0",
    "fine_tune.toml": "--set learning_rate=0.05",
    "docs/results/first-search.toml": "--plan",  # CIFAR-10 for an hour
    "trainables train --set layer": "--set dataset=digits --set width=4 --set epochs=1",
    "trainables export": "--seconds 0.01",
    "tensorboard --logdir": "--inspect",  # prints what it would serve
}
"""By a part of a command, what is put behind it."""

HARDWARE = {
    "--gpus-per-trial 0.25": "a GPU",
    "--address auto": "a Ray cluster",
}
"""By a part of a command, what it needs that a test machine lacks: it is planned, and its study is
run without that option, for the rows after it."""

FILLED = {
    "--data-dir ../shared/cifar10": "",
    "[STUDY]": "",
    "[TRIAL]": "",
    "[CHART…]": "",
    "STUDY…": "STUDY",
    "export STUDY TRIAL": "export dense_study DENSE",
    "compress STUDY TRIAL": "compress dense_study DENSE",
    "STUDY/starting_points/NAME": "dense_study/starting_points/NAME",
    "STUDY": "results/study",
    "csv|parquet|json|md": "csv",
    "pdf|svg|png": "svg",
    "--out DIR": "--out new",
    "compare A B": "compare results/study results/study",
}
"""What a reader would write for a placeholder, in this order."""

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


def commands_of(page: str) -> list[str]:
    """Of tables and of blocks of code, in the order of the page."""
    found, fenced = [], False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            found.append(line.strip())
        elif line.startswith("|"):
            cells = line.replace("\\|", "|")
            found += re.findall(r"`([^`]+)`", cells)
    return [command for command in found if COMMAND.match(command)]


PAGES = [
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name != "report.md"  # a study wrote it, for its own images
    and commands_of(str(path.relative_to(ROOT)))
]


@pytest.fixture(scope="module")
def dense_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one trained dense network, and its small sisters."""
    folder = tmp_path_factory.mktemp("dense")
    words = f"--space quickstart --set layer=dense,low_rank --set rank_scale=0.25,0.5 {SMALL}"
    run(f"python run_tune.py {words} --results-dir .", folder)
    return folder / "quickstart"


def run(command: str, folder: Path, *, refused: str = "") -> str:
    """What a command says; ``refused`` is a word of the message that must end it."""
    words = shlex.split(command)
    if words[0] == "python":
        words[0] = sys.executable
    else:
        words[0] = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run(
        [str(ROOT / word) if word == "run_tune.py" else word for word in words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, f"{command}\n{said}"
    if refused and done.returncode == 2:
        assert refused in said, f"{command}\n{said}"
    else:
        assert done.returncode == 0, f"{command}\n{said}"
    return said


def filled(command: str, folder: Path) -> str:
    """The command with its placeholders filled in, and made small."""
    for placeholder, value in FILLED.items():
        command = command.replace(placeholder, value)
    command = re.sub(r"results/study/\w+", "results/study", command)  # a part of benchmarks.study
    study = load_study(folder / "dense_study")
    trials = study.trials.groupby("layer")["trial_id"].first()
    command = command.replace("DENSE", trials["dense"]).replace("TRIAL", trials["low_rank"])
    starts = sorted((folder / "dense_study" / "starting_points").glob("*"))
    command = command.replace("NAME", starts[0].name if starts else "NAME")
    if "--confirm" in command:  # takes what its study found as it is
        return command
    added = [words for part, words in SCALE.items() if part in command]
    return " ".join([command, *added])


def test_there_are_pages_and_each_scale_and_placeholder_is_used() -> None:
    everything = "\n".join(command for page in PAGES for command in commands_of(page))
    assert {"README.md", "docs/reading.md", "docs/spaces.md"} <= set(PAGES)
    assert [part for part in {**SCALE, **HARDWARE} if part not in everything] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_in_order(page: str, dense_study: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(IMAGES, tmp_path / "photos")
    shutil.copytree(dense_study, tmp_path / "dense_study")
    shutil.copytree(dense_study, tmp_path / "results" / "study")
    if page == "docs/spaces.md":
        example = re.search(r"```toml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        assert example
        (tmp_path / "how_many_dims.toml").write_text(example[1])
    images, labels = np.zeros((60, 16, 16), np.uint8), np.arange(60) % 3
    for part in ("train", "test"):  # what docs/data.md's function reads
        np.savez(tmp_path / f"{part}.npz", images=images, labels=labels)
    for name, text in NAMED_FILE.findall((ROOT / page).read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for written in commands_of(page):
        command = filled(written, tmp_path)
        needs = [option for option in HARDWARE if option in command]
        for option in needs:
            run(f"{command} --plan", tmp_path, refused=option.split()[0])
            command = command.replace(option, "")
        if needs:
            command = re.sub(r"--storage \S+", "", command)
        run(command, tmp_path)
