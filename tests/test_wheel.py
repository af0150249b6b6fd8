"""What is installed from the wheel works in any folder, with nothing of the checkout in reach.

The dependencies are those of the environment that tests (a path file names its site-packages): to
download 5 GB again would test the package index. The project itself comes from the wheel alone.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tune_app", "analysis", "trainables", "search_spaces")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("ranktune-*.whl")
    return path


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new environment's programs, the wheel installed into it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    printed = subprocess.run([python, "-c", purelib], check=True, capture_output=True, text=True)
    borrowed = Path(printed.stdout.strip()) / "dependencies_of_the_tests.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(install, check=True, env=environment(python.parent))
    return python.parent


def environment(programs: Path) -> dict[str, str]:
    """As a shell with the environment activated, and no help in finding the project."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def run(command: str, programs: Path, folder: Path) -> str:
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment(programs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_it_holds_every_file_of_the_packages_that_is_under_version_control(wheel: Path) -> None:
    listing = ["git", "ls-files", "run_tune.py", *PACKAGES]
    tracked = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    assert set(tracked.stdout.split()) <= set(zipfile.ZipFile(wheel).namelist())


def test_a_search_runs_and_is_read_in_another_folder(programs: Path, tmp_path: Path) -> None:
    said = run("ranktune --space quickstart --time-budget 1s", programs, tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("to continue: ")]
    said = run(line.removeprefix("to continue: ").replace("1s", "20m"), programs, tmp_path)
    study = tmp_path / "results" / "quickstart"
    page = (study / "report.html").read_text(encoding="utf-8")
    assert "vega" in page
    assert "ranktune train" in page
    assert "python -m" not in page
    assert list((study / "figures").glob("*.png"))
    script = "from analysis import load_study; print(len(load_study('results/quickstart').trials))"
    count = int(run(f"python -c {shlex.quote(script)}", programs, tmp_path))
    assert count >= 8
    assert f"{count} finished" in said
    status = run("ranktune analysis status results/quickstart", programs, tmp_path)
    assert f"{count} finished" in status


def test_what_is_compiled_from_c_is_there(programs: Path, tmp_path: Path) -> None:
    script = (
        "from trainables.compiled.norm_pool_relu import FUNCTIONS as found; import trainables;"
        "print(trainables.__path__[0], *map(bool, [each.library for each in found.values()]))"
    )
    where, *compiled = run(f"python -c {shlex.quote(script)}", programs, tmp_path).split()
    assert Path(where).is_relative_to(programs.parent)
    assert set(compiled) == {"True"}


def test_one_network_is_trained_without_ray(programs: Path, tmp_path: Path) -> None:
    settings = "--set dataset=digits --set width=8 --set epochs=1 --set layer=tucker2 --set rank=4"
    said = run(f"ranktune train {settings}", programs, tmp_path)
    assert "after 1 epoch " in said
    assert "ranktune export" in run("ranktune export --help", programs, tmp_path)
