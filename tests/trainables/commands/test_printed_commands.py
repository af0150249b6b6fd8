"""Commands that are printed run as they stand, in the folder where they were printed."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.study.study import load_study
from trainables.training.checkpoints.checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "tests" / "fixtures" / "before_rooms" / "images"
SETTINGS = ["width=4", "epochs=1", "batch_size=8", "dataset=folder", "precision=fp32"]

PICTURES, NET = '-our "images" $PWD `ä`', "-net 1; exit"

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name, and whose images' name, a shell would take apart."""
    folder = tmp_path_factory.mktemp("a 'place' & $HOME, größer")
    shutil.copytree(IMAGES, folder / PICTURES)
    return folder


def run(words: list[str] | str, folder: Path) -> str:
    shell = isinstance(words, str)
    done = subprocess.run(
        words, shell=shell, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def start(folder: Path, *words: str) -> str:
    return run([sys.executable, str(ROOT / "run_tune.py"), *words], folder)


def printed(said: str, what: str) -> str:
    (command,) = re.findall(rf"^{what}: (.+)$", said, re.MULTILINE)
    return command


@pytest.fixture(scope="module")
def said_by_train(place: Path) -> str:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return start(place, "train", *settings, "--data-dir", PICTURES, f"--out={NET}")


def test_a_trained_network_is_exported(said_by_train: str, place: Path) -> None:
    said = run(f"{printed(said_by_train, 'export it')} --seconds 0.01", place)
    assert "model.pt2" in said
    assert list((place / NET / "exports").glob("*/model.pt2"))


def test_a_compressed_network_is_fine_tuned(said_by_train: str, place: Path) -> None:
    assert said_by_train
    words = ["compress", f"./{NET}", "--layer", "tucker2", "--rank", "2", "--data-dir", PICTURES]
    said = start(place, *words)
    planned = run(f"{printed(said, 'fine-tune it')} --plan", place)
    assert "4 trials" in planned


def test_a_trial_that_the_folder_does_not_hold_is_named(said_by_train: str, place: Path) -> None:
    assert said_by_train
    command = [sys.executable, str(ROOT / "run_tune.py"), "export", f"./{NET}", "dense-nonsense"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not 'dense-nonsense'" in done.stderr


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiled", "options"), [("1", ["--cpus-per-trial", "2"]), ("0", []), ("1", [])]
)
def test_the_reports_command_comes_to_the_very_numbers(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiled: str, options: list[str]
) -> None:
    """Threads and code path decide the numbers, and so the command names them."""
    monkeypatch.setenv("RANKTUNE_COMPILED", compiled)
    settings = [word for one in (*SETTINGS, "layer=dense") for word in ("--set", one)]
    start(
        place,
        *("--space", "quickstart", *settings, "--data-dir", PICTURES, "--seeds", "1"),
        *("--estimating-seeds", "0", "--name", tmp_path.name, *options),
    )
    folder = place / "results" / tmp_path.name
    (trial,) = load_study(folder).trials.to_dict("records")
    page = (folder / "report.html").read_text()
    (command,) = re.findall(r'data-copy="(python -m trainables [^"]+)"', page)
    monkeypatch.setenv("RANKTUNE_COMPILED", "1")
    python = f"{shlex.quote(str(Path(sys.executable).absolute()))} "
    command = html.unescape(command).replace("python ", python, 1)
    run(f"{command} --out {tmp_path / 'again'}", ROOT)
    _, state = read_checkpoint(tmp_path / "again" / "checkpoint")
    assert state["trial_id"] == trial["trial_id"]
    assert state["history"][-1]["val_accuracy"] == trial["val_accuracy_last"]
    assert state["history"][-1]["val_loss"] == load_study(folder).epochs["val_loss"].iloc[-1]
