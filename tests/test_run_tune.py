"""The command itself, as a process: what it prints, refuses and returns."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search_spaces.registry import SPACES

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "ray", "pandas", "optuna", "numpy", "altair")


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run_tune.py"), *argv],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def loaded(*argv: str, cwd: Path) -> tuple[set[str], str]:
    """Which of the heavy libraries a call loads, and what it printed."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import run_tune; "
        f"code = run_tune.main({list(argv)!r}); "
        f"print(code, *({set(HEAVY)!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=False
    )
    code, *modules = done.stderr.split()
    assert code == "0", done.stderr
    return set(modules), done.stdout


def test_a_plan_of_a_thousand_trials_loads_no_heavy_library(tmp_path: Path) -> None:
    divisors = ",".join(map(str, range(2, 502)))
    argv = ("--space=low_rank", "--seeds=1", f"--set=rank_divisor={divisors}", "--plan", "--json")
    modules, printed = loaded(*argv, cwd=tmp_path)
    document = json.loads(printed)
    assert len(document["trials"]) + len(document["duplicates"]) == 1000
    assert modules == set()


def test_a_plan_for_people_loads_no_heavy_library(tmp_path: Path) -> None:
    modules, printed = loaded("--space", "equal_budget", "--plan", cwd=tmp_path)
    assert "tt_conv" in printed
    assert modules == set()


def test_the_list_of_spaces_loads_no_heavy_library(tmp_path: Path) -> None:
    modules, printed = loaded("--list-spaces", cwd=tmp_path)
    assert all(f"{name}: " in printed for name in SPACES)
    assert modules == set()


