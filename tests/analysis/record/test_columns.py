"""The ledger read as columns says what the ledger read as rows says."""

import msgspec
import numpy as np
import pytest

from analysis.record.columns import GROUPS, NUMBERS
from analysis.record.parallel_read import read_columns
from analysis.record.record import RecordError, encode, read_record
from analysis.record.rows import Epoch, EpochResult, Opened
from tests.analysis.studies import STUDIES
from trainables.files.study_folder import LEDGER


def epoch(trial_id="a", **values) -> Epoch:
    known = {"attempt": 1, "time": 2.0, "epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4}
    return Epoch(trial_id=trial_id, **{**known, **values})


@pytest.fixture
def ledger(tmp_path):
    return lambda content: (tmp_path / LEDGER).write_bytes(content) and tmp_path


@pytest.mark.parametrize("name", STUDIES)
def test_columns_hold_every_number_of_every_epoch(study_folder, name):
    rows = read_record(study_folder(name)).rows
    columns = read_columns(study_folder(name))
    epochs = [row for row in rows if isinstance(row, Epoch)]
    assert columns.rows == tuple(row for row in rows if not isinstance(row, Epoch))
    assert [columns.trials[code] for code in columns.codes] == [row.trial_id for row in epochs]
    for number in NUMBERS:
        expected = np.array([getattr(row, number) for row in epochs], dtype=float)
        np.testing.assert_array_equal(columns.numbers[number], expected)
    for group in GROUPS:
        rates = np.array([row.learning_rates.get(group) for row in epochs], dtype=float)
        np.testing.assert_array_equal(columns.learning_rates[group], rates)


def test_a_parameter_group_that_turns_up_late_gets_its_column(ledger):
    rows = [epoch(learning_rates={"factors": 0.1}), epoch(epoch=2, learning_rates={"head": 0.2})]
    columns = read_columns(ledger(encode(rows)))
    np.testing.assert_array_equal(columns.learning_rates["head"], [np.nan, 0.2])
    np.testing.assert_array_equal(columns.learning_rates["factors"], [0.1, np.nan])


def test_a_search_reads_every_epoch_without_its_rates(study_folder):
    folder = study_folder("twelve")
    everything, needed = read_record(folder).rows, read_record(folder, rates=False).rows
    for whole, lean in zip(everything, needed, strict=True):
        if isinstance(whole, Epoch):
            assert type(lean) is EpochResult
            shared = {name: getattr(whole, name) for name in EpochResult.__struct_fields__}
            assert shared == msgspec.structs.asdict(lean)
        else:
            assert lean == whole


def test_a_torn_last_line_is_told_apart_from_damage(ledger):
    whole = encode([Opened(1, "x", 1.0), epoch()])
    columns = read_columns(ledger(whole + b'{"type":"epoch","tri'))
    assert (columns.torn, columns.damage) == ('{"type":"epoch","tri', ())
    assert len(columns.codes) == 1


@pytest.mark.parametrize(
    "broken", [b'{"type":"epoch","\x00', b'{"type":"ended"}', b"", b"  ", b"[]"]
)
def test_a_damaged_line_is_reported_with_its_number_and_the_rest_kept(ledger, broken):
    first, second = encode([epoch()]), encode([epoch(epoch=2)])
    columns = read_columns(ledger(first + broken + b"\n" + second))
    assert [damage.line for damage in columns.damage] == [2]
    assert columns.damage[0].content == broken.decode()
    assert list(columns.numbers["epoch"]) == [1, 2]


def test_epochs_of_a_newer_writer_keep_what_this_version_knows(ledger):
    line = msgspec.json.decode(encode([epoch()]))
    columns = read_columns(ledger(msgspec.json.encode({**line, "energy_joules": 3.0}) + b"\n"))
    assert list(columns.numbers["train_loss"]) == [1.5]


def test_a_folder_without_a_ledger_is_no_study(tmp_path):
    with pytest.raises(RecordError, match=r"is no study: it holds no ledger\.jsonl"):
        read_columns(tmp_path)


def test_a_newer_format_is_refused_with_both_numbers(ledger):
    folder = ledger(encode([Opened(99, "x", 1.0)]))
    with pytest.raises(RecordError, match="format 99, this version reads up to 1"):
        read_columns(folder)
