"""What runs on this machine is known to the next search, and nothing else is taken to run."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tune_app.machine.devices import Machine
from tune_app.machine.resources import TrialResources
from tune_app.machine.running_studies import (
    RunningStudy,
    announced,
    crowding,
    running_studies,
)

ROOT = Path(__file__).resolve().parents[3]
ANNOUNCE = """
import sys, time
from pathlib import Path
from tune_app.machine.resources import TrialResources
from tune_app.machine.running_studies import RunningStudy, announced
with announced(RunningStudy.of_this_process(Path(sys.argv[1]), 2, TrialResources(1.0))):
    print("running", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "ranktune"


@pytest.fixture
def neighbour(tmp_path: Path, runtime: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", ANNOUNCE, str(tmp_path / "neighbour")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    yield process
    process.kill()
    process.wait()


def study(trials: int, folder: str = "mine", **resources: float) -> RunningStudy:
    taken = TrialResources(**({"cpus": 1.0} | resources))
    return RunningStudy.of_this_process(Path(folder), trials, taken)


def test_a_study_is_known_while_it_runs_and_not_when_it_was_killed(
    neighbour: subprocess.Popen, runtime: Path
) -> None:
    (found,) = running_studies()
    assert (found.pid, found.trials) == (neighbour.pid, 2)
    assert found.folder.endswith("neighbour")
    neighbour.kill()
    neighbour.wait()
    assert running_studies() == []
    assert list(runtime.iterdir()) == []


def test_ones_own_is_not_among_the_others_and_leaves_nothing(runtime: Path) -> None:
    with announced(study(1)):
        assert running_studies() == []
        assert len(list(runtime.iterdir())) == 1
    assert list(runtime.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"folder": 1}', b"[" * 5000])
def test_a_damaged_file_is_nobody(runtime: Path, content: bytes) -> None:
    runtime.mkdir()
    (runtime / "1-1.json").write_bytes(content)
    assert running_studies() == []


def test_a_process_of_another_container_is_left_alone(runtime: Path) -> None:
    runtime.mkdir()
    far = msgspec.structs.replace(study(2), pid=1, pid_namespace="elsewhere:1")
    (runtime / "1-1.json").write_bytes(msgspec.json.encode(far))
    assert running_studies() == []
    assert (runtime / "1-1.json").exists()


def test_where_nothing_can_be_written_a_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ranktune").touch()
    with announced(study(1)):
        assert running_studies() == []


def test_what_takes_more_than_there_is_is_said_with_who_and_what_to_do() -> None:
    machine = Machine(gpus=1, cpus=4)
    other = msgspec.structs.replace(study(2, "results/other"), pid=77)
    told = crowding(study(3), [other], machine)
    for words in ("results/other (process 77, 2 at once)", "its 4 cores", "--max-concurrent"):
        assert words in told
    assert crowding(study(2), [other], machine) == ""
    assert crowding(study(4), [], machine) == ""
    assert crowding(study(3, "results/other"), [other], machine) == ""  # the study itself
    shared = [study(1, cpus=0.0, gpus=1.0), study(2, "b", cpus=0.0, gpus=0.5)]
    assert "its 1 GPUs" in crowding(shared[0], [shared[1]], machine)


def test_a_plan_says_it_too(neighbour: subprocess.Popen, tmp_path: Path) -> None:
    words = ["run_tune.py", "--space=quickstart", "--plan", f"--results-dir={tmp_path}"]
    cores = len(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"process {neighbour.pid}, 2 at once" in done.stderr
    assert f"its {cores} cores" in done.stderr
