"""Warning: the position of each key's best value in its range. At an edge it is too narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import distinct
from analysis.charts.metric_label import nothing_finished
from analysis.claims.grid_edge import NATURAL
from analysis.study.best import best_of_each
from analysis.study.replicates import replicates
from analysis.study.searched_keys import searched_keys

if TYPE_CHECKING:
    from analysis.study.study import Study

EDGE = 0.05
"""A best value within this share of an end of its range lies at the edge."""


def range_edges(study: Study) -> pd.DataFrame:
    """A row per numeric key and family: ``key, layer, value, at, low, high, edge, role, n``.

    ``value`` is that of the family's best configuration, ``at`` its position in the searched range
    (0 is ``low``, 1 is ``high``; logarithmic where the space is), ``edge`` whether it lies within
    ``EDGE`` of an end.
    """
    if replicates(study).empty:
        raise NothingToShow(nothing_finished(study.trials))
    best = best_of_each(replicates(study), "layer")
    rows = [
        {
            "key": key,
            "layer": layer,
            "role": role,
            "n": int(count),
            **_place(float(value), domain, NATURAL.get(key, ())),
        }
        for key, role, domain in _ranges(study)
        for layer, value, count in zip(best["layer"], best[key], best["candidates"], strict=True)
        if pd.notna(value)
    ]
    if not rows:
        raise NothingToShow("No searched key has a range of numbers.")
    return pd.DataFrame(rows)


def _ranges(study: Study) -> list[tuple[str, str, dict[str, Any]]]:
    """Key, role and domain of the numeric keys, as columns of the frames."""
    keys = list((study.space.get("keys") or {}).values())
    named_keys = zip(searched_keys(study.space), keys, strict=True)
    return [
        (name, key.get("role", "scientific"), key["domain"])
        for name, key in named_keys
        if (key.get("domain") or {}).get("low") is not None
        and name in replicates(study)
        and _bounds(key["domain"])[0] < _bounds(key["domain"])[1]  # one value has no range
    ]


def _place(value: float, domain: dict[str, Any], natural: tuple[float, ...]) -> dict[str, Any]:
    low, high = _bounds(domain)
    scale = np.log if domain.get("log") else float
    span = scale(high) - scale(low) or 1.0
    at = float((scale(value) - scale(low)) / span)
    edge = not EDGE < at < 1 - EDGE and value not in natural
    return {"value": value, "at": at, "low": low, "high": high, "edge": edge}


def _bounds(domain: dict[str, Any]) -> tuple[float, float]:
    """The ends of the searched range, of the grid where there is one."""
    grid = domain.get("grid") or [domain["low"], domain["high"]]
    return float(min(grid)), float(max(grid))


def draw(frame: pd.DataFrame) -> Picture:
    """One line per key from low to high, with each family's best value, the edges shaded."""
    keys = frame["key"].unique().tolist()
    ends = frame.drop_duplicates("key").assign(start=0.0, end=1.0)
    said = [distinct(row) for row in zip(ends["low"], ends["high"], strict=True)]
    ends["low_said"], ends["high_said"] = zip(*said, strict=True)
    y = alt.Y("key:N", sort=keys, title=None, axis=alt.Axis(labelColor=theme.INK, grid=False))
    base = alt.Chart(ends[["key", "start", "end", "low_said", "high_said"]]).encode(y=y)
    families = theme.styles(frame["layer"].unique())
    values = [
        distinct(row)[0] for row in zip(frame["value"], frame["low"], frame["high"], strict=True)
    ]
    marks = alt.Chart(frame.assign(said=values)).encode(x=_x("at"), y=y)
    legend = alt.Legend(offset=12, **theme.RIMLESS)
    zones = [
        alt.Chart(pd.DataFrame({"from": [at], "to": [to]}))
        .mark_rect(color=theme.WARN, opacity=0.1)
        .encode(x=_x("from"), x2="to:Q")
        for at, to in ((0, EDGE), (1 - EDGE, 1))
    ]
    return alt.layer(
        *zones,
        base.mark_rule(strokeWidth=2, color=theme.FAINT).encode(x=_x("start"), x2="end:Q"),
        base.mark_text(align="right", dx=-8, color=theme.MUTED).encode(
            x=_x("start"), text="low_said:N"
        ),
        base.mark_text(align="left", dx=8, color=theme.MUTED).encode(
            x=_x("end"), text="high_said:N"
        ),
        marks.mark_point(size=110, opacity=0.95, stroke=theme.PAPER, strokeWidth=1).encode(
            color=alt.Color("layer:N", scale=theme.scale(families, "colour"), legend=legend),
            shape=alt.Shape("layer:N", scale=theme.scale(families, "shape"), legend=legend),
            tooltip=[
                "key:N",
                "layer:N",
                alt.Tooltip("said:N", title="best value"),
                "role:N",
                "n:Q",
            ],
        ),
        width=theme.WIDTH,
        height=max(44 * len(keys), 80),
    )


def _x(field: str) -> alt.X:
    """The axis of positions in the range, with room for text beside both ends."""
    return alt.X(f"{field}:Q", axis=None, scale=alt.Scale(domain=[-0.12, 1.12], nice=False))


def caption(frame: pd.DataFrame) -> str:
    at_edge = frame[frame["edge"] & (frame["role"] == "nuisance")]
    if at_edge.empty:
        return (
            "A mark is the value of a family's best configuration within the range searched. No"
            " nuisance key's best value lies at an edge (shaded)."
        )
    ranges = "; ".join(
        f"{key}: best at the {_side(rows)} edge for {', '.join(rows['layer'])}"
        for key, rows in at_edge.groupby("key")
    )
    return f"A mark is the value of a family's best configuration. Widen the range of {ranges}."


def _side(rows: pd.DataFrame) -> str:
    sides = sorted({"upper" if at > 0.5 else "lower" for at in rows["at"]})
    return " and ".join(sides)


CHART = Chart("Warning: best values at an edge", range_edges, draw, caption)
