"""A ledger read in parts is the ledger read as one."""

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from analysis.record import parallel_read as parts
from analysis.record.columns import Columns, read_part
from analysis.record.parallel_read import read_columns
from analysis.record.record import RecordError, encode
from analysis.record.rows import Epoch, Opened
from trainables.files.study_folder import LEDGER


@pytest.fixture
def troubled(study_folder, tmp_path):
    """Damage at both ends and in the middle, a group of its own in the last epoch, a torn end."""
    folder = shutil.copytree(study_folder("troubled"), tmp_path / "study")
    lines = (folder / LEDGER).read_bytes().splitlines(keepends=True)
    lines[2:2] = lines[len(lines) // 2 : len(lines) // 2] = [b"[]\n"]
    late = encode([Epoch("late", 1, 2.0, 1, 1.5, 0.4, learning_rates={"head": 0.2})])
    (folder / LEDGER).write_bytes(b"".join([*lines, b"damaged\n", late, b'{"type":"epo']))
    return folder


@pytest.fixture
def three_parts(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    monkeypatch.setattr(parts, "HEAD_START_BYTES", 500)


def assert_equal(one: Columns, other: Columns) -> None:
    for field in dataclasses.fields(Columns):
        np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


def test_three_processes_read_what_one_does(troubled, three_parts):
    assert len(parts._starts(troubled / LEDGER)) == 3
    columns = read_columns(troubled)
    assert len(columns.damage) == 3
    assert columns.torn
    assert "head" in columns.learning_rates
    assert_equal(columns, read_part(troubled))


@pytest.mark.parametrize("python", ["false", "", "/no/such/python"])
def test_the_parts_of_helpers_that_fail_are_read_here(troubled, three_parts, monkeypatch, python):
    monkeypatch.setattr(sys, "executable", python)
    assert_equal(read_columns(troubled), read_part(troubled))


def test_a_newer_format_is_refused_whichever_part_says_so(troubled, three_parts):
    with (troubled / LEDGER).open("ab") as ledger:
        ledger.write(b"\n" + encode([Opened(99, "x", 1.0)]))
    with pytest.raises(RecordError, match="format 99"):
        read_columns(troubled)
