"""From what is typed to RunOptions, or to everything that is wrong with it."""

import dataclasses
import inspect
import shlex
from pathlib import Path

import pytest

from tune_app.command import command_line
from tune_app.command.command_line import parse_options
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions


def problems(*argv: str) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        parse_options(argv)
    return caught.value.problems


def options(*argv: str) -> RunOptions:
    return parse_options(["--space", "quickstart", *argv])


def test_a_space_alone_leaves_everything_as_it_says() -> None:
    expected = RunOptions(space="low_rank", command="run_tune.py --space low_rank")
    assert parse_options(["--space", "low_rank"]) == expected


EVERYTHING = """
--space tensor_train --search random --scheduler asha --num-samples 9 --seeds 3 --search-seed 4
--objective val_accuracy,parameters --set dims=2,3 --set width=8 --preset quick --dataset digits
--data-dir D --max-parameters 1,000 --max-macs 1e6 --gpus-per-trial 0.25 --cpus-per-trial 2
--max-concurrent 5 --max-failures 1 --time-budget 2h --results-dir R --name N --storage s3://b/x
--address auto --reuse-from A --reuse-from B --fresh --plan --json
"""

WRONG = """
--space low_rnk --seeds 0 --num-samples many --search optun --scheduler ahsa --objective accuracy
--set dims --set rank=2 --set rank=3 --preset fast --gpus-per-trial 1.5 --cpus-per-trial 0
--time-budget soon --max-macs -1 --name a/b --json --top 3 --serach grid
"""


def test_every_option_reaches_its_field() -> None:
    argv = shlex.split(EVERYTHING)
    assert parse_options(argv) == RunOptions(
        space="tensor_train",
        search="random",
        scheduler="asha",
        num_samples=9,
        seeds=3,
        search_seed=4,
        objective=("val_accuracy", "parameters"),
        settings={"dims": (2, 3), "width": (8,)},
        preset="quick",
        dataset="digits",
        data_dir=Path("D"),
        max_parameters=1000,
        max_macs=1e6,
        gpus_per_trial=0.25,
        cpus_per_trial=2,
        max_concurrent=5,
        max_failures=1,
        time_budget_seconds=7200,
        results_dir=Path("R"),
        name="N",
        storage="s3://b/x",
        address="auto",
        reuse_from=(Path("A"), Path("B")),
        fresh=True,
        plan_only=True,
        as_json=True,
        command="run_tune.py " + " ".join(argv),
    )


def test_the_options_that_no_search_takes_reach_their_fields() -> None:
    words = "--confirm 5 --confirm-what sizes --top 2 --download D --skip-unreadable"
    asked = options(*words.split(), "--storage=s3://b/x", "--study-id=1")
    assert (asked.confirm, asked.confirm_what, asked.top) == (5, "sizes", 2)
    assert (asked.download, asked.skip_unreadable, asked.study_id) == (Path("D"), True, "1")


def test_every_field_has_an_option() -> None:
    renamed = {
        "plan": "plan_only",
        "json": "as_json",
        "time_budget": "time_budget_seconds",
        "checkpoint_interval": "checkpoint_seconds",
    }
    options = list(inspect.signature(command_line._command).parameters)[1:]
    fields = {field.name for field in dataclasses.fields(RunOptions)}
    assert {renamed.get(name, name) for name in options} == fields - {"command"}


def test_a_uri_with_one_slash_is_not_taken_for_a_folder() -> None:
    (told,) = problems("--space=tucker", "--storage=s3:/b/x")
    assert told == "--storage s3:/b/x: a URI has two slashes, s3://b/x"


def test_a_uri_where_a_folder_is_meant_is_told_with_what_to_name() -> None:
    told = problems(
        *shlex.split(
            "--space quickstart --results-dir s3://b/r --data-dir gs://b/d "
            "--reuse-from s3://b/one --reuse-from two"
        )
    )
    told += problems("--space=quickstart", "--download", "s3://b/x")
    flags = ("--results-dir s3://b/r", "--data-dir gs://b/d", "--reuse-from s3", "--download s3")
    assert len(told) == 4
    assert all(one.startswith(flag) for one, flag in zip(told, flags, strict=True))
    assert "--storage URI keeps checkpoints and a copy of the record elsewhere" in told[0]


def test_a_relative_storage_is_the_callers_folder_wherever_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options("--storage", "shared").storage == str(tmp_path / "shared")
    assert options("--storage", "s3://bucket/x?region=r").storage == "s3://bucket/x?region=r"


