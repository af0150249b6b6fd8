"""A layer is two files and two lines: added to a copy of the project, it does all that was said.

Where this fails, a place outside ``trainables/layers`` and ``trainables/sizes`` knows the families
by name.
"""

import json
import shutil
from pathlib import Path

import pytest

from tests.project_copy import ADDITIONS, add_to_registry, copy_project, run

NAME = "window_first"
SPACE = f"""
[space]
question = "Does the added layer work?"
source = "a test"
estimating_seeds = 0

[keys.layer]
values = ["dense", "{NAME}"]

[keys.compression]
values = [0.3]
when = {{ layer = ["{NAME}"] }}

[fixed]
dataset = "digits"
width = 8
epochs = 1
"""
SMALL = ["--set=dataset=digits", "--set=width=4", "--set=batch_size=64", "--set=epochs=1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one more layer: two files, and a line in each registry."""
    copy = copy_project(tmp_path_factory.mktemp("project"), "tests")
    for room, name in (("sizes", "WindowFirst"), ("layers", "WindowFirstConv2d")):
        shutil.copy(ADDITIONS / room / f"{NAME}.py", copy / "trainables" / room)
        value = f"{name}()" if room == "sizes" else name
        add_to_registry(
            copy / "trainables" / room / "registry.py",
            f"from trainables.{room}.{NAME} import {name}",
            f'"{NAME}": {value}',
        )
    return copy


@pytest.fixture(scope="module")
def study(project: Path) -> Path:
    """A dense network that was trained in the copy."""
    run(project, "-m", "trainables", "train", *SMALL, "--out=results/trained")
    return project / "results" / "trained"


def test_it_obeys_the_laws_of_every_layer(project: Path) -> None:
    files = ["layers/test_laws.py", "layers/test_counts.py", "sizes/test_families.py"]
    paths = [f"tests/trainables/{file}" for file in files]
    told = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NAME, *paths)
    assert int(told.split(" passed")[0].rsplit(maxsplit=1)[-1]) >= 10


def test_it_is_planned_within_a_budget(project: Path, tmp_path: Path) -> None:
    space = tmp_path / "added.toml"
    space.write_text(SPACE)
    told = run(project, "run_tune.py", f"--space={space}", "--plan", "--json")
    plan = json.loads(told)
    sizes = {trial["config"]["layer"]: trial["compression"] for trial in plan["trials"]}
    assert not plan["infeasible"]
    assert 0.97 * 0.3 <= sizes[NAME] <= 0.3


def test_it_replaces_layers_of_other_networks(project: Path) -> None:
    told = run(project, "-m", "trainables", "layers", "wrn-10-1")
    assert NAME in told


def test_it_trains(project: Path) -> None:
    layer = [f"--set=layer={NAME}", "--set=rank=3", "--out=results/factors"]
    assert "epoch" in run(project, "-m", "trainables", "train", *SMALL, *layer)


def test_a_trained_network_is_compressed_to_it_and_exported(project: Path, study: Path) -> None:
    chosen = [f"--layer={NAME}", "--compression=0.5", "--out=results/start", "--json"]
    state = json.loads(run(project, "-m", "trainables", "compress", str(study), *chosen))
    assert state["starting_point"]["layer"] == NAME
    run(project, "-m", "trainables", "train", "--set=init=results/start", *SMALL[:1], *SMALL[2:],
        "--out=results/tuned")  # fmt: skip
    told = run(project, "-m", "trainables", "export", "results/tuned", "--seconds=0.01")
    assert "outputs" in told or "parameters" in told
