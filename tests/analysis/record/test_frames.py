"""The frames of a study: one shape whatever happened, and every number where it came from."""

import numpy as np
import pandas as pd
import pytest

from analysis.record.dtypes import TRIAL_DTYPES
from analysis.record.frames import build_tables
from analysis.record.parallel_read import read_columns
from analysis.record.rows import Alias, Closed, Ended, Epoch, Planned, Run, Started
from analysis.study.configurations import grid
from analysis.study.study import load_study
from tests.analysis.studies import STUDIES
from tests.ledger import write_ledger
from trainables.config.train_config import TrainConfig

TABLES = ("trials", "epochs", "aliases", "infeasible", "attempts", "runs", "damage")
CONFIG = TrainConfig().to_dict()


def write(folder, *rows):
    return load_study(write_ledger(folder, Run(0.0, "cmd", 1), *rows))


def planned(name="a"):
    return Planned(name, CONFIG, 100, 5.0, 0.5)


def epoch(number, attempt=1, accuracy=0.5, name="a"):
    return Epoch(name, attempt, float(number), number, 1.0, 0.4, 1.0, accuracy, train_seconds=2.0)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_columns_and_types_of_a_full_one_whatever_happened(study, name, table):
    full = getattr(study("twelve"), table).dtypes
    assert list(getattr(study(name), table).dtypes.items()) == list(full.items())


def test_trials_have_the_promised_columns_in_order(study):
    assert list(study("empty").trials) == list(TRIAL_DTYPES)
    assert {"parameters_budget", "compression_budget"} <= set(TRIAL_DTYPES)


def test_every_way_to_end_has_its_word(study):
    statuses = study("troubled").trials["status"].tolist()
    assert statuses == [
        "finished",
        "finished",
        "diverged",
        "failed",
        "interrupted",
        "never_ran",
    ]


def test_a_trial_that_came_back_says_how_often_it_was_tried(study):
    second = study("troubled").trials.iloc[1]
    assert (second["attempts"], second["epochs_run"], second["error"] is np.nan) == (2, 8, True)
    failed = study("troubled").trials.iloc[3]
    assert (failed["attempts"], failed["error_kind"]) == (3, "exception")
    assert "broken on purpose" in failed["error"]


def test_an_epoch_reported_again_replaces_the_earlier_attempts(tmp_path):
    study = write(
        tmp_path,
        planned(),
        Started("a", 1, 0.0),
        epoch(1),
        epoch(2, accuracy=0.6),
        Ended("a", 1, 3.0, "failed", 2, "exception", "boom", retry=True),
        Started("a", 2, 4.0, epoch=1),
        epoch(2, attempt=2, accuracy=0.7),
        epoch(3, attempt=2, accuracy=0.65),
        Ended("a", 2, 5.0, "finished", 3),
    )
    assert study.epochs["epoch"].tolist() == [1, 2, 3]
    assert study.epochs["val_accuracy"].tolist() == [0.5, 0.7, 0.65]
    trial = study.trials.iloc[0]
    assert (trial["val_accuracy_last"], trial["val_accuracy_best"]) == (0.65, 0.7)
    assert (trial["train_seconds"], trial["epochs_run"]) == (6.0, 3)


def test_a_row_of_an_old_attempt_that_arrives_late_changes_nothing(tmp_path):
    rows = [epoch(1, attempt=2, accuracy=0.7), epoch(1, attempt=1, accuracy=0.1)]
    study = write(tmp_path, planned(), Started("a", 1, 0.0), Started("a", 2, 1.0), *rows)
    assert study.epochs["val_accuracy"].tolist() == [0.7]


def test_without_a_driver_nothing_is_running(tmp_path):
    rows = [planned(), Started("a", 1, 0.0), epoch(1)]
    study = write(tmp_path / "dead", *rows)
    assert study.trials["status"].tolist() == ["interrupted"]
    assert study.attempts["status"].tolist() == ["interrupted"]


def test_with_a_driver_it_is(study):
    assert study("half_done").trials["status"].value_counts().to_dict() == {
        "finished": 6,
        "running": 4,
        "never_ran": 2,
    }


def test_what_an_earlier_driver_left_under_way_is_interrupted_for_the_next(tmp_path):
    rows = [planned(), Started("a", 1, 0.0), epoch(1), Run(9.0, "again", 1)]
    tables = build_tables(read_columns(write(tmp_path, *rows).folder))
    assert tables.trials["status"].tolist() == ["interrupted"]


def test_a_stopped_trial_taken_further_is_what_became_of_it(tmp_path):
    study = write(
        tmp_path,
        planned(),
        Started("a", 1, 0.0),
        epoch(1),
        Ended("a", 1, 1.0, "stopped", 1),
        Closed(2.0, "done"),
        Run(3.0, "again", 1),
        Started("a", 2, 3.0, epoch=1),
        epoch(2, attempt=2),
        Ended("a", 2, 4.0, "finished", 2),
    )
    assert study.trials["status"].tolist() == ["finished"]
    assert study.attempts["status"].tolist() == ["stopped", "finished"]
    assert study.runs["reason"].fillna("").tolist() == ["done", ""]


def test_a_trial_whose_plan_is_damaged_keeps_its_epochs(tmp_path):
    study = write(tmp_path, Started("ghost", 1, 0.0), epoch(1, name="ghost"))
    assert study.trials["trial_id"].tolist() == ["ghost"]
    assert study.epochs["val_accuracy"].tolist() == [0.5]
    assert study.trials["layer"].isna().all()


def test_an_alias_fills_the_hole_in_the_grid_with_its_twins_numbers(tmp_path):
    config = TrainConfig.from_trial({"layer": "low_rank", "rank_divisor": 16}).to_dict()
    twin = Planned("a", config, 100, 5.0, 0.5)
    alias = Alias({"layer": "low_rank", "rank_divisor": 17}, "a")
    frame = grid(write(tmp_path, twin, alias, Started("a", 1, 0.0), epoch(1)))
    assert frame["rank_divisor"].tolist() == [16, 17]
    assert frame["val_accuracy_last"].tolist() == [0.5, 0.5]
    assert frame["alias"].tolist() == [False, True]


def test_an_alias_that_sizes_another_way_does_not_keep_its_twins_way(tmp_path):
    config = TrainConfig.from_trial({"layer": "low_rank", "rank_divisor": 16}).to_dict()
    alias = Alias({"layer": "low_rank", "rank": 4}, "a")
    frame = grid(write(tmp_path, Planned("a", config, 100, 5.0, 0.5), alias))
    assert frame.loc[1, "rank"] == 4
    assert pd.isna(frame.loc[1, "rank_divisor"])


def test_an_alias_of_another_side_of_the_budget_is_no_second_run(tmp_path):
    config = TrainConfig.from_trial({"layer": "low_rank", "compression": 0.1}).to_dict()
    aliases = [Alias({**config, "budget_side": side}, "a") for side in ("below", "above")]
    study = write(tmp_path, Planned("a", config, 100, 5.0, 0.5), *aliases, Started("a", 1, 0.0))
    assert grid(study)["budget_side"].tolist() == ["within"]


def test_keys_that_this_version_does_not_know_are_columns_too(tmp_path):
    config = {**CONFIG, "warp": 9}
    study = write(tmp_path, Planned("a", config, 100, 5.0, 0.5))
    assert study.trials["warp"].tolist() == [9]


def test_a_key_that_had_another_type_is_kept_as_text(tmp_path):
    study = write(tmp_path, Planned("a", {**CONFIG, "dims": "three"}, 100, 5.0, 0.5))
    assert study.trials["dims"].tolist() == ["three"]