def test_what_a_trial_takes_of_a_cluster_is_read() -> None:
    asked = options(
        *shlex.split("--resources trial=1 --resources disk=0.5 --accelerator-type A100"),
        *("--checkpoint-interval", "5m", "--epochs-per-report", "5"),
    )
    assert asked.epochs_per_report == 5
    assert asked.resources == (("trial", 1.0), ("disk", 0.5))
    assert (asked.accelerator_type, asked.checkpoint_seconds) == ("A100", 300.0)
    assert options().checkpoint_seconds == 60.0
    assert len(problems("--space", "x", "--resources", "CPU=1", "--resources", "trial")) == 3


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = problems(*shlex.split(WRONG))
    beginnings = [
        "unknown option '--serach'; did you mean --search?",
        "--set: takes key=value",
        "--preset: unknown preset 'fast': choose from full, quick",
        "--seeds: takes a whole number of at least 1, got '0'",
        "--search: unknown search 'optun': choose from grid, random, optuna; did",
        "--scheduler: unknown scheduler 'ahsa': choose from none, asha, median; did",
        "--num-samples: takes a whole number from 1 to 1,000,000, got 'many'",
        "--objective: unknown objective 'accuracy': choose from val_accuracy, parameters, macs",
        "--time-budget: takes a time such as",
        "--max-macs: takes a number above 0, got '-1'",
        "--gpus-per-trial: takes a fraction of a GPU (0 to 1), whole GPUs, or auto, got '1.5'",
        "--cpus-per-trial: takes a number of at least 0.0001, got '0'",
        "--set rank is given 2 times; write --set rank=A,B",
        "--name is the name of one folder, got 'a/b'",
        "--json is a format of --plan; add --plan",
        "--top says what --confirm retrains; add --confirm N",
        "unknown space 'low_rnk': choose from quickstart, dense",
    ]
    assert len(told) == len(beginnings)
    for problem, beginning in zip(told, beginnings, strict=True):
        assert problem.startswith(beginning)


@pytest.mark.parametrize("written", ["--batch-size", "--batch_size", "--batch-size=64"])
def test_a_key_that_is_given_as_an_option_is_told_as_a_key(written: str) -> None:
    (problem, *_) = problems("--space", "quickstart", *written.split())
    value = "64" if "=" in written else "VALUE"
    assert problem.endswith(f"a key is set by --set batch_size={value}")


@pytest.mark.parametrize(
    ("flag", "value"), [("--name", "--plan"), ("--results-dir", "--json"), ("--set", "--help")]
)
def test_an_option_is_not_the_value_of_the_one_before_it(flag: str, value: str) -> None:
    """``--name --plan`` started a study named --plan."""
    first, *_ = problems("--space", "quickstart", flag, value)
    assert first == f"{flag} lacks its value: what follows, {value}, is an option itself"
    assert options("--name", "-x", "--results-dir=--plan").name == "-x"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--gpus", "did you mean --gpus-per-trial?"),
        ("--lr", "a key is set by --set learning_rate=VALUE"),
        ("tucker", "a space is named by --space tucker"),
        ("mine.TOML", "a space is named by --space mine.TOML"),
        ("lr=.1", "a key is set by --set learning_rate=.1"),
        ("serach=asha", "did you mean --search?"),
        ("--version", "--help lists what there is"),
        ("=", "unknown argument '='"),
    ],
)
def test_an_unknown_option_is_only_likened_to_a_similar_one(written: str, meant: str) -> None:
    (problem,) = problems("--space", "quickstart", written)
    assert meant in problem
    assert ("did you mean" in problem) == ("did you mean" in meant)


@pytest.mark.parametrize("storage", ["http://key:secret@b/x", "az://b/x", "s3a://b/x"])
def test_a_uri_of_no_storage_is_told_before_it_is_asked(storage: str) -> None:
    (problem,) = problems("--space", "quickstart", "--storage", storage)
    assert f"{storage.partition('/')[0]}// is no storage; known are a folder and s3, gs" in problem
    assert "secret" not in problem


@pytest.mark.parametrize("flag", ["--storage", "--data-dir", "--results-dir", "--address"])
def test_an_empty_value_is_no_value(flag: str) -> None:
    """As a shell writes a variable that is not set."""
    for words in ([flag, ""], [f"{flag}="], [flag, "", "--plan"]):
        (problem,) = problems("--space", "quickstart", *words)
        assert problem == f"{flag} is empty: give it a value, or leave the option out"


def test_a_missing_space_says_where_to_find_one() -> None:
    (problem,) = problems("--plan")
    assert "--list-spaces" in problem


def test_listing_the_spaces_needs_none() -> None:
    assert parse_options(["--list-spaces"]).list_spaces


def test_an_option_without_its_value_is_wrong_use() -> None:
    (problem,) = problems("--space")
    assert problem == "--space lacks its value: nothing follows it"


def test_all_wrong_options_are_told_with_those_that_have_no_value() -> None:
    """Click ended at the first that it could not read."""
    told = problems(*shlex.split("--space quickstart --lr .1 --plan=3 --search foo --data-dir"))
    assert [problem.partition(";")[0].partition(":")[0] for problem in told] == [
        "unknown option '--lr'",
        "--plan takes no value, got '--plan=3'",
        "--data-dir lacks its value",
        "--search",
    ]
    assert told[0].endswith("a key is set by --set learning_rate=.1")


def test_help_fits_eighty_columns_and_names_every_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        parse_options(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for name in list(inspect.signature(command_line._command).parameters)[1:]:
        flag = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
        assert f"{flag} " in text


def test_help_shows_flags_without_a_type(capsys):
    with pytest.raises(SystemExit):
        parse_options(["--help"])
    assert "<bool>" not in capsys.readouterr().out


def test_an_option_of_one_value_is_given_once() -> None:
    told = problems(*shlex.split("--space quickstart --seeds 2 --space=tucker --seeds 3 --plan"))
    assert list(told) == [
        "--space is given 2 times; keep one of them",
        "--seeds is given 2 times; keep one of them",
    ]
    assert options("--reuse-from", "a", "--reuse-from", "b").reuse_from == (Path("a"), Path("b"))


def test_an_option_behind_two_dashes_is_told_as_such() -> None:
    told = problems("--space", "quickstart", "--", "--plan")
    assert list(told) == ["--plan comes after --, where nothing is read as an option; drop the --"]
