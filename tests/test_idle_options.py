"""No option is taken and then ignored: each has an effect in every command, or is refused."""

import shutil
from pathlib import Path

import pytest

from analysis.__main__ import main as analysis
from run_tune import main as search
from tests.test_options import PARAMETERS, options
from trainables.__main__ import main as trainables

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "fixtures" / "before_rooms" / "before_rooms"

PLAN = "--space quickstart --plan"
CONFIRM = f"{PLAN} --confirm 3"
LISTED = "--list-spaces"
SHAPES = "shapes a search"
REFUSED = {
    f"{PLAN} --data-dir . --download .": "--data-dir names an existing copy, and --download",
    f"{PLAN} --data-dir nowhere": "--data-dir nowhere has no effect on digits: no folder is read",
    f"{PLAN} --download new": "--download new has no effect on digits: nothing is downloaded",
    f"{PLAN} --skip-unreadable": "--skip-unreadable has no effect on digits: no image files",
    f"{PLAN} --dataset cifar10 --skip-unreadable": "--skip-unreadable has no effect on cifar10",
    f"{PLAN} --dataset folder --data-dir IMAGES --set batch_size=4 --download new": "--download",
    f"{PLAN} --study-id 1": "--study-id says which study of --storage is meant; add --storage",
    f"{PLAN} --fresh --study-id 1 --storage s": "--fresh begins a new one: keep one of them",
    f"{PLAN} --top 1": "--top says what --confirm retrains",
    f"{PLAN} --confirm-what best": "--confirm-what says what --confirm retrains",
    "--space quickstart --json": "--json is a format of --plan",
    f"{PLAN} --accelerator-type A100": "--accelerator-type A100: this machine has no GPU",
    f"{PLAN} --gpus-per-trial auto": "--gpus-per-trial auto: this machine has no GPU",
    f"{PLAN} --resources slot=1": "--resources slot=1: Ray starts here without resources of that",
    f"{PLAN} --address 127.0.0.1:9": "--address 127.0.0.1:9: no Ray cluster answers there",
    f"{PLAN} --grace-period 2": "add --scheduler asha",
    f"{PLAN} --reduction-factor 3 --scheduler median": "--reduction-factor is for --scheduler asha",
    f"{PLAN} --num-samples 8": "--num-samples is for --search random or optuna",
    f"{PLAN} --scheduler asha --epochs-per-report 2": "--epochs-per-report 2: asha judges every",
    f"{PLAN} --seeds 1 --set seed=0": "--seeds and --set seed= both choose the seeds",
    f"{PLAN} --reuse-from RECORDED --results-dir . --name study": "this is the study itself",
    f"{CONFIRM} --set width=8": SHAPES,
    f"{CONFIRM} --seeds 1": SHAPES,
    f"{CONFIRM} --estimating-seeds 5": SHAPES,
    f"{CONFIRM} --num-samples 1": SHAPES,
    f"{CONFIRM} --search grid": SHAPES,
    f"{CONFIRM} --search-seed 0": SHAPES,
    f"{CONFIRM} --scheduler none": SHAPES,
    f"{CONFIRM} --grace-period 1": SHAPES,
    f"{CONFIRM} --reduction-factor 3": SHAPES,
    f"{CONFIRM} --objective val_accuracy": SHAPES,
    f"{CONFIRM} --confirm-what question --top 1": "--top counts the best",
    f"{LISTED} {PLAN}": "--plan has no effect on --list-spaces",
    f"{LISTED} --results-dir results": "--results-dir has no effect on --list-spaces",
    "analysis status study --results-dir .": "--results-dir . is searched where no study is named",
    "analysis best study --results-dir . --out new": "--results-dir . is searched where no study",
    "analysis show study dense --results-dir .": "--results-dir . is searched where no study is",
    "train --set dataset=digits --data-dir nowhere": "--data-dir nowhere has no effect on digits",
    "train --set dataset=digits --download new": "--download new has no effect on digits",
    "train --set dataset=digits --skip-unreadable": "--skip-unreadable has no effect on digits",
    "train --data-dir . --download new": "--data-dir names an existing copy, and --download",
    "compress --network net.py:f --weights w --layer cp --rank 2 --data-dir .": "add --set dataset",
    "compress study --layer low_rank --rank 2 --dims 3": "--dims 3 has no effect on low_rank",
    "compress study --network n --layer cp": "drop --network, --weights and --set",
    "layers torchvision:resnet18 --width 8": "--width is resnet9's",
    "layers --image-size 64": "resnet9 takes images of 32 pixels, got --image-size 64",
    "layers --json --rank-scale 0.25": "--rank-scale would have no effect",
    "layers --json --replace linear --keep last": "--replace and --keep would have no effect",
}  # fmt: skip
"""By a command line, a part of what it is refused with."""

EFFECTIVE = {
    "search": {
        *("--space", "--preset", "--dataset", "--confirm", "--time-budget", "--max-failures"),
        *("--max-parameters", "--max-macs", "--cpus-per-trial", "--max-concurrent", "--name"),
        *("--results-dir", "--storage", "--checkpoint-interval", "--keep", "--fresh", "--plan"),
        "--list-spaces",
    },
    "status": {"--json"},
    "list": {"--results-dir", "--json"},
    "show": {"--json"},
    "best": {"--out", "--max-parameters", "--max-macs"},
    "export": {"--format", "--table", "--out"},
    "figures": {"--format", "--out"},
    "compare": {"--json"},
    "trainables train": {"--set", "--dataset", "--out", "--threads", "--compiled", "--device"},
    "trainables compress": {
        *("--layer", "--compression", "--parameters", "--rank", "--energy", "--ranks"),
        *("--precision", "--batchnorm-images", "--replace", "--keep", "--out", "--threads"),
        *("--weights", "--set", "--json"),
    },
    "trainables export": {
        *("--form", "--onnx", "--int8", "--batch", "--seconds", "--data-dir", "--out"),
        *("--threads", "--json"),
    },
    "trainables layers": {"--classes"},
    "trainables precision": {"--image-size", "--classes", "--json"},
    "trainables weights": {"--image-size", "--classes", "--save", "--json"},
}
"""Options that have an effect beside whatever else their command accepts."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    shutil.copytree(RECORDED, tmp_path / "study")
    (tmp_path / "IMAGES").symlink_to(RECORDED.parent / "images")
    (tmp_path / "RECORDED").symlink_to(tmp_path / "study")
    return tmp_path


@pytest.mark.parametrize("line", REFUSED)
def test_an_option_without_an_effect_is_refused(line: str, place: Path, capsys) -> None:
    words = line.split()
    before = sorted(place.rglob("*"))
    if words[0].startswith("-"):
        code = search(words)
    else:
        code = analysis(words[1:]) if words[0] == "analysis" else trainables(words)
    assert (code, REFUSED[line] in capsys.readouterr().err) == (2, True)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", PARAMETERS)
def test_each_option_is_effective_or_refused_where_it_would_not_be(command: str) -> None:
    start = {"search": "--"}.get(command, command.removeprefix("trainables "))
    lines = [line.removeprefix("analysis ") for line in REFUSED]
    refused = " ".join(line for line in lines if line.startswith(start)).split()
    assert set(options(command)) <= EFFECTIVE.get(command, set()) | set(refused)
