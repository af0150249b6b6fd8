"""The importance of searched keys: the share of the results' variance that each explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.metric_label import metric_name
from analysis.study.importances import key_importances
from analysis.study.searched_keys import searched_keys

if TYPE_CHECKING:
    from analysis.study.study import Study


ROLES = {
    "scientific": "#0072b2",
    "carried": "#008a64",
    "nuisance": theme.FAINT,
    "replicate": "#8a6d00",
}
"""The role of a key and the colour of its bar; the random seed distinguishes replicates."""


def importances(study: Study) -> pd.DataFrame:
    """A row per key that varies: ``key, importance`` (a share of 1), ``values, n, role``."""
    frame = key_importances(study)
    if frame.empty:
        raise NothingToShow("Too few finished trials to say which keys matter (fANOVA needs 8).")
    roles = {key: role for role in ROLES for key in searched_keys(study.space, role)}
    return frame.assign(
        role=[roles.get(key, "replicate") for key in frame["key"]], measure=metric_name(study)
    )


def draw(frame: pd.DataFrame) -> Picture:
    """One bar per key, longest first."""
    present = [role for role in ROLES if (frame["role"] == role).any()]
    base = alt.Chart(frame.drop(columns="measure")).encode(
        x=alt.X(
            "importance:Q",
            title="share of the variance explained",
            axis=alt.Axis(format="%", tickCount=5),
            scale=alt.Scale(
                domain=[0, min(1, frame["importance"].max() * 1.12 + 0.02)], nice=False
            ),
        ),
        y=alt.Y(
            "key:N", title=None, sort=frame["key"].tolist(), axis=alt.Axis(labelColor=theme.INK)
        ),
        tooltip=[
            "key:N",
            alt.Tooltip("importance:Q", format=".1%"),
            alt.Tooltip("values:Q", title="different values"),
            alt.Tooltip("n:Q", title="finished trials"),
            "role:N",
        ],
    )
    bars = base.mark_bar(height=alt.RelativeBandSize(0.62)).encode(
        color=alt.Color(
            "role:N",
            scale=alt.Scale(domain=present, range=[ROLES[role] for role in present]),
            legend=theme.CLOSE,
        )
    )
    words = base.mark_text(align="left", dx=5).encode(text=alt.Text("importance:Q", format=".0%"))
    return alt.layer(bars, words, width=theme.WIDTH, height=36 * len(frame))


def caption(frame: pd.DataFrame) -> str:
    return (
        f"Optuna's fANOVA over {int(frame['n'].iloc[0]):,} finished trials: how much of the"
        f" differences in {frame['measure'].iloc[0]} each key explains within the ranges searched."
        " A wide range makes a key look important, a narrow one hides it."
    )


CHART = Chart("Which keys matter", importances, draw, caption)
