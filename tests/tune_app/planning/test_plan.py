"""The plan: what a space comes down to before anything starts."""

from pathlib import Path

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.registry import SPACES
from tests.image_folder import write_images
from tests.tune_app.planning.plans import plan, space
from tune_app.command.errors import UsageError
from tune_app.preview.plan_view import plan_text
from tune_app.preview.progress import StudyProgress


def test_a_scheduler_that_judges_every_epoch_wants_each_reported() -> None:
    with pytest.raises(UsageError, match="asha judges every epoch"):
        plan(SPACES["quickstart"], scheduler="asha", epochs_per_report=2)
    assert plan(SPACES["quickstart"], scheduler="none", epochs_per_report=2).trials


def test_divisors_28_and_27_build_one_network_and_so_do_30_and_29() -> None:
    sweep = plan(SPACES["low_rank"], seeds=1)
    assert (len(sweep.trials), len(sweep.duplicates), len(sweep.infeasible)) == (56, 4, 0)
    assert {one.config["rank_divisor"] for one in sweep.duplicates} == {28, 30}
    ids = {trial.trial_id: trial.config.rank_divisor for trial in sweep.trials}
    assert {ids[one.same_as] for one in sweep.duplicates} == {27, 29}


def test_tucker_scales_whose_ranks_agree_and_dims_that_reshape_alike_are_merged() -> None:
    assert len(plan(SPACES["tucker"]).trials) + len(plan(SPACES["tucker"]).duplicates) == 72
    assert len(plan(SPACES["tucker"]).duplicates) > 0
    alike = space({"dims": Key(Choice((1, 2)))}, fixed={"layer": "tensor_train", "rank": 4})
    (duplicate,) = plan(alike).duplicates
    assert duplicate.config["dims"] == 2


def test_a_budget_and_the_rank_it_comes_to_are_one_trial() -> None:
    by_rank = plan(space({"rank": Key(Choice((12,)))}, fixed={"layer": "low_rank"}))
    parameters = by_rank.trials[0].size.parameters
    by_size = plan(space({"parameters": Key(Choice((parameters,)))}, fixed={"layer": "low_rank"}))
    assert by_size.trials[0].trial_id == by_rank.trials[0].trial_id


def test_a_budget_that_cannot_be_filled_is_named_with_the_nearest_sizes() -> None:
    tiny = space({"parameters": Key(Choice((11_000, 80_000)))}, fixed={"layer": "low_rank"})
    made = plan(tiny)
    assert [trial.config.parameters for trial in made.trials] == [80_000]
    (rejected,) = made.infeasible
    assert rejected.config["parameters"] == 11_000
    assert "its smallest network has" in rejected.reason


def test_limits_leave_out_larger_networks_and_say_which_limit() -> None:
    limited = plan(SPACES["low_rank"], seeds=1, max_parameters=100_000, max_macs=7.5e6)
    assert all(trial.size.parameters <= 100_000 for trial in limited.trials)
    assert all(trial.size.macs(512) <= 7.5e6 for trial in limited.trials)
    assert len(limited.trials) + len(limited.infeasible) + len(limited.duplicates) == 60
    reasons = {one.config["rank_divisor"]: one.reason for one in limited.infeasible}
    assert reasons[2] == (
        "841,984 parameters, --max-parameters 100,000; "
        "45,561,856 multiply-adds, --max-macs 7,500,000"
    )


