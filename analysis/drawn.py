"""A study's charts, all of them: drawn, or missing with a reason."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.charts.chart import Chart, NothingToShow
from analysis.charts.registry import CHARTS

if TYPE_CHECKING:
    from analysis.study import Study

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


def draw_all(study: Study) -> Iterator[Drawn | Missing]:
    """Every chart of ``CHARTS``, one after the other: drawn, or missing with its reason."""
    for name, chart in CHARTS.items():
        try:
            yield _draw(study, name, chart)
        except NothingToShow as nothing:
            yield Missing(name, chart.title, str(nothing))
        except Exception as problem:  # one chart must not cost a reader the whole report
            logging.getLogger(__name__).exception("chart %s of %s", name, study.name)
            reason = f"This chart could not be drawn ({type(problem).__name__}: {problem})."
            yield Missing(name, chart.title, reason)


def _draw(study: Study, name: str, chart: Chart) -> Drawn:
    frame = chart.frame(study)
    spec = chart.draw(frame).to_dict(validate=False)  # the tests validate; it costs seconds
    spec.pop("config", None)
    spec["datasets"] = _rounded(spec.get("datasets", {}))
    return Drawn(name, chart.title, chart.caption(frame), spec)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
