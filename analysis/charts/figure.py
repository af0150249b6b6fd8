"""A study's charts as pictures: PNG, SVG or PDF, drawn without a browser or a network."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from analysis.charts import theme
from analysis.charts.chart import Chart, FigureError, Picture
from analysis.charts.pictures import SCALE, VEGA_LITE
from analysis.charts.registry import CHARTS
from trainables.files.whole_file import write_whole
from trainables.text.suggestion import did_you_mean

if TYPE_CHECKING:
    from analysis.study.study import Study

FORMATS = ("png", "svg", "pdf")
LINE = 100  # characters of a subtitle that fit above a plot

FORMER_NAMES = {"gaps": "generalization_gap", "edges": "range_edges"}
"""Former names of charts, which are still accepted; new figures have the present names."""


def chart_name(name: str) -> str:
    """The present name of a chart.

    Raises:
        FigureError: for an unknown name, with all names and a suggestion.
    """
    present = FORMER_NAMES.get(name, name)
    if present not in CHARTS:
        hint = did_you_mean(name, CHARTS)
        raise FigureError(f"unknown chart {name!r}{hint}; the charts are {', '.join(CHARTS)}")
    return present


def chart(name: str) -> Chart:
    """The chart of that name; raises FigureError where there is none."""
    return CHARTS[chart_name(name)]


def draw(study: Study, name: str) -> Picture:
    """A chart of a study for a notebook, with its title and caption above it.

    Raises:
        FigureError: for an unknown chart.
        NothingToShow: where the study has no data for it, with the reason.
    """
    selected = chart(name)
    frame = selected.frame(study)
    title = alt.Title(**_title(selected.title, selected.caption(frame), study.name))
    return selected.draw(frame).properties(title=title).configure(**theme.CONFIG)


def standalone(spec: dict[str, Any], title: str, caption: str, study_name: str) -> dict[str, Any]:
    """The specification with theme, title and caption, for a picture outside the page."""
    return {
        **_without_tooltips(spec),
        "title": _title(title, caption, study_name),
        "config": theme.CONFIG,
    }


def _title(title: str, caption: str, study_name: str) -> dict[str, Any]:
    return {"text": f"{title} · {study_name}", "subtitle": textwrap.wrap(caption, LINE)}


def _without_tooltips(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: item if key == "datasets" else _without_tooltips(item)
            for key, item in value.items()
            if key != "tooltip"
        }
    return [_without_tooltips(item) for item in value] if isinstance(value, list) else value


def known_format(name: str) -> str:
    """Returns the name of a format; raises FigureError where it is not one of ``FORMATS``."""
    if name not in FORMATS:
        raise FigureError(f"a figure is written as {', '.join(FORMATS)}, got {name!r}")
    return name


def save(picture: Picture | dict[str, Any], path: Path) -> Path:
    """Writes a drawn chart in the format of ``path``'s suffix.

    Raises:
        FigureError: for a suffix that is not one of ``FORMATS``.
    """
    kind = known_format(path.suffix.removeprefix(".").lower())
    spec = picture if isinstance(picture, dict) else picture.to_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "png":
        write_whole(path, vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=SCALE))
    elif kind == "pdf":
        write_whole(path, vl_convert.vegalite_to_pdf(spec, vl_version=VEGA_LITE))
    else:
        write_whole(path, vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE))
    return path
