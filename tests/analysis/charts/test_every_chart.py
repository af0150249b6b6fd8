"""Laws that every chart obeys, for every fixture study."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from analysis.charts import theme
from analysis.charts.chart import NothingToShow
from analysis.charts.figure import FORMER_NAMES, FigureError, chart, draw, save
from analysis.charts.registry import CHARTS
from analysis.report.rendered import write_figures

STUDIES = ("one", "twelve", "one_seed", "half_done", "all_failed", "troubled", "asha")
NEEDS = {  # a study for which a chart has something to show, where "twelve" is not enough
    "accuracy_by_latency": "measured",
    "accuracy_by_rank": "seeds",
    "heat_map": "sweep",
    "curves": "asha",
    "generalization_gap": "confirmed",
    "rungs": "asha",
    "slots": "troubled",
    "range_edges": "asha",
    "losses": "troubled",
}


@pytest.fixture(scope="module")
def spec(study) -> Callable[[str], dict[str, Any]]:
    """A chart of its study in ``NEEDS``, checked against Vega-Lite's schema."""
    return functools.cache(lambda name: draw(study(NEEDS.get(name, "twelve")), name).to_dict())


@pytest.mark.parametrize("fixture", STUDIES)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_or_says_in_words_why_not(study, name, fixture):
    wanted = CHARTS[name]
    try:
        frame = wanted.frame(study(fixture))
    except NothingToShow as nothing:
        said = str(nothing)
    else:
        assert len(frame)
        assert {"mark", "layer", "concat"} & wanted.draw(frame).to_dict(validate=False).keys()
        said = wanted.caption(frame)
    assert re.fullmatch(r"(?s)[A-Z0-9].{15,}\.", said)


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_of_an_empty_study(study, name):
    with pytest.raises(NothingToShow):
        CHARTS[name].frame(study("empty"))


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_becomes_a_picture_without_a_browser(spec, name, tmp_path):
    picture = save(spec(name), tmp_path / "chart.svg").read_text()
    assert picture.startswith("<svg")
    assert CHARTS[name].title.split(":")[0] in picture


@pytest.mark.parametrize("name", CHARTS)
def test_every_colour_has_a_counterpart_on_a_dark_page(spec, name):
    colours = set(re.findall(r'"(#[0-9a-f]{6})"', json.dumps(spec(name)).lower()))
    on_a_heat_map = {"#000000", "#fffffe"}  # its tiles keep their colours on any page
    assert colours - theme.DARK.keys() <= on_a_heat_map


@pytest.mark.parametrize("name", CHARTS)
def test_every_axis_of_numbers_has_a_title(spec, name):
    for view in _views(spec(name)):
        for axis in ("x", "y"):
            channels = [unit[axis] for unit in _encodings(view) if "field" in unit.get(axis, {})]
            numbers = [one for one in channels if one["type"] == "quantitative" and _shown(one)]
            assert not numbers or any(one.get("title") for one in numbers), numbers


@pytest.mark.parametrize("name", CHARTS)
def test_no_logarithmic_scale_is_asked_about_zero(spec, name):
    """Vega-Lite would warn of it on every page."""
    scales = re.findall(r'"scale": (\{[^{}]*\})', json.dumps(spec(name)))
    logarithmic = [scale for scale in map(json.loads, scales) if scale.get("type") == "log"]
    assert not [scale for scale in logarithmic if "zero" in scale]


def _views(spec):
    """The plots that a specification lays beside each other."""
    return spec.get("concat", [spec])


def _encodings(view):
    own = [view["encoding"]] if "encoding" in view else []
    return own + [one for layer in view.get("layer", ()) for one in _encodings(layer)]


def _shown(channel):
    axis = channel.get("axis", {})
    return axis is not None and axis.get("labels", True)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("pdf", b"%PDF")]
)
def test_a_figure_is_written_in_the_format_of_its_name(spec, tmp_path, suffix, start):
    path = save(spec("slots"), tmp_path / f"slots.{suffix}")
    assert path.read_bytes().startswith(start)


def test_an_unknown_chart_is_refused_with_the_nearest_name():
    with pytest.raises(FigureError, match="unknown chart 'heatmap'; did you mean 'heat_map'"):
        chart("heatmap")


@pytest.mark.parametrize(("former", "present"), FORMER_NAMES.items())
def test_a_chart_is_known_by_its_former_name_and_written_under_the_present(
    study, tmp_path, former, present
):
    written = write_figures(study(NEEDS[present]), [former], "svg", tmp_path)
    assert list(written) == [tmp_path / f"{present}.svg"]


def test_an_unknown_format_is_refused(spec, tmp_path):
    with pytest.raises(FigureError, match=r"written as png, svg, pdf, got 'bmp'"):
        save(spec("slots"), tmp_path / "curves.bmp")
