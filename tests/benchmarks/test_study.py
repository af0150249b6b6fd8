"""The published study: its record can be continued wherever the repository is."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from analysis.study.study import load_study
from benchmarks.study import records
from benchmarks.study.__main__ import CONFIRMED, ORDER, RIVAL, SMALL
from benchmarks.study.automatic_ranks import PROTOCOLS, RECORDS, Protocol, Rival, judge
from search_spaces.grammar.toml_file import read_space
from trainables.config.train_config import TrainConfig

SPACES = records.PUBLISHED / "spaces"


def test_every_space_is_in_the_order_and_bears_its_files_name():
    files = {path.stem for path in SPACES.glob("*.toml")}
    assert files == {*ORDER, *SMALL} - {RIVAL, *CONFIRMED}
    assert all(read_space(SPACES / f"{name}.toml").name == name for name in files)


def test_a_record_comes_back_as_the_study_that_was_packed(tmp_path, monkeypatch):
    """The tour's study stands in for one that ran."""
    monkeypatch.setattr(records, "PUBLISHED", tmp_path / "published")
    tour = records.ROOT / "docs" / "tour_study"
    results = tmp_path / "results"
    results.mkdir()
    (results / "a_weight_decay").symlink_to(tour)
    records.pack("a_weight_decay", results)
    records.restore("a_weight_decay", tmp_path / "elsewhere")
    found = load_study(tmp_path / "elsewhere" / "a_weight_decay")
    assert found.trials.equals(load_study(tour).trials)
    records.restore("a_weight_decay", results)
    assert (results / "a_weight_decay").is_symlink()


@pytest.mark.slow
def test_the_rival_chooses_on_its_seeds_and_estimates_on_fresh_ones(tmp_path):
    digits = {"dataset": "digits", "width": 8, "batch_size": 64}
    protocol = Protocol((0.1,), 3, 1, (0.001, 0.2), (0,), (1000, 1001), digits)
    found = judge(Rival(protocol, tmp_path, None), 0.1, workers=2)
    assert found["learning_rate"] == 0.2
    assert found["choosing"]["0.2"] > found["choosing"]["0.001"]
    assert len(set(found["accuracies"])) == 2
    dense = TrainConfig(layer="dense", width=8, dataset="digits").network_size().parameters
    assert all(0.97 * 0.1 * dense <= one <= 0.1 * dense for one in found["parameters"])
    assert judge(Rival(protocol, tmp_path, None), 0.1, workers=2) == found
    recorded = Rival(protocol, tmp_path, None).epochs()
    elsewhere = Rival(protocol, tmp_path / "elsewhere", None, recorded)
    assert judge(elsewhere, 0.1, workers=2) == found
    assert elsewhere.epochs().empty


@pytest.mark.parametrize(("space", "protocol"), PROTOCOLS.items())
def test_the_rival_on_record_is_not_trained_again(space, protocol, tmp_path):
    rival = Rival(protocol, tmp_path, None, pd.read_parquet(RECORDS / f"{space}.parquet"))
    published = json.loads((RECORDS / f"{space}.json").read_text(encoding="utf-8"))
    assert [judge(rival, budget, workers=1) for budget in protocol.budgets] == published["budgets"]
    expected = json.loads(json.dumps(dataclasses.asdict(protocol)))
    assert {**expected, **published["protocol"]} == expected
    assert rival.epochs().empty


def published_texts() -> list[Path]:
    kept = (records.PUBLISHED / "records").rglob("*")
    return sorted(path for path in kept if path.suffix in (".gz", ".json", ".html", ".md"))


@pytest.mark.parametrize("path", published_texts(), ids=lambda path: "/".join(path.parts[-2:]))
def test_a_published_record_is_whole_and_names_no_machine(path):
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    assert text.endswith("\n")
    assert not re.search(r"(?<![\w.])/(work|root|home|tmp)/", text)
    assert set(re.findall(r'"host":"([^"]*)"', text)) <= {"host"}
