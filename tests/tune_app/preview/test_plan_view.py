"""The plan as people and programs read it."""

import json
from pathlib import Path

import pytest

from search_spaces.registry import SPACES
from trainables.config.train_config import TrainConfig
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan
from tune_app.preview.plan_json import plan_json
from tune_app.preview.plan_view import plan_text, spaces_text
from tune_app.preview.progress import StudyProgress


@pytest.fixture(autouse=True)
def _empty_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(name: str, **options) -> Plan:
    return make_plan(RunOptions(space=name, **options), SPACES[name])


@pytest.mark.parametrize("name", SPACES)
def test_every_trial_of_every_space_is_printed_within_eighty_columns(name: str) -> None:
    made = plan(name, search="grid")
    lines = plan_text(made, StudyProgress()).splitlines()
    assert max(map(len, lines)) <= 80
    firsts = [line.split()[0] for line in lines if line.strip()]
    assert {trial.trial_id for trial in made.trials} <= set(firsts)


def test_a_row_shows_searched_keys_sizes_and_routes() -> None:
    lines = plan_text(plan("weight_decay", seeds=1), StudyProgress()).splitlines()
    header = next(line for line in lines if line.startswith("trial"))
    assert header.split() == [
        "trial",
        "scale",
        "scaling",
        "decay",
        "eters",
        "MACs",
        "dense",
        "routes",
    ]
    row = next(line for line in lines if line.startswith("low_rank-713k"))
    assert row.split()[4:7] == ["713k", "39.2M", "10.8%"]
    assert len(row.split()[7]) == 7


def test_the_factors_alone_are_given_where_the_rest_differs() -> None:
    assert "parameters include 11,328 that are never decomposed" in plan_text(
        plan("cp"), StudyProgress()
    )
    narrowed = plan_text(plan("equal_budget"), StudyProgress())
    assert "never decomposed" not in narrowed
    assert (
        "tors" in next(line for line in narrowed.splitlines() if line.startswith("trial")).split()
    )


def test_duplicates_and_infeasible_points_are_named_with_their_reason() -> None:
    text = plan_text(plan("low_rank", max_parameters=90_000), StudyProgress())
    assert "rank_divisor=28" in text
    assert "  rank_divisor=2: 841,984 parameters, --max-parameters 90,000 (4 points)\n" in text
    assert "90,000 leaves out 96 of 120 points; the nearest has 90,560\n" in text


def test_a_space_of_many_keys_puts_them_below_their_trial() -> None:
    settings = {"label_smoothing": (0.0, 0.1), "batch_size": (128, 256), "epochs": (2, 4)}
    text = plan_text(plan("weight_decay", seeds=1, settings=settings), StudyProgress())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    at = next(i for i, line in enumerate(lines) if line.startswith("low_rank-"))
    assert lines[at + 1].startswith("  rank_scale=0.0625, weight_decay_scaling=")
    assert "epochs=" in lines[at + 1] + lines[at + 2]


def test_a_search_that_proposes_as_it_goes_says_so() -> None:
    text = plan_text(plan("dense", search="optuna"), StudyProgress())
    assert "32 points, proposed one by one" in text
    assert "networks of 26,340 to 6,573,120 parameters" in text


def test_the_json_has_the_promised_keys_and_plain_values() -> None:
    made = plan("low_rank", max_parameters=90_000)
    document = json.loads(plan_json(made, StudyProgress()))
    assert list(document) == [
        *("space", "trials", "estimating", "duplicates", "infeasible", "notes", "problems")
    ]
    assert document["space"] == "low_rank"
    assert [trial["id"] for trial in document["trials"]] == [one.trial_id for one in made.trials]
    trial, size = document["trials"][0], made.trials[0].size
    assert trial["config"] == made.trials[0].config.to_dict()
    assert (trial["parameters"], trial["factor_parameters"]) == (
        size.parameters,
        size.parameters - 11_328,
    )
    assert trial["macs"] == size.macs(512)
    assert trial["compression"] == size.parameters / 6_573_120
    assert len(trial["routes"]) == 7
    ids = {one["id"] for one in document["trials"]}
    assert document["duplicates"]
    assert {one["same_as"] for one in document["duplicates"]} <= ids
    assert all(set(one) == {"config", "reason"} for one in document["infeasible"])


def test_every_space_is_listed_with_its_question() -> None:
    lines = spaces_text(SPACES.values()).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(line.strip() for line in lines)
    for name, space in SPACES.items():
        assert f"{name}: " in text
        assert space.question in text


@pytest.mark.seconds  # builds a network of torchvision
def test_a_network_is_told_with_what_can_be_replaced_and_between_which_sizes() -> None:
    settings = {"network": ("torchvision:resnet18",), "image_size": (64,), "dims": (3,)}
    made = plan("shrink", dataset="digits", settings=settings, seeds=1)
    lines = plan_text(made, StudyProgress()).splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in (
        "torchvision:resnet18: 11,181,642 parameters,\n  148,050,944 multiply-adds for 3 x 64 x 64",
        "  replaced 19 of 21 layers: 11,157,504 parameters;\n  24,138 parameters are fixed",
        "at 512 images, dense, in float32",
        "29.4 MB of images, which the trials of a node share",
    ):
        assert part in text
    rows = [line.split() for line in lines if line.startswith("  tucker2 ")]
    sizes = [
        TrainConfig.from_trial(
            {"network": "torchvision:resnet18", "image_size": 64, "layer": "tucker2", "rank": rank}
        )
        .network_size()
        .parameters
        for rank in (1, 512)
    ]
    assert rows == [["tucker2", *(f"{size:,}" for size in sizes)]]
    assert any("tensor_train, dims 3 " in line for line in lines)
    refused = "which is its largest network; its smallest has 63,242 (3 points)"  # three rates
    assert refused in " ".join(text.split())


@pytest.mark.seconds  # builds a network of torchvision
def test_layers_that_were_chosen_by_name_are_told_apart() -> None:
    settings = {"network": ("torchvision:resnet18",), "keep": ("layer4.*", "layer1.*")}
    text = plan_text(plan("shrink", dataset="digits", settings=settings, seeds=1), StudyProgress())
    assert "of 21 layers keep='layer4.*'" in text
    assert "of 21 layers keep='layer1.*'" in text


@pytest.mark.seconds  # builds a network of torchvision
def test_a_ready_space_says_that_another_network_has_no_width() -> None:
    made = plan("dense", dataset="digits", settings={"network": ("torchvision:resnet18",)})
    assert "width" not in {**made.space.fixed, **made.space.keys}
    assert "its question (smallest) is not asked: the space has no key 'width'" in made.notes


def test_a_plan_says_how_many_networks_of_which_sizes_and_what_it_optimises() -> None:
    text = plan_text(plan("quickstart"), StudyProgress())
    assert "8 networks of 4,506 to 103,944 parameters,\n722k to 6.12M multiply-adds" in text
    assert "\nobjective: val_accuracy\n" in text
    several = plan("quickstart", search="optuna", objective=("val_accuracy", "macs"))
    assert "\nobjectives: val_accuracy, macs\n" in plan_text(several, StudyProgress())


def test_every_searched_key_has_a_column_where_the_width_allows() -> None:
    text = plan_text(plan("tucker", settings={"rank_scale": (0.5,)}), StudyProgress())
    header = next(line for line in text.splitlines() if line.startswith("trial"))
    assert {"dims"} <= set(header.split())
    narrow = plan_text(plan("quickstart"), StudyProgress())  # the id names the layer
    assert "layer" not in next(one for one in narrow.splitlines() if one.startswith("trial"))
