"""The ledger's reader keeps what is good and names what is not."""

import pytest

from analysis.record.parallel_read import read_columns
from analysis.record.record import RecordError, encode, read_record
from analysis.record.rows import Ended, Epoch, Opened
from trainables.files.study_folder import LEDGER

ROWS = (
    Opened(format=1, name="tucker", time=1.0),
    Epoch(
        trial_id="a",
        attempt=0,
        time=2.0,
        epoch=1,
        train_loss=1.5,
        train_accuracy=0.4,
        val_accuracy=0.5,
    ),
    Ended(trial_id="a", attempt=0, time=3.0, status="finished", epoch=1),
)


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / LEDGER
    path.write_bytes(encode(ROWS))
    return path


def test_what_is_written_is_read(ledger):
    record = read_record(ledger.parent)
    assert record.rows == ROWS
    assert (record.damage, record.torn) == ((), None)


def test_a_torn_last_line_is_told_apart_from_damage(ledger):
    ledger.write_bytes(ledger.read_bytes() + b'{"type":"ended","tri')
    record = read_record(ledger.parent)
    assert record.rows == ROWS
    assert record.torn == '{"type":"ended","tri'


def test_a_damaged_line_in_the_middle_is_reported_and_the_rest_kept(ledger):
    first, _, *rest = ledger.read_bytes().split(b"\n")
    ledger.write_bytes(b"\n".join([first, b'{"type":"epoch","\x00', *rest]))
    record = read_record(ledger.parent)
    assert record.rows == (ROWS[0], ROWS[2])
    assert [(damage.line, damage.content) for damage in record.damage] == [
        (2, '{"type":"epoch","\x00')
    ]


def test_a_folder_without_a_ledger_is_no_study(tmp_path):
    with pytest.raises(RecordError, match=r"holds no ledger\.jsonl"):
        read_record(tmp_path)


def test_a_newer_format_is_refused(ledger):
    ledger.write_bytes(encode([Opened(format=99, name="tucker", time=1.0)]))
    with pytest.raises(RecordError, match="format 99, this version reads up to 1"):
        read_record(ledger.parent)


def test_rows_of_another_study_are_told(ledger):
    """They were counted as this one's: two ledgers in one file, as after a merge of folders."""
    first, other = (Opened(format=1, name="t", time=1.0, study_id=name) for name in ("ab", "cd"))
    ledger.write_bytes(encode([first, first]))  # as when a copy was appended
    assert len(read_record(ledger.parent).rows) == 2
    ledger.write_bytes(encode([first, other]))
    for read in (read_record, read_columns):
        with pytest.raises(
            RecordError, match=r"the rows of 2 studies \(ab, cd\): keep those of one"
        ):
            read(ledger.parent)


def test_a_field_of_a_later_version_is_passed_over(ledger):
    ledger.write_bytes(b'{"type":"opened","format":1,"name":"t","time":1.0,"mood":"good"}\n')
    assert read_record(ledger.parent).rows == (Opened(format=1, name="t", time=1.0),)
