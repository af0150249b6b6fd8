"""Replicates, isolation, rungs: what a row stands for."""

import operator

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.record.tables import TableError
from analysis.study.configurations import isolation, replicates
from analysis.study.confirmation import confirmations


def test_a_row_is_a_configuration_and_its_numbers_are_those_of_its_seeds(study):
    ours = study("seeds")
    row = ours.replicates.iloc[0]
    trials = ours.trials
    same = (trials["rank_divisor"] == row["rank_divisor"]) & (
        trials["weight_decay_scaling"] == row["weight_decay_scaling"]
    )
    values = trials.loc[same, "val_accuracy_last"]
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert len(ours.replicates) == 12
    assert (row["n"], row["planned"]) == (5, 5)
    assert (row["mean"], row["sd"]) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert (row["low"], row["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_a_stopped_trial_is_never_averaged_with_a_finished_one(study):
    ours = study("asha")
    finished = ours.trials[ours.trials["status"] == "finished"]
    assert ours.replicates["n"].sum() == len(finished)
    assert set(ours.replicates["mean"]) == set(finished["val_accuracy_last"])


def test_a_configuration_half_done_says_how_many_are_missing(study):
    trials = study("twelve").trials.copy()
    trials.loc[0, "status"] = "failed"
    row = replicates(trials, "val_accuracy_last").set_index("label").loc["dense"]
    assert (row["n"], row["planned"]) == (1, 2)
    assert np.isnan(row["sd"])


def test_one_configuration_has_one_id_in_every_study(study):
    ours, theirs = (study(name).replicates.set_index("label") for name in ("twelve", "one_seed"))
    assert ours.loc["dense", "configuration"] == theirs.loc["dense", "configuration"]


def test_isolation_shows_the_best_of_each_value_and_of_how_many(study):
    frame = study("asha").isolation("rank")
    finished = study("asha").trials.query("status == 'finished'")
    best = finished.groupby("rank")["val_accuracy_last"].max()
    assert frame["mean"].tolist() == best.tolist()
    assert frame["candidates"].sum() == len(finished)


def test_isolation_of_an_unknown_key_names_the_keys(study):
    with pytest.raises(TableError, match="unknown key 'warmth'; the keys are layer, rank_divisor"):
        isolation(study("twelve").replicates, "warmth")


def test_rungs_are_where_trials_were_stopped_and_the_lower_ones_were(study):
    frame = study("asha").rungs
    assert sorted(frame["rung"].unique()) == [3, 9]
    assert (
        frame.groupby("rung")["trial_id"].size() == frame.groupby("rung")["reached"].first()
    ).all()
    stopped = frame.groupby(["rung", "stopped"])["place"].mean().unstack()
    assert (stopped[True] > stopped[False]).all()


def test_without_a_scheduler_there_are_no_rungs(study):
    assert len(study("twelve").rungs) == 0


def test_confirmations_are_the_test_set_on_fresh_seeds(study):
    frame = confirmations(study("confirmed"))
    assert frame["n"].tolist() == [5, 5, 5]
    assert (frame["validation_images"] == 0).all()
    assert len(study("confirmed").replicates) == 6


@pytest.mark.parametrize("name", ["empty", "all_failed"])
@pytest.mark.parametrize("frame", ["replicates", "rungs", "grid", "confirmations"])
def test_frames_of_nothing_have_no_rows_and_all_columns(study, name, frame):
    read = confirmations if frame == "confirmations" else operator.attrgetter(frame)
    nothing, full = read(study(name)), read(study("confirmed"))
    assert list(nothing) == list(full)
    if frame not in ("grid",):
        assert len(nothing) == 0
    numbers = [column for column in full if pd.api.types.is_numeric_dtype(full[column])]
    assert all(pd.api.types.is_numeric_dtype(nothing[column]) for column in numbers)
