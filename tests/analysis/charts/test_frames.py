"""What each chart's frame says, against numbers worked out beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.charts import (
    curves,
    generalization_gap,
    heat_map,
    importances,
    isolation,
    losses,
    parallel,
    range_edges,
    rank_accuracy,
    rungs,
    size_accuracy,
    slots,
)
from analysis.charts.metric_label import scored_trials
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import write_study


def test_stopped_trials_are_judged_by_nobody(study):
    rows = scored_trials(study("asha"))
    assert set(rows["status"]) == {"finished"}


def test_a_study_judged_on_the_test_set_says_so_in_capitals(study):
    assert set(scored_trials(study("test_set"))["measure"]) == {
        "TEST-SET accuracy · protocol original_tt"
    }


def test_the_front_rises_with_size_and_its_probabilities_are_probabilities(study):
    frame = size_accuracy.size_accuracy(study("twelve"))
    assert frame["size"].is_monotonic_increasing
    assert frame["front"].is_monotonic_increasing
    assert frame["probability"].between(0, 1).all()
    best = frame.loc[frame["accuracy"].idxmax()]
    assert best["on_front"]


def test_one_seed_gives_a_front_without_probabilities(study):
    frame = size_accuracy.size_accuracy(study("one_seed"))
    assert frame["probability"].isna().all()
    assert "With one run of each" in size_accuracy.caption(frame)


def test_latencies_of_one_machine_alone_are_compared(study):
    frame = size_accuracy.size_accuracy(study("measured"), "latency_ms")
    assert dict(zip(frame["layer"], frame["size"], strict=True)) == {"separable": 3.0, "dense": 8.0}


def test_the_curves_of_few_trials_are_all_drawn(study):
    frame = curves.curves(study("twelve"))
    runs = frame[frame["part"] == "run"]
    assert runs["trial_id"].nunique() == 12
    assert len(runs) == len(study("twelve").epochs)


def test_of_many_trials_families_are_summed_up_and_their_best_drawn(study):
    frame = curves.curves(study("asha"))
    assert set(frame["part"]) == {"middle", "stop", "run"}
    assert frame.loc[frame["part"] == "run", "trial_id"].nunique() == frame["layer"].nunique()
    middle = frame[frame["part"] == "middle"]
    assert (middle["low"] <= middle["accuracy"]).all()
    assert (middle["accuracy"] <= middle["high"]).all()
    assert "Summary of 90 trials" in curves.caption(frame)


def test_a_stopped_trial_is_marked_at_its_last_epoch(study):
    frame = curves.curves(study("asha"))
    stops = frame[frame["part"] == "stop"].set_index("trial_id")["epoch"]
    trials = study("asha").trials.set_index("trial_id")
    expected = trials.loc[trials["status"] == "stopped", "epochs_run"]
    assert stops.to_dict() == expected.to_dict()


def test_runs_of_one_epoch_are_points(tmp_path):
    configs = [{"layer": "dense", "epochs": 1, "seed": seed} for seed in (0, 1)]
    frame = curves.curves(load_study(write_study(tmp_path / "s", configs, space=spaces.FAMILIES)))
    marks = [one["mark"] for one in curves.draw(frame).to_dict()["layer"] if "mark" in one]
    assert any(mark["type"] == "point" and mark.get("filled") for mark in marks)


def test_no_interval_is_drawn_beyond_what_an_accuracy_can_be(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": rank, "epochs": 1, "seed": seed}
        for rank in (8, 32)
        for seed in (0, 1)
    ]
    folder = write_study(tmp_path / "wild", configs, space=spaces.FAMILIES, model=Model(noise=0.2))
    wild = load_study(folder)
    for frame in (
        replicates(wild),
        size_accuracy.size_accuracy(wild),
        rank_accuracy.rank_accuracy(wild),
    ):
        assert frame["low"].min() >= 0
        assert frame["high"].max() == 1


def test_a_curve_of_the_original_plot_is_the_mean_over_its_seeds(study):
    frame = rank_accuracy.rank_accuracy(study("seeds"))
    assert set(frame["curve"]) == {"α = 0", "α = 1"}
    trials = study("seeds").trials
    ours = trials[(trials["rank_divisor"] == 8) & (trials["weight_decay_scaling"] == 1)]
    row = frame[(frame["curve"] == "α = 1") & (frame["rank"] == 8)].iloc[0]
    assert row["accuracy"] == pytest.approx(ours["val_accuracy_last"].mean())
    assert row["runs"] == 5
    assert row["low"] < row["accuracy"] < row["high"]


def test_a_merged_duplicate_fills_its_cell_of_the_heat_map(study):
    sweep = study("sweep")
    assert len(sweep.aliases)
    frame = heat_map.heat_map(sweep)
    assert len(frame) == 12 * 4  # every rank × dims that was asked for
    assert frame["ratio"].iloc[0] == pytest.approx(
        100 * frame["accuracy"].iloc[0] / (frame["parameters"].iloc[0] / 1000)
    )


def test_a_confirmed_configuration_has_all_three_accuracies(study):
    frame = generalization_gap.generalization_gap(study("confirmed"))
    wide = frame.pivot_table(index="configuration", columns="set", values="accuracy")
    assert wide.dropna().shape == (3, 3)
    assert (wide["training"] > wide["validation"]).all()


def test_a_training_accuracy_below_the_validation_accuracy_is_said_to_be_below(study):
    frame = generalization_gap.generalization_gap(study("twelve"))
    assert "Training accuracy lies 3.0 points above" in generalization_gap.caption(frame)
    lower = frame["accuracy"].where(frame["set"] != "training", frame["accuracy"] - 0.05)
    assert "Training accuracy lies 2.0 points below" in generalization_gap.caption(
        frame.assign(accuracy=lower)
    )


def test_isolation_keeps_the_best_of_each_value(study):
    frame = isolation.isolation(study("twelve"))
    best = frame[(frame["key"] == "layer") & (frame["part"] == "best")].set_index("label")
    for layer, group in replicates(study("twelve")).groupby("layer"):
        assert best.loc[layer, "accuracy"] == pytest.approx(group["mean"].max())
        assert best.loc[layer, "candidates"] == len(group)


def test_parallel_coordinates_place_every_value_within_its_axis(study):
    frame = parallel.parallel(study("asha"))
    lines = frame[frame["part"] == "line"]
    assert lines["at"].between(-0.001, 1.001).all()
    assert lines["trial_id"].nunique() == len(scored_trials(study("asha")))


def test_parallel_coordinates_leave_out_a_key_that_a_trial_does_not_have(study):
    frame = parallel.parallel(study("scales"))
    lines = frame[(frame["part"] == "line") & (frame["axis"] == "rank_scale")]
    assert set(lines["label"]) == {"0.2", "0.5"}
    assert lines["trial_id"].nunique() == 4  # the two separable trials have none


def test_a_large_study_is_thinned_and_the_caption_says_so(study):
    frame = parallel.parallel(study("many"))
    lines = frame[frame["part"] == "line"]
    assert lines["trial_id"].nunique() <= parallel.MANY + 1
    assert lines.loc[lines["best"], "layer"].nunique() == 4
    assert f"of the other {len(scored_trials(study('many'))) - 94:,} in grey" in parallel.caption(
        frame
    )


def test_the_rungs_count_those_who_came_and_those_who_were_stopped(study):
    frame = rungs.rungs(study("asha"))
    first = frame[frame["rung"] == 3]
    assert len(first) == 90
    assert (first["fate"] == "stopped").sum() == (study("asha").trials["epochs_run"] == 3).sum()
    assert first["at"].between(0, 1).all()


def test_no_two_attempts_hold_a_slot_at_once(study):
    frame = slots.slots(study("many")).sort_values(["slot", "start"])
    overlap = frame.groupby("slot")["end"].shift() - frame["start"]
    assert (overlap.dropna() <= 1e-9).all()
    assert frame["slot"].max() <= 4


def test_a_pause_between_two_runs_takes_no_room(study):
    whole = study("twelve")
    late = whole.tables.attempts.copy()
    second = late.index >= 6
    late.loc[second, ["started", "ended"]] += 86_400.0
    split = type(whole)(**{**vars_of(whole), "tables": replace_attempts(whole.tables, late)})
    day = slots.slots(split)
    assert day["end"].max() * slots.UNITS[day["unit"].iloc[0]] < 3600


def vars_of(study):
    names = ("folder", "name", "info", "tables", "ledger_bytes", "held")
    return {name: getattr(study, name) for name in names if hasattr(study, name)}


def replace_attempts(tables, attempts):
    return type(tables)(**{**tables.__dict__, "attempts": attempts})


def test_a_best_value_at_the_end_of_its_range_is_flagged(study):
    frame = range_edges.range_edges(study("edge"))
    rate = frame[frame["key"] == "learning_rate"].iloc[0]
    assert rate["edge"]
    assert rate["at"] == pytest.approx(1)
    assert "Widen the range of learning_rate: best at the upper edge" in range_edges.caption(frame)


def test_lost_trials_are_counted_by_family_and_by_rate(study):
    frame = losses.losses(study("many"))
    assert set(frame["kind"]) == {"family", "learning rate"}
    for _, rows in frame.groupby("kind"):
        assert rows["count"].sum() == 40  # 20 diverged, 20 failed
    assert "20 diverged, 20 failed (4.0 % lost)" in losses.caption(frame)


def test_frames_hold_plain_numbers_only(study):
    frame = size_accuracy.size_accuracy(study("many"))
    assert np.isfinite(frame[["size", "accuracy", "front"]]).all().all()
    assert not any(pd.api.types.is_object_dtype(kind) for kind in frame.dtypes)


def test_every_chart_shows_the_best_that_the_sentence_names(tmp_path):
    """What was lucky on choosing seeds is nobody's best once fresh seeds judged another."""
    keys = {
        "layer": spaces._choice("dense", "tensor_train", "tucker"),
        "dims": spaces._choice(2, 3, layer=("tensor_train", "tucker")),
        "rank": spaces._choice(4, 8, layer=("tensor_train", "tucker")),
        "learning_rate": {**spaces._choice(0.1, 0.2), "role": "carried"},
    }
    networks = [{"layer": "dense"}, {"layer": "dense", "width": 32}]
    networks += [
        {"layer": layer, "dims": dims, "rank": rank}
        for layer in ("tensor_train", "tucker")
        for dims in (2, 3)
        for rank in (4, 8)
    ]
    configs = [
        {**network, "learning_rate": rate, "epochs": 2, "seed": seed}
        for network in networks
        for rate in (0.1, 0.2)
        for seed in ((0, 1) if rate == 0.2 else (0, 1, 1000, 1001))
    ]

    class Lucky(Model):
        def draw(self, config, size, rng):
            lucky = 0.05 * (config.seed < 1000) + 0.01 * (config.learning_rate == 0.2)
            return 0.8 + lucky + size.parameters / 1e8

    study = load_study(
        write_study(tmp_path, configs, space={**spaces.FAMILIES, "keys": keys}, model=Lucky())
    )
    fresh = replicates(study).query("estimated")
    assert set(fresh["learning_rate"]) == {0.1}
    means = {round(mean, 9) for mean in fresh["mean"]}
    points = isolation.isolation(study).query("part == 'best' and key != 'learning_rate'")
    assert {round(value, 9) for value in points["accuracy"]} <= means
    for frame in (rank_accuracy.rank_accuracy(study), heat_map.heat_map(study)):
        assert {round(value, 9) for value in frame["accuracy"]} <= means
    gaps = generalization_gap.generalization_gap(study).query("set == 'validation'")
    assert {round(value, 9) for value in gaps["accuracy"]} <= means
    full = fresh[fresh["layer"] == "dense"]["mean"].max()
    for size in ("parameters", "macs", "train_seconds"):
        frame = size_accuracy.size_accuracy(study, size)
        assert frame.loc[frame["dense"], "accuracy"].tolist() == [full]
        assert frame.loc[frame["narrow"], "accuracy"].is_monotonic_increasing
    roles = importances.importances(study).set_index("key")["role"]
    assert roles["learning_rate"] == "carried"


def test_a_dense_network_that_is_narrower_than_the_whole_is_named_so(study):
    rows = size_accuracy.size_accuracy(study("twelve"))
    assert rows.loc[rows["dense"], "compression"].tolist() == [1.0]
    assert '"label": "dense ' in size_accuracy.draw(rows).to_json()
    narrower = rows.assign(compression=rows["compression"] / 2)
    assert '"label": "largest dense ' in size_accuracy.draw(narrower).to_json()
