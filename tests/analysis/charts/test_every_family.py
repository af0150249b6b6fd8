"""Every registered family can be seen: its mark is drawn, among the points and in the legend."""

from __future__ import annotations

import functools
import re

import pytest

from analysis.charts import theme
from analysis.charts.chart import NothingToShow
from analysis.charts.figure import draw, save
from analysis.charts.registry import CHARTS
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import write_study
from trainables.sizes.registry import SIZES

SMALLEST = 3  # pixels: a mark that is smaller in both directions cannot be seen
KEYS = {"rank_scale": {"role": "scientific", "domain": {"kind": "float", "low": 0.1, "high": 1}}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """``pictures(name)``: the chart of a study of all families as SVG; "" where it has nothing."""
    folder = tmp_path_factory.mktemp("families")
    configs = [
        {"layer": name, "epochs": 3, "seed": seed, **size}
        for name, family in SIZES.items()
        for size in ([{"rank_scale": one} for one in (0.2, 0.6)] if family.ranked else [{}])
        for seed in (0, 1)
    ]
    study = load_study(
        write_study(folder / "study", configs, space={**spaces.FAMILIES, "keys": KEYS})
    )

    @functools.cache
    def picture(name: str) -> str:
        try:
            spec = draw(study, name)
        except NothingToShow:
            return ""
        return save(spec.to_dict(), folder / f"{name}.svg").read_text()

    return picture


def drawn(svg: str, role: str, colour: str) -> list[float]:
    """The extents of the symbols of a role that have this colour, in pixels."""
    groups = re.findall(rf'<g class="mark-symbol {role}[^"]*"[^>]*>(.*?)</g>', svg, re.DOTALL)
    marks = [mark for group in groups for mark in re.findall(r"<path[^>]*>", group)]
    ours = [mark for mark in marks if re.search(rf'(fill|stroke)="{colour}"', mark.lower())]
    return [_extent(re.search(r' d="([^"]*)"', mark)[1]) for mark in ours]


def _extent(path: str) -> float:
    numbers = [abs(float(one)) for one in re.findall(r"-?\d*\.?\d+(?:e-?\d+)?", path)]
    return 2 * max(numbers, default=0.0)


@pytest.mark.parametrize("name", CHARTS)
def test_a_family_that_has_a_mark_or_a_place_in_the_legend_has_both_and_can_be_seen(pictures, name):
    svg = pictures(name)
    legend, marks = (
        {family: drawn(svg, role, theme.FAMILIES[family].colour) for family in SIZES}
        for role in ("role-legend-symbol", "role-mark")
    )
    if not (any(legend.values()) and any(marks.values())):
        return  # its families are lines, words or tiles
    for family, size in SIZES.items():
        searched = size.ranked or name != "range_edges"  # the others have no range
        for extents in (legend[family], marks[family]):
            assert bool(extents) is searched, family
            assert all(extent >= SMALLEST for extent in extents), family


WITH_POINTS = ("accuracy_by_parameters", "accuracy_by_macs", "generalization_gap", "range_edges")


@pytest.mark.parametrize("name", WITH_POINTS)
def test_the_law_above_is_about_charts_with_points(pictures, name):
    colour = theme.FAMILIES["low_rank"].colour
    assert drawn(pictures(name), "role-legend-symbol", colour)
    assert drawn(pictures(name), "role-mark", colour)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_no_rim_in_the_colour_of_the_paper_covers_a_symbol_of_the_legend(pictures, name):
    groups = re.findall(
        r'<g class="mark-symbol role-legend-symbol[^"]*"[^>]*>(.*?)</g>', pictures(name), re.DOTALL
    )
    marks = [mark for group in groups for mark in re.findall(r"<path[^>]*>", group)]
    rimmed = [mark for mark in marks if f'stroke="{theme.PAPER}"' in mark]
    assert not [mark for mark in rimmed if 'stroke-width="0"' not in mark]


def test_a_mark_without_extent_is_found():
    empty = '<g class="mark-symbol role-mark x"><path d="M0,0" fill="#123456"/></g>'
    assert drawn(empty, "role-mark", "#123456") == [0.0]


@pytest.mark.parametrize(("rate", "place"), [(400.0, "above"), (0.4, "below")])
def test_the_reference_is_labelled_where_no_axis_is(rate, place, tmp_path):
    configs = [
        {"layer": "dense", "epochs": 2, "learning_rate": rate},
        {"layer": "cp", "rank": 4, "epochs": 2},
    ]
    study = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    marks = [one["mark"] for one in draw(study, "accuracy_by_parameters").to_dict()["layer"]]
    (label,) = [mark for mark in marks if mark["type"] == "text" and "fontWeight" in mark]
    assert (label["dy"] < 0) is (place == "above")
