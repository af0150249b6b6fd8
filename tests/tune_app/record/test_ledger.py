"""The ledger keeps what it acknowledged."""

import errno
import resource
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.record.record import encode, read_record
from analysis.record.rows import Ended, Epoch, Opened, Run
from trainables.files.study_folder import LEDGER
from tune_app.record import ledger as module
from tune_app.record.ledger import Ledger, LedgerError


def epoch(number: int, trial: str = "a") -> Epoch:
    return Epoch(trial, 1, time=1.0, epoch=number, train_loss=0.5, train_accuracy=0.8)


def test_a_new_ledger_says_what_it_is(tmp_path):
    with Ledger(tmp_path / "study") as ledger:
        ledger.append(epoch(1), epoch(2))
    opened, *epochs = read_record(tmp_path / "study").rows
    assert isinstance(opened, Opened)
    assert opened.name == "study"
    assert epochs == [epoch(1), epoch(2)]


def test_opening_again_appends(tmp_path):
    for number in (1, 2, 3):
        with Ledger(tmp_path) as ledger:
            ledger.append(epoch(number))
    assert read_record(tmp_path).rows[1:] == (epoch(1), epoch(2), epoch(3))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_ledger_torn_at_any_byte_keeps_every_whole_row(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn")
    with Ledger(folder) as ledger:
        ledger.append(epoch(1), epoch(2), Ended("a", 1, 2.0, "finished", 2))
    path = folder / LEDGER
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - cut] if cut < len(whole) else b"")
    kept = [line for line in path.read_bytes().split(b"\n") if line]
    with Ledger(folder) as ledger:
        ledger.append(epoch(3))
    record = read_record(folder)
    assert (record.damage, record.torn) == ((), None)
    assert record.rows[-1] == epoch(3)
    assert len(record.rows) >= max(len(kept) - 1, 1) + 1


def test_the_torn_line_is_reported(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.append(epoch(1))
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(b'{"type":"epoch","tri')
    with Ledger(tmp_path) as ledger:
        assert ledger.repaired == '{"type":"epoch","tri'
    assert read_record(tmp_path).rows[-1] == epoch(1)


def test_a_whole_row_without_its_newline_is_kept(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.append(epoch(1))
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(encode([epoch(2)]).rstrip(b"\n"))
    with Ledger(tmp_path) as ledger:
        assert ledger.repaired is None
        ledger.append(epoch(3))
    assert read_record(tmp_path).rows[1:] == (epoch(1), epoch(2), epoch(3))


def test_a_damaged_middle_is_named_and_the_rest_kept(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.append(epoch(1))
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(b'{"type":"epoch",#### bad sector\n')
    with Ledger(tmp_path) as ledger:
        ledger.append(epoch(2))
    record = read_record(tmp_path)
    (damage,) = record.damage
    assert (damage.line, damage.content) == (3, '{"type":"epoch",#### bad sector')
    assert record.rows[1:] == (epoch(1), epoch(2))


def test_a_full_disk_leaves_no_half_row_and_is_waited_for(tmp_path):
    """A file-size limit makes real short writes, like a disk that fills up half-way."""
    script = """
import resource, signal, sys, errno, os
from pathlib import Path
from analysis.record.rows import Epoch
from tune_app.record import ledger as module
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
module.FULL_DISK = (errno.EFBIG,)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
asked = []
def wait(needed):
    asked.append(needed)
    if len(asked) == 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    return len(asked) <= 3
with module.Ledger(Path(sys.argv[1]), wait_for_space=wait) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limit[1]))
    for number in range(1, 9):
        ledger.append(Epoch("a", 1, 1.0, number, 0.5, 0.8))
print(len(asked))
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "3\n", done.stderr
    record = read_record(tmp_path)
    assert not record.damage
    assert [row.epoch for row in record.rows[1:]] == list(range(1, 9))


def test_a_disk_that_stays_full_is_an_error_that_names_the_need(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FULL_DISK", (errno.EFBIG,))
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger(tmp_path) as ledger:
        ledger.append(epoch(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (ledger.path.stat().st_size + 10, limit[1]))
        try:
            needed = len(encode([epoch(2)]))
            with pytest.raises(LedgerError, match=f"no room for {needed} bytes more; make room"):
                ledger.append(epoch(2))
            ledger.append(epoch(3))  # whoever closes the record is not told again
            assert "ledger.jsonl" in ledger.failure
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            signal.signal(signal.SIGXFSZ, ignored)
    assert read_record(tmp_path).rows[1:] == (epoch(1),)


def test_rows_outlive_a_writer_that_is_killed(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from analysis.record.rows import Run
from tune_app.record import ledger as module
from tune_app.record.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(100):
    ledger.append(Run(time=float(number), command="x", slots=1))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    times = [row.time for row in read_record(tmp_path).rows if isinstance(row, Run)]
    assert times == list(range(100))