def test_the_order_is_shuffled_by_the_search_seed_alone() -> None:
    first, again = plan(SPACES["tucker"]), plan(SPACES["tucker"])
    other = plan(SPACES["tucker"], search_seed=1)
    ids = [[trial.trial_id for trial in one.trials] for one in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert sorted(ids[0]) == sorted(ids[2])
    scales = [trial.config.rank_scale for trial in first.trials]
    assert scales != sorted(scales)


def test_every_point_runs_with_every_seed() -> None:
    seeded = plan(SPACES["tensor_train"], seeds=3)
    assert len(seeded.trials) == 3 * 57
    assert {trial.config.seed for trial in seeded.trials} == set(seeded.seeds) == {0, 1, 2}


def test_more_seeds_keep_the_ids_of_the_fewer() -> None:
    few, more = (plan(SPACES["tensor_train"], seeds=seeds) for seeds in (1, 2))
    assert {trial.trial_id for trial in few.trials} < {trial.trial_id for trial in more.trials}


def test_a_random_search_draws_the_points_it_was_asked_for() -> None:
    drawn = plan(SPACES["weight_decay"], search="random", num_samples=20, seeds=1)
    assert len(drawn.trials) + len(drawn.duplicates) == 20
    scales = {trial.config.rank_scale for trial in drawn.trials}
    assert not scales & set(SPACES["weight_decay"].keys["rank_scale"].domain.grid)


def test_a_searcher_is_asked_for_no_more_points_than_the_space_has() -> None:
    keys = {"width": Key(Choice((4, 8))), "batch_size": Key(Int(64, 66))}
    few = space(keys, fixed={"dataset": "digits", "layer": "dense"}, search="optuna")
    assert plan(few).open_ended == 6
    assert plan(few, num_samples=5).open_ended == 5
    real = space({**keys, "learning_rate": Key(Float(0.1, 0.2))}, search="optuna")
    assert plan(real).open_ended == 32


def test_a_searcher_that_proposes_as_it_goes_has_no_list() -> None:
    open_ended = plan(SPACES["dense"], search="optuna", scheduler="asha", num_samples=7)
    assert (open_ended.search, open_ended.scheduler) == ("optuna", "asha")
    assert (open_ended.trials, open_ended.open_ended) == ((), 7)
    widths = {trial.config.width for trial in open_ended.examples}
    assert {4, 64} <= widths
    assert len({trial.config.seed for trial in open_ended.examples}) == 1


def test_values_left_open_are_resolved_in_every_trial() -> None:
    for trial in plan(SPACES["cp"]).trials:
        assert trial.config.precision in ("bf16", "fp32")
        assert trial.config.classes == 10


def test_a_folder_of_images_decides_the_number_of_classes(tmp_path: Path) -> None:
    images = write_images(tmp_path, {"train": 1, "test": 1}, ("cat", "dog", "eel"))
    made = plan(SPACES["cp"], dataset="folder", data_dir=images)
    assert {trial.config.classes for trial in made.trials} == {3}


def test_where_no_width_fills_a_budget_both_neighbours_run() -> None:
    keys = {
        "layer": Key(Choice(("dense", "separable", "low_rank"))),
        "compression": Key(Choice((0.01, 0.03))),
    }
    made = plan(space(keys))
    dense = {
        (trial.config.compression, trial.config.budget_side): trial.size.compression
        for trial in made.trials
        if trial.config.layer == "dense"
    }
    assert set(dense) == {(0.01, "below"), (0.01, "above"), (0.03, "within")}
    assert dense[0.01, "below"] < 0.0097 < 0.01 < dense[0.01, "above"]
    assert len(made.trials) == 3 + 2 + 2
    assert made.infeasible == ()
    assert made.notes == (
        "dense: where no width fills a budget, the one below and the one above it run, and a claim "
        "holds against the larger",
    )
    text = plan_text(made, StudyProgress())
    assert text.count("dense-") + text.count("separable-") == 5


@pytest.mark.parametrize("layers", [("low_rank", "tensor_train"), ("tensor_train", "low_rank")])
def test_one_network_that_two_families_write_is_one_trial(layers: tuple[str, str]) -> None:
    keys = {
        "layer": Key(Choice(layers)),
        "compression": Key(Choice((0.03, 0.1))),
        "dims": Key(Choice((2, 3)), when={"layer": ("tensor_train",)}),
    }
    made = plan(space(keys), seeds=2)
    assert len(made.trials) == 2 * (2 + 2)  # dims 2 is low_rank, dims 3 is not
    ids = {trial.trial_id: trial.config for trial in made.trials}
    assert len(made.duplicates) == 4
    for one in made.duplicates:
        assert one.config["layer"] == layers[1]
        same = ids[one.same_as]
        assert same.layer == layers[0]
        assert (same.compression, same.seed) == (one.config["compression"], one.config["seed"])
        assert one.own.startswith("low_rank-" if layers[1] == "low_rank" else "tensor_train-d2-")
    alone = plan(space({**keys, "layer": Key(Choice(("tensor_train",)))}), seeds=2)
    assert alone.duplicates == ()  # and its ids are its own
    assert {one.trial_id for one in alone.trials if one.twin} == {
        one.own if layers[0] == "low_rank" else one.same_as for one in made.duplicates
    }


def test_under_the_protocols_of_2018_the_two_are_drawn_apart() -> None:
    keys = {"layer": Key(Choice(("low_rank", "tensor_train")))}
    fixed = {"rank": 4, "dims": 2, "protocol": "original_tt"}
    assert len(plan(space(keys, fixed=fixed)).trials) == 2
