"""Replicates, isolation, rungs: what a row stands for."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.record.tables import TableError
from analysis.study.best import best_by_value
from analysis.study.configurations import grid
from analysis.study.confirmation import confirmations
from analysis.study.replicates import replicates, summarize_runs
from analysis.study.rungs import reached_rungs


def test_a_row_is_a_configuration_and_its_numbers_are_those_of_its_seeds(study):
    ours = study("seeds")
    row = replicates(ours).iloc[0]
    trials = ours.trials
    same = (trials["rank_divisor"] == row["rank_divisor"]) & (
        trials["weight_decay_scaling"] == row["weight_decay_scaling"]
    )
    values = trials.loc[same, "val_accuracy_last"]
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert len(replicates(ours)) == 12
    assert (row["n"], row["planned"]) == (5, 5)
    assert (row["mean"], row["sd"]) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert (row["low"], row["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_a_stopped_trial_is_never_averaged_with_a_finished_one(study):
    ours = study("asha")
    finished = ours.trials[ours.trials["status"] == "finished"]
    assert replicates(ours)["n"].sum() == len(finished)
    assert set(replicates(ours)["mean"]) == set(finished["val_accuracy_last"])


def test_a_configuration_half_done_says_how_many_are_missing(study):
    trials = study("twelve").trials.copy()
    trials.loc[0, "status"] = "failed"
    row = summarize_runs(trials, "val_accuracy_last").set_index("label").loc["dense"]
    assert (row["n"], row["planned"]) == (1, 2)
    assert np.isnan(row["sd"])


def test_one_configuration_has_one_id_in_every_study(study):
    ours, theirs = (replicates(study(name)).set_index("label") for name in ("twelve", "one_seed"))
    assert ours.loc["dense", "configuration"] == theirs.loc["dense", "configuration"]


def test_isolation_shows_the_best_of_each_value_and_of_how_many(study):
    frame = best_by_value(study("asha"), "rank")
    finished = study("asha").trials.query("status == 'finished'")
    best = finished.groupby("rank")["val_accuracy_last"].max()
    assert frame["mean"].tolist() == best.tolist()
    assert frame["candidates"].sum() == len(finished)


def test_isolation_of_an_unknown_key_names_the_keys(study):
    with pytest.raises(TableError, match="unknown key 'warmth'; the keys are layer, rank_divisor"):
        best_by_value(study("twelve"), "warmth")


def test_rungs_are_where_trials_were_stopped_and_the_lower_ones_were(study):
    frame = reached_rungs(study("asha"))
    assert sorted(frame["rung"].unique()) == [3, 9]
    assert (
        frame.groupby("rung")["trial_id"].size() == frame.groupby("rung")["reached"].first()
    ).all()
    stopped = frame.groupby(["rung", "stopped"])["place"].mean().unstack()
    assert (stopped[True] > stopped[False]).all()


def test_without_a_scheduler_there_are_no_rungs(study):
    assert len(reached_rungs(study("twelve"))) == 0


def test_confirmations_are_the_test_set_on_fresh_seeds(study):
    frame = confirmations(study("confirmed"))
    assert frame["n"].tolist() == [5, 5, 5]
    assert (frame["validation_images"] == 0).all()
    assert len(replicates(study("confirmed"))) == 6


@pytest.mark.parametrize("name", ["empty", "all_failed"])
@pytest.mark.parametrize("read", [replicates, reached_rungs, grid, confirmations])
def test_frames_of_nothing_have_no_rows_and_all_columns(study, name, read):
    nothing, full = read(study(name)), read(study("confirmed"))
    assert list(nothing) == list(full)
    if read is not grid:
        assert len(nothing) == 0
    numbers = [column for column in full if pd.api.types.is_numeric_dtype(full[column])]
    assert all(pd.api.types.is_numeric_dtype(nothing[column]) for column in numbers)
