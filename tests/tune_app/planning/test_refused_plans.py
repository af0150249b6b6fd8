"""What no plan is made of: everything that is wrong with a request, told at once."""

import time
from pathlib import Path

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.registry import SPACES
from tests.tune_app.planning.plans import plan, refused, space

NETWORKS = Path(__file__).parents[2] / "fixtures" / "networks"


def test_a_folder_that_is_no_dataset_is_refused() -> None:
    assert "--data-dir" in refused(SPACES["cp"], dataset="folder")[0]


def test_everything_out_of_range_is_told_once() -> None:
    told = refused(
        SPACES["low_rank"],
        settings={
            "rank_divisor": (0, 4, -3),
            "epochs": (0,),
            "lr": (0.1,),
            "schedule": ("dwan",),
            "seed": (0, 1),
        },
    )
    assert len(told) == 5
    assert any("rank_divisor must lie in [1, ∞), got 0" in problem for problem in told)
    assert any("rank_divisor must lie in [1, ∞), got -3" in problem for problem in told)
    assert any("epochs must lie in [1, ∞), got 0" in problem for problem in told)
    assert any("unknown key 'lr'" in problem for problem in told)
    assert any("did you mean 'dawn'" in problem for problem in told)


def test_an_unknown_layer_lists_the_layers_and_the_nearest() -> None:
    (problem,) = refused(SPACES["low_rank"], settings={"layer": ("tuker",)})
    assert "low_rank" in problem
    assert "did you mean 'tucker'" in problem


def test_an_open_ended_search_is_refused_for_what_its_corners_would_break() -> None:
    wild = space({"rank_scale": Key(Float(0.5, 2.0))}, fixed={"layer": "cp"}, search="optuna")
    assert any("rank_scale must lie in (0, 1], got 2.0" in one for one in refused(wild))


def test_a_grid_without_points_names_the_key_and_what_to_do() -> None:
    pointless = space({"rank": Key(Int(1, 8))}, fixed={"layer": "cp"})
    (problem,) = refused(pointless)
    assert problem.startswith("--search grid needs grid points, key 'rank' of space 's' has none")
    assert plan(pointless, settings={"rank": (2, 4)}).search == "grid"


def test_choices_of_a_space_that_do_not_exist_are_refused_together() -> None:
    told = refused(space({"dims": Key(Choice((2,)))}, search="gird", scheduler="asha2"))
    assert "did you mean 'grid'" in told[0]
    assert "did you mean 'asha'" in told[1]


def test_a_number_of_samples_means_nothing_to_a_grid() -> None:
    assert "--num-samples" in refused(SPACES["cp"], num_samples=5)[0]


def test_nothing_is_stopped_by_what_only_the_test_set_could_tell() -> None:
    settings = {"validation_images": (0,)}
    (problem,) = refused(SPACES["cp"], scheduler="asha", settings=settings)
    assert "validation_images=0" in problem
    assert plan(SPACES["cp"], settings=settings).scheduler == "none"


MANY = {
    "learning_rate": (0.1, 0.2, 0.3, 0.4, 0.5),
    "weight_decay": (1e-4, 2e-4, 3e-4, 4e-4, 5e-4),
    "epochs": (1, 2, 3, 4, 5),
    "batch_size": (32, 64, 128, 256, 512),
    "label_smoothing": (0.0, 0.1, 0.2, 0.3, 0.4),
    "width": (8, 16, 24, 32, 40),
    "data_seed": (0, 1, 2, 3, 4),
}
"""With the two keys of tensor_train nine, and 4 million points."""


@pytest.mark.parametrize(
    ("options", "beginning"),
    [
        ({"search": "grid", "settings": MANY}, "more than 100,000 points are too many to list"),
        ({"search": "grid", "settings": MANY, "seeds": 10}, "more than 10,000 points on 10 seeds"),
        (
            {"search": "random", "num_samples": 10**9},
            "more than 100,000 points are too many to list: draw fewer (--num-samples N)",
        ),
        ({"seeds": 1_000_000}, "--seeds takes 1 to 1000, got 1,000,000"),
    ],
)
def test_what_is_too_much_to_list_is_refused_at_once(options: dict, beginning: str) -> None:
    began = time.monotonic()
    (problem,) = refused(SPACES["tensor_train"], **options)
    assert problem.startswith(beginning)
    assert time.monotonic() - began < 10


def test_a_search_over_nine_choices_is_planned_at_once() -> None:
    began = time.monotonic()
    made = plan(SPACES["tensor_train"], search="optuna", settings=MANY)
    assert made.open_ended == 32
    assert time.monotonic() - began < 10


@pytest.mark.seconds  # builds networks
def test_weights_that_do_not_fit_are_named_beside_what_else_is_wrong(tmp_path) -> None:
    import torch

    path = tmp_path / "net.pth"
    torch.save({"0.weight": torch.ones(3), "extra.bias": torch.ones(2)}, path)
    told = refused(
        SPACES["quickstart"],
        settings={
            "network": (f"{NETWORKS / 'ten_lines.py'}:make_net",),
            "weights": (str(path),),
            "epochs": (0,),
            "layer": ("dense",),
            "rank_scale": (None,),
        },
    )
    for words in ("0.weight is (3,)", "extra.bias", "has no 0.bias", "epochs must lie in [1"):
        assert any(words in problem for problem in told)
