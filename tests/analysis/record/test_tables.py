"""Tables on disk: the same numbers, never stale, and clear where they fall short."""

import shutil

import pandas as pd
import pytest

from analysis.record.record import encode
from analysis.record.rows import Started
from analysis.record.tables import TABLES, TableError
from analysis.study.replicates import replicates
from analysis.study.study import load_study, write_study_tables
from tests.analysis.studies import STUDIES, twelve
from trainables.files.study_folder import LEDGER


@pytest.mark.parametrize("name", STUDIES)
def test_tables_give_back_what_the_ledger_gave(study_folder, tmp_path, name):
    folder = shutil.copytree(study_folder(name), tmp_path / name)
    ours = load_study(folder)
    write_study_tables(ours)
    again = load_study(folder)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again.tables, table), getattr(ours.tables, table))


def test_csv_holds_the_same_rows_for_people(tmp_path):
    ours = load_study(twelve(tmp_path))
    write_study_tables(ours)
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert list(trials) == list(ours.trials)
    assert trials["val_accuracy_last"].tolist() == ours.trials["val_accuracy_last"].tolist()


def test_tables_older_than_the_ledger_are_not_believed(tmp_path):
    ours = load_study(twelve(tmp_path))
    write_study_tables(ours)
    trial = ours.trials["trial_id"].iloc[0]
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(encode([Started(trial, 2, 1.9e9)]))
    assert load_study(tmp_path).trials["attempts"].iloc[0] == 2


def test_a_row_written_while_tables_are_made_makes_them_stale(tmp_path):
    ours = load_study(twelve(tmp_path))
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(encode([Started(ours.trials["trial_id"].iloc[0], 2, 1.9e9)]))
    write_study_tables(ours)
    assert load_study(tmp_path).trials["attempts"].iloc[0] == 2


def test_a_damaged_table_is_built_again_from_the_ledger(tmp_path):
    ours = load_study(twelve(tmp_path))
    write_study_tables(ours)
    (tmp_path / "epochs.parquet").write_bytes(b"no parquet")
    pd.testing.assert_frame_equal(load_study(tmp_path).epochs, ours.epochs)


def test_trials_and_epochs_alone_are_a_study(tmp_path):
    ours = load_study(twelve(tmp_path / "study"))
    write_study_tables(ours)
    sent = tmp_path / "sent"
    sent.mkdir()
    for name in ("trials.parquet", "epochs.parquet"):
        shutil.copy(ours.folder / name, sent)
    pd.testing.assert_frame_equal(replicates(load_study(sent)), replicates(ours))
    assert len(load_study(sent).aliases) == 0


def test_a_damaged_table_without_a_ledger_is_said_to_be_one(tmp_path):
    ours = load_study(twelve(tmp_path))
    write_study_tables(ours)
    (tmp_path / "trials.parquet").write_bytes(b"no parquet")
    (tmp_path / LEDGER).unlink()
    with pytest.raises(TableError, match=r"no Parquet .* and no ledger to build it from"):
        load_study(tmp_path)


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    ours = load_study(twelve(tmp_path))
    write_study_tables(ours)
    ours.trials.drop(columns="val_accuracy_last").to_parquet(tmp_path / "trials.parquet")
    (tmp_path / LEDGER).unlink()
    with pytest.raises(
        TableError, match=r"trials.parquet has no column 'val_accuracy_last'; it has"
    ):
        load_study(tmp_path)
