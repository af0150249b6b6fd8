"""Laws that every chart obeys, for every fixture study."""

from __future__ import annotations

import json
import re

import pytest

from analysis.charts import theme
from analysis.charts.chart import NothingToShow
from analysis.charts.figure import FigureError, chart, draw, save
from analysis.charts.registry import CHARTS

STUDIES = (
    "empty",
    "one",
    "twelve",
    "one_seed",
    "half_done",
    "all_failed",
    "troubled",
    "asha",
    "seeds",
)
DRAWS = {  # a study for which each chart has something to show
    "accuracy_by_parameters": "twelve",
    "accuracy_by_macs": "twelve",
    "accuracy_by_seconds": "twelve",
    "accuracy_by_rank": "seeds",
    "heat_map": "sweep",
    "isolation": "twelve",
    "importances": "twelve",
    "parallel": "twelve",
    "curves": "asha",
    "gaps": "confirmed",
    "rungs": "asha",
    "slots": "troubled",
    "edges": "asha",
    "losses": "troubled",
}


@pytest.mark.parametrize("fixture", STUDIES)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_or_says_in_words_why_not(study, name, fixture):
    wanted = CHARTS[name]
    try:
        frame = wanted.frame(study(fixture))
    except NothingToShow as nothing:
        assert re.fullmatch(r"[A-Z].{15,}\.", str(nothing)), str(nothing)
        return
    assert len(frame)
    spec = wanted.draw(frame).to_dict()  # altair checks it against Vega-Lite's schema
    assert spec["$schema"].endswith(".json")
    assert re.fullmatch(r"(?s)[A-Z0-9].{20,}\.", wanted.caption(frame))


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_of_an_empty_study(study, name):
    with pytest.raises(NothingToShow):
        CHARTS[name].frame(study("empty"))


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_becomes_a_picture_without_a_browser(study, name, tmp_path):
    path = save(draw(study(DRAWS[name]), name), tmp_path / "chart.svg")
    picture = path.read_text()
    assert picture.startswith("<svg")
    assert CHARTS[name].title.replace("&", "&amp;") in picture


@pytest.mark.parametrize("name", CHARTS)
def test_every_colour_has_a_counterpart_on_a_dark_page(study, name):
    wanted = CHARTS[name]
    text = json.dumps(wanted.draw(wanted.frame(study(DRAWS[name]))).to_dict() | theme.CONFIG)
    colours = {colour.lower() for colour in re.findall(r'"(#[0-9a-fA-F]{6})"', text)}
    unlisted = colours - theme.DARK.keys() - {"#000000", "#fffffe"}  # numbers on a heat map stay
    assert not unlisted


@pytest.mark.parametrize("name", CHARTS)
def test_every_axis_that_is_shown_has_a_title_or_named_steps(study, name):
    wanted = CHARTS[name]
    for channel in _axes(wanted.draw(wanted.frame(study(DRAWS[name]))).to_dict()):
        bare = channel.get("axis", {}) is None or channel.get("axis", {}).get("labels") is False
        assert bare or channel.get("title") or channel["type"] in ("nominal", "ordinal"), channel


def _axes(spec):
    """Every x and y of a specification that has a field."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name in ("x", "y") and isinstance(value, dict) and "field" in value:
                yield value
            else:
                yield from _axes(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _axes(value)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("pdf", b"%PDF")]
)
def test_a_figure_is_written_in_the_format_of_its_name(study, tmp_path, suffix, start):
    path = save(draw(study("twelve"), "curves"), tmp_path / f"curves.{suffix}")
    assert path.read_bytes().startswith(start)


def test_an_unknown_chart_is_refused_with_the_nearest_name():
    with pytest.raises(FigureError, match="unknown chart 'heatmap'; did you mean 'heat_map'"):
        chart("heatmap")


def test_an_unknown_format_is_refused(study, tmp_path):
    with pytest.raises(FigureError, match=r"written as png, svg, pdf, got 'curves\.bmp'"):
        save(draw(study("twelve"), "curves"), tmp_path / "curves.bmp")
