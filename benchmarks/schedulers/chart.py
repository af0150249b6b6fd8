"""The table of schedulers as a picture: what each spends, and what its choice loses by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Picture
from analysis.charts.figure import save
from benchmarks.schedulers.methods import COMPLETE

AIM = {"epochs": 0.25, "regret": 0.1}
"""Share of the epochs and points of accuracy that a scheduler should stay within."""


def rows(studies: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each study and method: ``study, method, epochs, regret, worst``.

    The search to the end of every trial is left out: it spends all and loses nothing.

    Args:
        studies: as ``python -m benchmarks.schedulers`` writes them, by name.
    """
    return pd.DataFrame(
        {
            "study": f"{name}, {one['trials']} trials",
            "method": method,
            "epochs": found["epochs_share"],
            "regret": found["regret_points"],
            "worst": found["regret_95_percent_below"],
        }
        for name, one in studies.items()
        for method, found in one["methods"].items()
        if method != COMPLETE
    )


def draw(frame: pd.DataFrame) -> Picture:
    """A panel for each study, a point for each method; the grey corner is the aim."""
    styles = theme.styles(frame["method"].unique())
    colour, shape = (
        alt.Scale(domain=list(styles), range=[getattr(style, channel) for style in styles.values()])
        for channel in ("colour", "shape")
    )
    legend = alt.Legend(columns=3, offset=12)
    marks = alt.Chart(frame).encode(
        x=alt.X("epochs:Q", title="share of the epochs", axis=alt.Axis(format=".0%", grid=False)),
        y=alt.Y("regret:Q", title=None, axis=alt.Axis(grid=True)),
        color=alt.Color("method:N", scale=colour, legend=legend),
    )
    aim = alt.Chart(frame).mark_rect(color=theme.FAINT, opacity=0.05).encode(
        x=alt.datum(0),
        x2=alt.datum(AIM["epochs"]),
        y=alt.datum(min(frame["regret"].min(), 0.0)),
        y2=alt.datum(AIM["regret"]),
    )  # fmt: skip
    worst = marks.mark_rule(opacity=0.5).encode(y2="worst:Q")
    points = marks.mark_point(size=80, opacity=1).encode(
        shape=alt.Shape("method:N", scale=shape, legend=legend)
    )
    title = alt.Title(
        "What a scheduler spends, and what its choice loses",
        subtitle=[
            "Height: regret in points, the mean over all orders of arrival. A line reaches to",
            "where 95 % of them lie below. Grey: the aim, .1 points for a quarter of the epochs.",
        ],
    )
    panel = alt.layer(aim, worst, points, width=250, height=170)
    study = alt.Facet("study:N", sort=list(frame["study"].unique()))
    return panel.facet(study, columns=3, title=title).configure(**theme.CONFIG)


def write(studies: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draws them as a picture; the suffix of ``path`` says of which kind."""
    save(draw(rows(studies)), path)
