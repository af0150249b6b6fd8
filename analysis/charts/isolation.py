"""Isolation plots: for each value of a scientific key, the best over all other keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_axis, axis, distinct, key_format
from analysis.charts.metric_label import metric_name, nothing_finished
from analysis.charts.steps import neighbourhood
from analysis.study.best import best_of_each
from analysis.study.replicates import replicates
from analysis.study.searched_keys import searched_keys
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

COLUMNS = 2
CLOUD = 200
"""The number of other configurations shown in each panel."""
BEST = "#0072b2"
"""The colour of the best."""


def isolation(study: Study) -> pd.DataFrame:
    """A row per point: ``key, part, value, label, accuracy, low, high, n, candidates``.

    ``part`` is ``best`` (the best configuration with this value, of ``candidates``; its 95 % t
    interval ``low`` to ``high`` where it has several runs) or ``other`` (another configuration, at
    most ``CLOUD`` of them, evenly from best to worst).
    """
    if replicates(study).empty:
        raise NothingToShow(nothing_finished(study.trials))
    keys = [key for key in searched_keys(study.space, "scientific") if _values(study, key) > 1]
    if not keys:
        raise NothingToShow("No scientific key has two values with a finished trial.")
    frame = pd.concat([_of_key(study, key) for key in keys], ignore_index=True)
    return frame.assign(measure=metric_name(study))


def _values(study: Study, key: str) -> int:
    return replicates(study)[key].nunique() if key in replicates(study) else 0


def _of_key(study: Study, key: str) -> pd.DataFrame:
    known = replicates(study)[replicates(study)[key].notna()]
    numeric = _numeric(known[key])
    best = best_of_each(known, neighbourhood(known[key]) if numeric else key).assign(part="best")
    others = known.sort_values("mean")
    others = others.iloc[:: max(1, -(-len(others) // CLOUD))].assign(part="other")
    rows = pd.concat([best, others], ignore_index=True).rename(columns={"mean": "accuracy"})
    domain = ((study.space.get("keys") or {}).get(key) or {}).get("domain") or {}
    return rows.assign(
        key=key,
        value=rows[key].astype(float) if numeric else float("nan"),
        label=distinct(rows[key]),
        log=bool(domain.get("log")),
    )[["key", "part", "value", "label", "log", "accuracy", "low", "high", "n", "candidates"]]


def _numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def draw(frame: pd.DataFrame) -> Picture:
    """A panel for each key."""
    keys = frame["key"].unique()
    columns = min(len(keys), COLUMNS)
    panels = [_panel(frame[frame["key"] == key], columns) for key in keys]
    return alt.concat(*panels, columns=columns).resolve_scale(y="shared")


def _panel(rows: pd.DataFrame, columns: int) -> alt.LayerChart:
    key, name = rows["key"].iloc[0], rows["measure"].iloc[0]
    numeric = rows["value"].notna().all()
    data = rows.drop(columns=["key", "measure", "log"])
    x = _numbers(rows, key) if numeric else _names(rows, key)
    y = accuracy_axis(rows, name)
    best = alt.Chart(data[data["part"] == "best"]).encode(x=x, y=y)
    others = alt.Chart(data[data["part"] == "other"]).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("label:N", title=key),
        alt.Tooltip("accuracy:Q", format=".2%"),
        alt.Tooltip("n:Q", title="runs"),
        alt.Tooltip("candidates:Q", title="best of"),
    ]
    layers = [
        others.mark_point(size=14, opacity=0.35, color=theme.MUTED),
        best.mark_rule(strokeWidth=2, color=BEST).encode(y=alt.Y("low:Q", title=name), y2="high:Q"),
        best.mark_point(size=70, opacity=1, color=BEST).encode(tooltip=tooltip),
    ]
    if numeric:
        layers.insert(1, best.mark_line(strokeWidth=1.5, color=BEST))
    width = theme.WIDTH if columns == 1 else (theme.WIDTH - 70) // 2
    return alt.layer(*layers, width=width, height=240)


def _numbers(rows: pd.DataFrame, key: str) -> alt.X:
    room = {"nice": False, "padding": 14}
    log = bool(rows["log"].iloc[0]) and (rows["value"] > 0).all()
    scale = alt.Scale(type="log", **room) if log else alt.Scale(zero=False, **room)
    few = rows["value"].nunique() <= 8
    values = sorted(rows["value"].unique())
    ticks = (
        {"values": values, "format": key_format(values)}
        if few
        else {"tickCount": 6, "format": key_format(np.linspace(values[0], values[-1], 7))}
    )
    return alt.X("value:Q", title=axis(key), scale=scale, axis=alt.Axis(grid=False, **ticks))


def _names(rows: pd.DataFrame, key: str) -> alt.X:
    best = rows[rows["part"] == "best"].sort_values("accuracy", ascending=False)
    angle = 0 if best["label"].str.len().max() * len(best) < 56 else -35
    order = best["label"].tolist()
    return alt.X("label:N", title=axis(key), sort=order, axis=alt.Axis(labelAngle=angle))


def caption(frame: pd.DataFrame) -> str:
    best = frame[frame["part"] == "best"]
    rivals = int(best["candidates"].max())
    bars = (
        "There is one run of each, so that differences prove nothing."
        if best["n"].max() < 2
        else "Bars are 95 % t intervals of its mean over seeds."
    )
    return (
        f"{plural(best['key'].nunique(), 'scientific key')}. A large point is the best"
        f" configuration with that value, of up to {rivals:,}; the best of many is partly luck."
        f" {bars}"
    )


CHART = Chart("Isolation: the best for each value", isolation, draw, caption, wide=True)
