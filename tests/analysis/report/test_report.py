"""The report's page and its Markdown twin, read as text; a real browser opens them elsewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import altair
import pandas as pd
import pytest
import vl_convert
from markdown_it import MarkdownIt

from analysis.charts.pictures import VEGA_LITE, Pictures
from analysis.charts.registry import CHARTS
from analysis.report.provenance import provenance
from analysis.report.report import PAGE, SCRIPTS, write_report
from analysis.report.trial_table import trial_table
from analysis.study.best_by_size import best_at_each_size
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.config.train_config import TrainConfig


@pytest.fixture(scope="module")
def report(study_folder, tmp_path_factory):
    """``report(name)``: the page of a copy of a fixture study, and its folder."""
    root = tmp_path_factory.mktemp("reports")
    written = {}

    def write(name: str):
        if name not in written:
            folder = shutil.copytree(study_folder(name), root / name)
            path = write_report(load_study(folder))
            written[name] = (path.read_text(encoding="utf-8"), folder)
        return written[name]

    return write


class _Links(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        wanted = {"script": "src", "img": "src", "link": "href", "iframe": "src", "a": "href"}
        if (value := given.get(wanted.get(tag, ""))) and not value.startswith("#"):
            self.found.append(value)


STUDIES = ("empty", "one", "half_done", "all_failed", "troubled", "confirmed")


@pytest.mark.parametrize("name", STUDIES)
def test_every_state_of_a_study_gives_a_whole_report(report, name):
    page, folder = report(name)
    assert page.rstrip().endswith("</html>")
    assert "could not be drawn" not in page
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith("# Which family of convolutions is best for a parameter budget?")
    assert "## How it was run" in markdown
    assert "](figures/" not in markdown  # none were drawn


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_fetches_nothing(report, name):
    page, _ = report(name)
    links = _Links()
    links.feed(page)
    assert links.found == []
    assert "default-src 'none'" in page


def test_an_empty_study_says_that_nothing_can_be_said(report):
    page, _ = report("empty")
    assert "Nothing can be said: no trial has finished (none is planned)." in page
    assert f"{len(CHARTS)} charts have nothing to show" in page


def test_one_seed_cannot_say(report):
    page, _ = report("one")
    assert 'class="answer cannot_say"' in page
    assert "One seed cannot say which is best" in page


def test_a_running_study_says_so(report):
    assert "running now" in report("half_done")[0]
    assert "running now" not in report("confirmed")[0]


def test_the_errors_of_failed_trials_are_there_and_cannot_inject_markup(study_folder, tmp_path):
    folder = shutil.copytree(study_folder("troubled"), tmp_path / "study")
    ledger = folder / "ledger.jsonl"
    text = ledger.read_text(encoding="utf-8").replace(
        "broken on purpose", "</script><script>alert(1)</script>"
    )
    ledger.write_text(text, encoding="utf-8")
    page = write_report(load_study(folder)).read_text(encoding="utf-8")
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_markdown_shows_names_and_questions_as_they_are(study_folder, tmp_path):
    folder = shutil.copytree(study_folder("twelve"), tmp_path / "study")
    document = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    asked = "Is layer3.* or *.conv1 better than `a|b` <i>c</i>, _d_ or [x](y)?"
    document["space"]["question"] = asked
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    write_report(load_study(folder))
    heading = (folder / "report.md").read_text(encoding="utf-8").splitlines()[0]
    html = MarkdownIt().render(heading)
    assert unescape(html.strip()) == f"<h1>{asked}</h1>"


def test_the_command_can_be_typed_as_it_stands(study_folder, tmp_path):
    folder = shutil.copytree(study_folder("one"), tmp_path / "study")
    info = json.loads((folder / "study.json").read_text())
    assert dict(provenance(load_study(folder)))["Command"] == info["command"]
    info["command"] = "run_tune.py --space families"  # as a driver records it
    (folder / "study.json").write_text(json.dumps(info))
    command = dict(provenance(load_study(folder)))["Command"]
    assert command == "python run_tune.py --space families"


def test_what_lies_in_no_listed_layer_of_a_network_is_told(study_folder, tmp_path):
    folder = shutil.copytree(study_folder("one"), tmp_path / "study")
    row = LayerRow("head", "linear", 6, 5, ((1, 1),), 0)
    own = {"rows": (row,), "default": (), "other_parameters": 10, "other_macs": 90}
    text = LayerTable("net.py:make", (3, 8, 8), 5, **own).to_json()
    info = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**info, "networks": [text]}))
    page = write_report(load_study(folder))
    for said in (page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text()):
        assert "net.py:make with 40 parameters, 120 multiply-adds per image of 3 x 8 x 8" in said
        assert "10 (25.0%) of the parameters in no layer that is listed" in said
        assert "90 (75.0%) of the multiply-adds in no layer that is listed" in said


def test_the_test_set_is_named_in_page_and_markdown(study_folder, tmp_path):
    from tests.analysis.charts.conftest import test_set

    page = write_report(load_study(test_set(tmp_path / "study")))
    for text in (page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text()):
        assert "Judged on the test set." in text
        assert "Not the corrected protocol." in text
        assert "TEST-SET accuracy · protocol original_tt" in text


def test_confirmed_networks_show_their_test_accuracy(report, study_folder):
    page, _ = report("confirmed")
    best = best_at_each_size(load_study(study_folder("confirmed")))
    tested = best[best["test_mean"].notna()]
    assert len(tested) == 3
    assert (tested["test_n"] == 5).all()
    for mean in tested["test_mean"]:
        assert f"{100 * mean:.2f} %" in page


def test_the_best_of_a_size_has_the_highest_mean_of_that_size(study_folder):
    study = load_study(study_folder("seeds"))
    best = best_at_each_size(study)
    for row in best.to_dict("records"):
        sizes = replicates(study)["parameters"].between(row["from_size"], row["to_size"] - 1)
        assert row["mean"] == replicates(study).loc[sizes, "mean"].max()
        assert row["candidates"] == sizes.sum()


def test_the_table_has_a_row_a_trial_and_only_columns_that_say_something(study_folder):
    columns, rows = trial_table(load_study(study_folder("twelve")))
    assert len(rows) == 12
    names = [column.name for column in columns]
    assert names[:4] == ["status", "layer", "rank", "seed"]
    assert "test" not in names
    accuracies = [float(row.cells[names.index("accuracy")].value) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)


def test_the_table_names_routes_and_factors_where_the_ledger_has_them(study_folder, tmp_path):
    study = load_study(study_folder("twelve"))
    columns, rows = trial_table(study)
    names = [column.name for column in columns]
    cells = {row.trial_id: dict(zip(names, row.cells, strict=True)) for row in rows}
    for trial in study.trials.itertuples():
        config = TrainConfig(trial.layer, rank=None if trial.rank is pd.NA else trial.rank)
        size = config.network_size()
        ours = cells[trial.trial_id]
        assert int(ours["factors"].value) == size.parameters - size.fixed_parameters
        assert ours["routes"].text == "".join(route[0] for route in size.routes(512))

    older = shutil.copytree(study_folder("twelve"), tmp_path / "older")
    ledger = older / "ledger.jsonl"
    planned = r',"factor_parameters":\d+,"routes":\[[^]]*\]'
    text, count = re.subn(planned, "", ledger.read_text(encoding="utf-8"))
    ledger.write_text(text, encoding="utf-8")
    columns, _ = trial_table(load_study(older))
    assert count == 12
    assert [column.name for column in columns] == [
        name for name in names if name not in ("factors", "routes")
    ]


def test_pictures_lie_beside_the_page_and_old_ones_go(study_folder, tmp_path):
    folder = shutil.copytree(study_folder("one"), tmp_path / "study")
    figures = folder / "figures"
    figures.mkdir()
    (figures / "rungs.png").write_bytes(b"of an earlier state")
    (figures / "gaps.png").write_bytes(b"under the former name")
    (figures / "mine.png").write_bytes(b"a person's own")
    with Pictures() as pictures:
        write_report(load_study(folder), pictures)
    page = (folder / "report.html").read_text(encoding="utf-8")
    drawn = set(re.findall(r'data-chart="(\w+)"', page))
    assert {path.stem for path in figures.glob("*.svg")} == drawn
    assert {path.stem for path in figures.glob("*.png")} == drawn | {"mine"}
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert all(f"figures/{name}.png" in markdown for name in drawn)


def test_ctrl_c_after_which_a_search_writes_its_report_costs_no_picture(tmp_path):
    """A terminal signals all processes of its foreground."""
    code = (
        "import os, pathlib, signal, sys, time\n"
        "from analysis.charts.pictures import NOTHING, Pictures\n"
        "signal.signal(signal.SIGINT, lambda number, frame: None)\n"
        "with Pictures() as pictures:\n"
        "    time.sleep(0.5)\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    pictures.ask(NOTHING, pathlib.Path(sys.argv[1]))\n"
    )
    stem = tmp_path / "nothing"
    subprocess.run([sys.executable, "-c", code, stem], start_new_session=True, check=True)
    assert stem.with_suffix(".png").is_file()


def test_a_page_draws_with_the_versions_that_draw_its_pictures():
    speak = {
        f"vega-{vl_convert.get_vega_version()}",
        f"vega-lite-{altair.SCHEMA_VERSION.removeprefix('v')}",
        f"vega-embed-{vl_convert.get_vega_embed_version()}",
    }
    assert set(SCRIPTS) == speak
    assert any(name.startswith(f"vega-lite-{VEGA_LITE}.") for name in SCRIPTS)
    assert {path.name for path in (PAGE / "vega").glob("*.js")} == {f"{n}.min.js" for n in speak}