def test_a_plan_starts_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    done = run("--space", "quickstart", "--plan", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was started" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_is_all_that_stdout_gets(tmp_path: Path) -> None:
    done = run("--space", "quickstart", "--plan", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["space"] == "quickstart"


def test_a_space_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\nquestion = "Which?"\n[fixed]\nlayer = "cp"\n[keys.rank]\nvalues = [2, 4]\n',
        encoding="utf-8",
    )
    done = run("--space", "mine.toml", "--plan", "--json", cwd=tmp_path)
    assert len(json.loads(done.stdout)["trials"]) == 2


@pytest.mark.parametrize(
    "command",
    ["run_tune.py --help", "run_tune.py --list-spaces", "-m analysis --help", "-m analysis list"],
)
def test_a_reader_that_has_read_enough_is_no_error(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, stdout=writer, stderr=-1, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_exits_well(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "quickstart" in done.stdout


WRONG = {
    "an unknown space": ("--space tensortrain", ["did you mean 'tensor_train'?", "weight_decay"]),
    "an unknown key for an unknown space": (
        "--space tensortrain --set dimms=3",
        ["did you mean 'tensor_train'?", "unknown key 'dimms': did you mean 'dims'?"],
    ),
    "an unknown key": (
        "--space cp --set dimms=3",
        ["unknown key 'dimms': did you mean 'dims'?"],
    ),
    "an option as a key": (
        "--space cp --set max_parameters=5 --set num-samples=3 --set fresh=1",
        [
            "max_parameters is an option: --max-parameters VALUE",
            "num-samples is an option: --num-samples VALUE",
            "fresh is an option: --fresh\n",
        ],
    ),
    "an unknown layer": ("--space cp --set layer=cpp", ["tucker", "did you mean 'cp'?"]),
    "an unknown scheduler": ("--space cp --scheduler ash", ["median", "did you mean 'asha'?"]),
    "values out of range": (
        "--space cp --set epochs=0 --set batch_size=-1 --set rank=0",
        ["epochs must lie in", "batch_size must lie in", "rank must lie in"],
    ),
    "two ways of giving a rank": (
        "--space cp --set rank_scale=0.5",
        ["by rank, and --set gives it by rank_scale", "--set rank=none"],
    ),
    "a grid over a key without grid points": (
        "--space pointless.toml --search grid",
        ["key 'rank'", "has none", "--set rank=A,B"],
    ),
    "a gpu where there is none": (
        "--space quickstart --gpus-per-trial 0.5",
        ["--gpus-per-trial 0.5: this machine has no GPU; drop the option"],
    ),
    "a folder of images that is none": (
        "--space cp --dataset folder --data-dir .",
        ["train/<class>/*"],
    ),
    "a results folder that cannot be written": (
        "--space quickstart --results-dir pointless.toml",
        ["cannot write to", "--results-dir"],
    ),
    "a results folder that would be full": (
        "--space quickstart --set epochs=1000000000000",
        ["make room", "--results-dir"],
    ),
    "a key, a folder and a machine at once": (
        "--space cp --set dimms=3 --results-dir pointless.toml --gpus-per-trial 2",
        ["did you mean 'dims'?", "cannot write to", "--gpus-per-trial 2: this machine has no GPU"],
    ),
    "a space, images and a folder at once": (
        "--space tucke --dataset folder --data-dir absent --results-dir pointless.toml --plan",
        ["did you mean 'tucker'?", "--data-dir absent does not exist", "cannot write to"],
    ),
    "a data set that is a number": ("--space cp --set dataset=3", ["dataset must be one of"]),
    "a file to download into": (
        "--space cp --dataset cifar10 --download pointless.toml",
        ["cannot write to", "pointless.toml: Not a directory", "--download"],
    ),
    "a name that no disk takes": (
        f"--space quickstart --name {'x' * 300}",
        ["a name takes more than 255 bytes; shorten it"],
    ),
    "a file that is no space": ("--space broken.toml", ["broken.toml is not TOML"]),
    "numbers beyond what can be counted": (
        f"--space quickstart --search optuna --num-samples {10**20} --cpus-per-trial 1e-5",
        ["--num-samples: takes a whole number from 1 to 1,000,000", "a number of at least 0.0001"],
    ),
    "nothing at all": ("", ["--space is missing"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_refused_with_code_2_and_starts_nothing(case: str, tmp_path: Path) -> None:
    (tmp_path / "pointless.toml").write_text(
        '[space]\nquestion = "?"\n[fixed]\nlayer = "cp"\n'
        '[keys.rank]\ntype = "int"\nlow = 1\nhigh = 9\n',
        encoding="utf-8",
    )
    (tmp_path / "broken.toml").write_text("[space", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    argv, words = WRONG[case]
    environment = {"CUDA_VISIBLE_DEVICES": ""}  # a machine without a GPU
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_tune.py"), *argv.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    for word in words:
        assert word in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_gone_is_the_reason_that_is_told(tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} {ROOT / 'run_tune.py'}"
    done = subprocess.run(
        f"{command} --space quickstart --plan",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = "error: the present working directory no longer exists; change to one that does\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_plan_refuses_a_download_that_the_run_could_not_make(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--space=quickstart", "--dataset=cifar10", "--download=file", "--plan", cwd=tmp_path)
    assert done.returncode == 2
    assert f"cannot write to {tmp_path / 'file'}: Not a directory" in done.stderr


@pytest.mark.parametrize(
    "words",
    ["--space=weight_decay --seeds=1000 --plan", "analysis export study --out pipe"],
)
def test_ctrl_c_ends_without_a_traceback(tmp_path: Path, words: str) -> None:
    """The plan takes minutes, and nobody reads the pipe."""
    recorded = ROOT / "tests" / "fixtures" / "before_rooms" / "before_rooms"
    shutil.copytree(recorded, tmp_path / "study")
    os.mkfifo(tmp_path / "pipe")
    begun = (  # a job in the background is started with SIGINT ignored
        "import run_tune, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "print('begun', flush=True); sys.exit(run_tune.main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", begun, *words.split()],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told.strip().splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in told


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = (
        f"{sys.executable} {ROOT / 'run_tune.py'} --space tensor_train_december --plan | head -1"
    )
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.ray
def test_a_study_of_a_newer_format_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    study = tmp_path / "results" / "quickstart"
    study.mkdir(parents=True)
    line = '{"type":"opened","format":99,"name":"quickstart","time":0.0}\n'
    (study / "ledger.jsonl").write_text(line)
    done = run("--space", "quickstart", cwd=tmp_path)
    assert done.returncode == 2
    assert "was written in format 99" in done.stderr
    assert (study / "ledger.jsonl").read_text() == line


def test_a_plan_is_printed_whatever_stdout_knows(tmp_path: Path) -> None:
    text = '[space]\nquestion = "Größe?"\n[keys.width]\nvalues = [2, 4]\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / "run_tune.py"), "--space=mine.toml", "--plan"]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        command, env={**os.environ, **plain}, cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Gr\\xf6\\xdfe?" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("what", ["--plan", "--list-spaces"])
def test_a_full_disk_behind_stdout_is_told(tmp_path: Path, what: str) -> None:
    command = [sys.executable, str(ROOT / "run_tune.py"), "--space=quickstart", what]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    told = "error: standard output: No space left on device; make room\n"
    assert (done.returncode, done.stderr) == (2, told)
