"""A study and its ``-confirm`` study: two folders, one answer."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from analysis.charts.generalization_gap import generalization_gap
from analysis.report.report import write_report
from analysis.study.best_by_size import best_at_each_size
from analysis.study.confirmation import (
    confirmation_folder,
    confirmations,
    is_confirmation,
    original_folder,
)
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import write_study

SEARCHED = [
    {"layer": "low_rank", "rank": rank, "epochs": 4, "train_images": 500, "seed": seed}
    for rank in (8, 16, 32)
    for seed in (0, 1)
]
CONFIRMED = [
    {"layer": "low_rank", "rank": rank, "epochs": 4, "validation_images": 0, "seed": seed}
    for rank in (16, 32)
    for seed in (2, 3, 4)
]


def search(folder: Path) -> Path:
    """Three ranks on two seeds, on a part of the images."""
    return write_study(folder, SEARCHED, space=spaces.FAMILIES)


def confirmation(folder: Path) -> Path:
    """The two best of it on three fresh seeds and all images, as --confirm 3 --top 2 leaves it."""
    write_study(folder, CONFIRMED, space={**spaces.FAMILIES, "name": "families-confirm"})
    path = folder / "study.json"
    info = json.loads(path.read_text())
    info["options"] |= {"confirm": 3, "top": 2}
    path.write_text(json.dumps(info))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A results folder whose name a web address has to quote; reports in order of the runs."""
    root = tmp_path_factory.mktemp("results 1")
    write_report(load_study(search(root / "our ranks")))
    write_report(load_study(confirmation(root / "our ranks-confirm")))
    return root


def test_each_of_the_two_knows_the_other(results):
    ours, confirming = (load_study(results / n) for n in ("our ranks", "our ranks-confirm"))
    assert confirmation_folder(ours).name == "our ranks-confirm"
    assert original_folder(confirming).name == "our ranks"
    assert (is_confirmation(ours), is_confirmation(confirming)) == (False, True)
    assert original_folder(ours) is None
    assert confirmation_folder(confirming) is None


@pytest.mark.parametrize(
    ("name", "other"),
    [("our ranks", "our ranks-confirm"), ("our ranks-confirm", "our ranks")],
)
def test_their_reports_link_to_each_other(results, name, other):
    page = (results / name / "report.html").read_text(encoding="utf-8")
    links = [unquote(link) for link in re.findall(r'href="([^#"]+)"', page)]
    assert links == [f"../{other}/report.html"]
    assert (results / name / links[0]).is_file()
    markdown = (results / name / "report.md").read_text(encoding="utf-8")
    assert f"[{other}](../{other.replace(' ', '%20')}/report.md)" in markdown


def test_a_study_without_a_confirmation_beside_it_links_to_none(results, tmp_path):
    for name in ("our ranks", "our ranks-confirm"):
        alone = shutil.copytree(results / name, tmp_path / name.replace(" ", "") / name)
        page = write_report(load_study(alone)).read_text(encoding="utf-8")
        assert not re.findall(r'href="([^#"]+)"', page)


def test_the_search_shows_what_its_confirmation_found_on_the_test_set(results):
    ours, confirming = (load_study(results / n) for n in ("our ranks", "our ranks-confirm"))
    trials = confirming.trials
    expected = trials.groupby("rank")["test_accuracy"].mean()
    best = best_at_each_size(ours).set_index("rank")
    assert set(best.index[best["test_mean"].notna()]) == {16, 32} & set(best.index)
    for rank in best.index[best["test_mean"].notna()]:
        assert best.loc[rank, "test_mean"] == pytest.approx(expected[rank])
        assert best.loc[rank, "test_n"] == 3
    tests = generalization_gap(ours).query("set == 'test'").set_index("parameters")["accuracy"]
    sizes = ours.trials.groupby("rank")["parameters"].first()
    shown = {rank: tests[sizes[rank]] for rank in (16, 32) if sizes[rank] in tests}
    assert shown == pytest.approx({rank: expected[rank] for rank in shown})
    assert shown


def test_a_confirmation_does_not_say_that_it_chose_on_the_test_set(results):
    page = (results / "our ranks-confirm" / "report.html").read_text(encoding="utf-8")
    assert "A confirmation." in page
    assert "The networks were chosen before, on validation images." in page
    assert "and so was every choice" not in page


def test_a_confirmation_that_cannot_be_read_costs_the_search_nothing(results, tmp_path):
    for name in ("our ranks", "our ranks-confirm"):
        shutil.copytree(results / name, tmp_path / name)
    broken = tmp_path / "our ranks-confirm" / "ledger.jsonl"
    broken.write_bytes(b'{"type":"opened","format":99,"name":"x","time":1}\n')
    assert confirmations(load_study(tmp_path / "our ranks")).empty
