"""A study's charts, drawn or missing with a reason, and their figures for a paper."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.charts.chart import Chart, FigureError, NothingToShow
from analysis.charts.figure import chart, chart_name, known_format, save, standalone
from analysis.charts.registry import CHARTS

if TYPE_CHECKING:
    from analysis.study.study import Study

DIGITS = 7
"""Significant digits of a number in a page: more than any axis or tooltip shows."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart and its Vega-Lite specification, without theme and title."""

    name: str
    title: str
    caption: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """A chart that has nothing to show, and why."""

    name: str
    title: str
    reason: str


def draw_all(study: Study, names: Iterable[str] = tuple(CHARTS)) -> Iterator[Drawn | Missing]:
    """Yields the charts of these names: drawn, or missing with the reason."""
    for name in names:
        selected = chart(name)
        try:
            yield _draw(study, name, selected)
        except NothingToShow as nothing:
            yield Missing(name, selected.title, str(nothing))
        except Exception as problem:  # a chart that fails must not prevent the report
            logging.getLogger(__name__).exception("chart %s of %s", name, study.name)
            reason = f"This chart could not be drawn ({type(problem).__name__}: {problem})."
            yield Missing(name, selected.title, reason)


def write_figures(
    study: Study, names: Sequence[str], kind: str, folder: Path
) -> Iterator[Path | Missing]:
    """Writes charts as ``folder/<chart>.<kind>``; without names, all that have something to show.

    Raises:
        FigureError: for an unknown chart or format, before anything is written; and for a named
            chart that has nothing to show.
    """
    known_format(kind)
    selected = [chart_name(name) for name in names]
    for result in draw_all(study, selected or CHARTS):
        if isinstance(result, Drawn):
            spec = standalone(result.spec, result.title, result.caption, study.name)
            yield save(spec, folder / f"{result.name}.{kind}")
        elif names:
            raise FigureError(f"{result.name} of {study.name}: {result.reason}")
        else:
            yield result


def _draw(study: Study, name: str, selected: Chart) -> Drawn:
    frame = selected.frame(study)
    spec = selected.draw(frame).to_dict(validate=False)  # the tests validate; it costs seconds
    spec.pop("config", None)
    spec["datasets"] = _rounded(spec.get("datasets", {}))
    return Drawn(name, selected.title, selected.caption(frame), spec)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
