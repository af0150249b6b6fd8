"""The 2018 study's plot: accuracy against rank, with a curve per weight-decay treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_axis, axis, distinct, key_format, spread
from analysis.charts.metric_label import metric_name, nothing_finished
from analysis.charts.ranks import ranked
from analysis.charts.steps import neighbourhood
from analysis.study.best import best_of_each
from analysis.study.configurations import grid
from analysis.study.replicates import replicates, summarize_runs
from analysis.study.searched_keys import searched_keys
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

TREATMENTS = ("weight_decay_scaling", "weight_decay", "dims", "protocol", "learning_rate")
"""Keys that may distinguish curves, besides the family: the first scientific one is used."""
SIZES = ("rank", "parameters_budget", "compression_budget")  # keys with a logarithmic axis
FEW = 7  # curves that one plot can carry


def rank_accuracy(study: Study) -> pd.DataFrame:
    """A row per curve and rank: ``curve, rank, accuracy, low, high, runs, candidates``.

    Accuracy is the mean of the best of ``candidates`` configurations, over all nuisance keys, with
    its 95 % t interval over the finished ``runs``; one run has no interval. Merged duplicates are
    included. Sampled ranks are grouped into neighbourhoods.
    """
    if replicates(study).empty:
        raise NothingToShow(nothing_finished(study.trials))
    rows = ranked(summarize_runs(grid(study), study.metric))
    rows = rows.assign(curve=_curves(rows, study))
    best = best_of_each(rows, ["curve", neighbourhood(rows["rank_value"])])
    if best.groupby("curve").size().max() < 2:
        raise NothingToShow("No curve has two ranks yet.")
    names = {"rank_value": "rank", "mean": "accuracy", "n": "runs"}
    best = best.drop(columns="rank").rename(columns=names).sort_values(["curve", "rank"])
    columns = ["curve", "rank", "accuracy", "low", "high", "runs", "candidates", "rank_key"]
    return best[columns].assign(measure=metric_name(study)).reset_index(drop=True)


def _curves(rows: pd.DataFrame, study: Study) -> pd.Series:
    """The name of each configuration's curve: family, treatment, or both where both vary."""
    families, layers = rows["layer"].nunique(), rows["layer"].astype(str)
    compared = searched_keys(study.space, "scientific")
    for key in (key for key in TREATMENTS if key in compared):
        values = rows[key].nunique(dropna=False)
        if values > 1 and values * families <= FEW:
            words = pd.Series(distinct(rows[key]), index=rows.index)
            label = f"{_name(key)} " + words
            # a key of other families alone is not named: "low_rank" beside "tensor_train, d = 4"
            named = layers.where(rows[key].isna(), layers + ", " + label)
            return named if families > 1 else label
    return layers


def _name(key: str) -> str:
    return {"weight_decay_scaling": "α =", "weight_decay": "decay", "dims": "d ="}.get(key, key)


def draw(frame: pd.DataFrame) -> Picture:
    """A line with its interval for each curve, named at its end."""
    key, name = frame["rank_key"].iloc[0], frame["measure"].iloc[0]
    styles = theme.styles(frame["curve"].unique())
    log = key in SIZES and frame["rank"].max() >= 8 * frame["rank"].min()
    room = {"nice": False, "padding": 12}
    ticks = _ticks(frame["rank"], log=log)
    x = alt.X(
        "rank:Q",
        title=axis(key),
        scale=alt.Scale(type="log", **room) if log else alt.Scale(zero=False, **room),
        axis=alt.Axis(grid=False, format=key_format(ticks), values=ticks),
    )
    y = accuracy_axis(frame, name)
    data = alt.Chart(frame.drop(columns=["rank_key", "measure"])).encode(
        x=x,
        color=alt.Color("curve:N", scale=theme.scale(styles, "colour"), legend=None),
        tooltip=[
            "curve:N",
            alt.Tooltip("rank:Q"),
            alt.Tooltip("accuracy:Q", format=".2%"),
            alt.Tooltip("low:Q", format=".2%"),
            alt.Tooltip("high:Q", format=".2%"),
            alt.Tooltip("runs:Q"),
            alt.Tooltip("candidates:Q", title="best of"),
        ],
    )
    band = data.mark_area(opacity=0.16).encode(y=alt.Y("low:Q", title=name), y2="high:Q")
    line = data.mark_line().encode(
        y=y, strokeDash=alt.StrokeDash("curve:N", scale=theme.scale(styles, "dash"), legend=None)
    )
    points = data.mark_point(size=42, opacity=1).encode(
        y=y, shape=alt.Shape("curve:N", scale=theme.scale(styles, "shape"), legend=None)
    )
    words = _names(frame, data)
    return alt.layer(band, line, points, words, width=theme.WIDTH, height=theme.HEIGHT)


def _ticks(ranks: pd.Series, *, log: bool) -> list[float]:
    """All ranks where they are few, else some of them."""
    values = np.unique(ranks)
    if len(values) <= 12:
        return values.tolist()
    space = np.geomspace if log else np.linspace
    even = space(values[0], values[-1], 8)
    return sorted({float(values[np.abs(values - place).argmin()]) for place in even})


def _names(frame: pd.DataFrame, data: alt.Chart) -> alt.Chart:
    ends = frame.loc[frame.groupby("curve")["rank"].idxmax()].drop(columns=["rank_key", "measure"])
    reach = max(
        frame[["high", "accuracy"]].max().max() - frame[["low", "accuracy"]].min().min(), 1e-6
    )
    ends = ends.assign(at=spread(ends["accuracy"].tolist(), reach * 16 / theme.HEIGHT))
    text = alt.Chart(ends).mark_text(align="left", dx=9, fontWeight=600)
    return text.encode(x="rank:Q", y="at:Q", text="curve:N", color=data.encoding.color)


def caption(frame: pd.DataFrame) -> str:
    runs, max_candidates = frame["runs"], int(frame["candidates"].max())
    counted = f"{plural(frame['curve'].nunique(), 'curve')} of {plural(int(runs.sum()), 'trial')}"
    if max_candidates > 1:
        counted += f", each point the best of up to {max_candidates:,} settings of the other keys"
    if runs.max() < 2:
        bands = "One run per point: no interval can be drawn, and differences prove nothing."
    else:
        bands = f"Bands are 95 % t intervals of the mean over {_range(runs)} runs per point."
    return f"{counted}. {bands}"


def _range(runs: pd.Series) -> str:
    low, high = int(runs.min()), int(runs.max())
    return str(low) if low == high else f"{low} to {high}"


CHART = Chart("Rank or budget against accuracy", rank_accuracy, draw, caption)
