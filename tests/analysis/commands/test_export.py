"""Exported tables hold the same numbers in every format."""

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.commands.export import FORMATS, TABLES, export_frame, export_text, write_export
from analysis.record.tables import TableError
from analysis.study.study import load_study


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", ["empty", "twelve"])
def test_every_table_comes_out_of_every_study(study, table, name):
    frame = export_frame([study(name)], table)
    for kind in ("csv", "json", "md"):
        assert export_text(frame, kind)


def test_numbers_survive_to_the_last_bit(study, tmp_path):
    frame = export_frame([study("twelve")], "trials")
    values = frame["val_accuracy_last"].tolist()
    for kind in FORMATS:
        write_export(frame, kind, tmp_path / f"t.{kind}")
    assert pd.read_csv(tmp_path / "t.csv")["val_accuracy_last"].tolist() == values
    assert pd.read_parquet(tmp_path / "t.parquet")["val_accuracy_last"].tolist() == values
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [row["val_accuracy_last"] for row in rows] == pytest.approx(values, abs=1e-15)
    assert rows[0]["rank"] is None


def test_several_studies_are_told_apart(study):
    frame = export_frame([study("twelve"), study("one")], "trials")
    assert frame["study"].value_counts().to_dict() == {"twelve": 12, "one": 1}
    assert next(iter(frame)) == "study"


def test_studies_of_one_name_are_told_apart(study, tmp_path):
    own = study("one")
    copy = load_study(Path(shutil.copytree(own.folder, tmp_path / own.folder.name)))
    frame = export_frame([own, copy], "trials")
    assert frame["study"].tolist() == [str(own.folder), str(copy.folder)]


def test_an_export_is_whole_or_absent(study, tmp_path):
    frame = export_frame([study("one")], "trials")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_export(frame, "csv", tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert len(pd.read_csv(tmp_path / "real.csv")) == 1
    with pytest.raises(TypeError):  # half way through
        write_export(frame.assign(odd=[object()]), "json", tmp_path / "real.csv")
    assert len(pd.read_csv(tmp_path / "real.csv")) == 1
    write_export(frame, "csv", Path("/dev/null"))
    assert not Path("/dev/null").is_file()


def test_markdown_is_a_table_whatever_is_in_it():
    text = export_text(pd.DataFrame({"a": ["x|y\nz", None], "b": [0.5, float("nan")]}), "md")
    assert text.splitlines() == ["| a | b |", "| --- | --- |", r"| x\|y<br>z | 0.5 |", "|  |  |"]


def test_csv_reads_back(study):
    text = export_text(export_frame([study("twelve")], "replicates"), "csv")
    assert len(pd.read_csv(io.StringIO(text))) == 6


def test_what_there_is_not_is_answered_with_what_there_is(study):
    with pytest.raises(TableError, match="unknown table 'trails': choose from trials, epochs"):
        export_frame([study("one")], "trails")
    with pytest.raises(
        TableError, match="'parquet' is no text: choose from csv, json, md, or give"
    ):
        export_text(pd.DataFrame(), "parquet")
    with pytest.raises(TableError, match="unknown format 'xls'"):
        write_export(pd.DataFrame(), "xls", None)
