"""What is refused before anything starts."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.registry import SPACES
from trainables.data.datasets.cifar10 import BYTES as CIFAR10_BYTES
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.devices import Machine
from tune_app.planning.plan import make_plan
from tune_app.preview.preflight import check_start, folder_problems, machine_problems


@pytest.fixture(autouse=True)
def _empty_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(**options) -> tuple[str, ...]:
    given = RunOptions(space="quickstart", **options)
    with pytest.raises(UsageError) as caught:
        check_start(make_plan(given, SPACES["quickstart"]), given)
    return caught.value.problems


def test_a_plan_that_can_run_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    options = RunOptions(space="quickstart", gpus_per_trial=0)
    check_start(make_plan(options, SPACES["quickstart"]), options)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_cifar10_that_cannot_be_downloaded_names_both_remedies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # refuses at once, a resolver would not
    (problem,) = refused(dataset="cifar10", download=tmp_path / "nowhere")
    assert "--data-dir" in problem
    assert "--dataset digits" in problem


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, size in CIFAR10_BYTES.items():
        with (folder / name).open("wb") as file:
            file.truncate(size - (name == "data_batch_3"))
    (folder / "test_batch").unlink()
    (problem,) = refused(dataset="cifar10", data_dir=tmp_path / "data")
    assert "data_batch_3 has 31,035,998 bytes instead of 31,035,999" in problem
    assert "test_batch is missing" in problem


def test_more_images_than_there_are_is_told_with_what_there_is() -> None:
    told = refused(settings={"train_images": (1_400, 100), "batch_size": (64, 512)})
    assert set(told) == {
        "digits has 1,433 training images; 143 for validation and 1,400 to train on do not fit: "
        "lower validation_images or train_images",
        "batch_size 512 is more than the 100 images to train on: lower it (--set batch_size=…)",
    }


def test_more_held_out_than_there_are_leaves_none_and_no_negative_number() -> None:
    (problem,) = refused(settings={"validation_images": (100_000,)})
    assert problem == (
        "digits has 1,433 training images; 100,000 for validation leave none to train on: lower "
        "validation_images"
    )


def test_a_file_in_the_way_of_the_results_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder", encoding="utf-8")
    (problem,) = refused()
    assert problem.startswith(f"cannot write to {tmp_path / 'results' / 'quickstart'}")
    assert "--results-dir" in problem


def test_a_disk_that_is_too_small_is_told_with_both_sizes(tmp_path: Path) -> None:
    (problem,) = folder_problems(tmp_path / "study", needed_bytes=10**18)
    assert problem.startswith(f"{tmp_path / 'study'} may need 1.0 EB,")
    free = shutil.disk_usage(tmp_path).free
    assert folder_problems(tmp_path / "study", needed_bytes=free // 2) == []


@pytest.mark.parametrize("target", ["gone/deep", "link"])
def test_a_link_to_nowhere_is_told_by_the_plan(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)
    folder = tmp_path / "link" / "study"
    (problem,) = folder_problems(folder, needed_bytes=1)
    assert f"{tmp_path / 'link'} is a link that leads nowhere" in problem


def test_trials_whose_record_alone_would_fill_the_disk_are_refused() -> None:
    (problem,) = refused(settings={"epochs": (10**12,)})
    assert "make room" in problem


@pytest.mark.parametrize("share", [1.0, 0.25, "auto"])
def test_a_gpu_is_refused_on_a_machine_without_one(share: float | str) -> None:
    options = RunOptions(space="quickstart", gpus_per_trial=share)
    (problem,) = machine_problems(options, Machine(gpus=0, cpus=4))
    assert problem.endswith("this machine has no GPU; drop the option")


def test_more_than_the_machine_has_is_refused_for_each_kind() -> None:
    options = RunOptions(space="quickstart", gpus_per_trial=3.0, cpus_per_trial=9)
    told = machine_problems(options, Machine(gpus=2, cpus=4))
    assert [problem.split(":")[0] for problem in told] == [
        "--gpus-per-trial 3",
        "--cpus-per-trial 9",
    ]


@pytest.mark.parametrize("share", [None, 0.0, 0.4, 2.0, "auto"])
def test_what_the_machine_has_is_accepted(share: float | str | None) -> None:
    options = RunOptions(space="quickstart", gpus_per_trial=share)
    assert machine_problems(options, Machine(gpus=2, cpus=4)) == []


def test_a_space_of_which_nothing_fits_is_refused_with_the_reason() -> None:
    (problem,) = refused(max_parameters=10)
    assert problem.startswith("no point of the space can run: ")
    assert "--max-parameters 10" in problem


def test_a_search_that_proposes_is_refused_where_nothing_it_may_propose_fits() -> None:
    (problem,) = refused(search="optuna", max_parameters=10)
    assert "raise --max-parameters" in problem


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    assert len(refused(max_parameters=10, cpus_per_trial=10**6)) == 3


def test_a_storage_that_cannot_be_written_is_told_by_its_own_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (problem,) = refused(storage=str(tmp_path / "file" / "below"))
    assert problem.startswith(f"cannot write to {tmp_path / 'file' / 'below'}")
    assert problem.endswith("name another place with --storage")


def test_a_space_over_data_sets_is_refused_before_ray_starts() -> None:
    space = dataclasses.replace(
        SPACES["quickstart"],
        fixed={},
        keys={"layer": Key(Choice(("dense",))), "dataset": Key(Choice(("digits", "cifar10")))},
    )
    options = RunOptions(space="both")
    with pytest.raises(UsageError, match="trains on one data set: fix it with --set dataset=NAME"):
        check_start(make_plan(options, space), options)
