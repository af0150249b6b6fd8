"""The published study: its record can be continued wherever the repository is."""

from __future__ import annotations

import gzip

import pytest

from analysis.record.record import LEDGER
from analysis.study.study import load_study
from benchmarks import study as published
from search_spaces.grammar.toml_file import read_space

SPACES = published.STUDIES / "spaces"


def test_every_space_is_in_the_order_and_bears_its_files_name():
    files = {path.stem for path in SPACES.glob("*.toml")}
    assert files == set(published.ORDER + published.SMALL)
    assert all(read_space(SPACES / f"{name}.toml").name == name for name in files)


def test_a_record_comes_back_as_the_study_that_was_packed(tmp_path, monkeypatch):
    """The tour's study stands in for one that ran."""
    monkeypatch.setattr(published, "STUDIES", tmp_path / "published")
    tour = published.ROOT / "docs" / "tour_study"
    results = tmp_path / "results"
    results.mkdir()
    (results / "a_weight_decay").symlink_to(tour)
    published.pack("a_weight_decay", results)
    published.restore("a_weight_decay", tmp_path / "elsewhere")
    found = load_study(tmp_path / "elsewhere" / "a_weight_decay")
    assert found.trials.equals(load_study(tour).trials)
    published.restore("a_weight_decay", results)
    assert (results / "a_weight_decay").is_symlink()


@pytest.mark.parametrize("path", sorted((published.STUDIES / "records").glob("*/*.gz")), ids=str)
def test_a_published_ledger_is_whole_and_names_no_machine(path):
    text = gzip.decompress(path.read_bytes()).decode()
    assert text.endswith("\n")
    assert "/work" not in text
    assert "/root" not in text
    assert LEDGER in path.name
