"""Parallel coordinates: one line per trial through its searched keys, size and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import distinct, short
from analysis.charts.metric_label import scored_trials
from analysis.charts.selection import IS_SELECTED, SELECTION
from analysis.study.searched_keys import searched_keys
from trainables.text.count import plural, short_count

if TYPE_CHECKING:
    from analysis.study.study import Study

BEST, MOST = 0.1, 24
"""The share of each family's trials drawn in colour, and how many of them at most."""
MANY = 240
"""Above this number, only a sample of the trials that are not among the best is drawn."""
JITTER = 0.05  # of the axis: trials with the same word lie beside each other
ACCURACY = "accuracy"


def parallel(study: Study) -> pd.DataFrame:
    """A row per trial and axis, and per tick: ``part, trial_id, layer, best, axis, at, label``.

    ``at`` is the position on the axis, from 0 (bottom) to 1; numbers over a wide range have a
    logarithmic axis. Trials beyond ``MANY`` are thinned evenly from best to worst; the best stay.
    """
    rows = scored_trials(study).sort_values("accuracy", ascending=False).reset_index(drop=True)
    searched = searched_keys(study.space)
    keys = [key for key in searched if key in rows and rows[key].nunique(dropna=False) > 1]
    if not keys or len(rows) < 2:
        raise NothingToShow("Fewer than two finished trials differ in a searched key.")
    rank_in_family = rows.groupby("layer").cumcount()
    count = rows["layer"].map(rows["layer"].value_counts())
    rows["best"] = rank_in_family < (BEST * count).round().clip(1, MOST)
    kept_rows = _thinned(rows)
    axes = [*keys, *(["parameters"] if rows["parameters"].nunique() > 1 else []), ACCURACY]
    parts = [part for name in axes for part in _axis(rows, kept_rows, name)]
    return pd.concat(parts, ignore_index=True).assign(of=len(rows), measure=rows["measure"].iloc[0])


def _thinned(rows: pd.DataFrame) -> pd.Index:
    if len(rows) <= MANY:
        return rows.index
    best, others = rows.index[rows["best"]], rows.index[~rows["best"]]
    return best.append(others[:: -(-len(others) // max(MANY - len(best), 1))])


def _axis(rows: pd.DataFrame, shown: pd.Index, name: str) -> list[pd.DataFrame]:
    """The trials' positions on one axis, and its ticks."""
    values = rows[name]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        at, ticks = _numbers(values.astype(float), name)
    else:
        at, ticks = _words(values)
    texts = [f"{value:.2%}" for value in values] if name == ACCURACY else distinct(values)
    lines = rows[["trial_id", "layer", "best"]].assign(part="line", at=at, label=texts).loc[shown]
    marks = pd.DataFrame(ticks, columns=["at", "label"]).assign(part="tick")
    return [part.assign(axis=name) for part in (lines[lines["at"].notna()], marks)]


def _numbers(values: pd.Series, name: str) -> tuple[pd.Series, list[tuple[float, str]]]:
    low, high = values.min(), values.max()
    log = low > 0 and high / low >= 20
    scaled = np.log(values) if log else values
    span = (scaled.max() - scaled.min()) or 1.0
    ends = np.geomspace(low, high, 4) if log else np.linspace(low, high, 4)
    ends = np.unique(np.round(ends) if (values.dropna() % 1 == 0).all() else ends)
    said = _ticks(ends.tolist(), name)
    places = ((np.log(ends) if log else ends) - scaled.min()) / span
    return (scaled - scaled.min()) / span, list(zip(places, said, strict=True))


def _ticks(values: Sequence[float], name: str) -> list[str]:
    """The values as text, with more digits where they would read alike."""
    if name == ACCURACY:
        written = ([f"{value:.{digits}%}" for value in values] for digits in range(1, 14))
        return next((texts for texts in written if len(set(texts)) == len(texts)), [])
    if name != "parameters" and max(values) < 100_000 and all(value % 1 == 0 for value in values):
        return [f"{value:,.0f}" for value in values]  # 1,024 rather than 1.02k
    texts = [short_count(value) if value >= 1000 else short(value) for value in values]
    return texts if len(set(texts)) == len(texts) else distinct(values)


def _words(values: pd.Series) -> tuple[pd.Series, list[tuple[float, str]]]:
    words = sorted(values.dropna().astype(str).unique())
    place = {word: (i + 0.5) / len(words) for i, word in enumerate(words)}
    at = values.astype(object).map(lambda value: place.get(str(value), np.nan)).astype(float)
    order = at.groupby(at).cumcount() / at.groupby(at).transform("size").clip(lower=1)
    return at + JITTER * (1 - 2 * order), [(at, short(word)) for word, at in place.items()]


def draw(frame: pd.DataFrame) -> Picture:
    """Grey lines, with each family's best tenth in its colour on top."""
    lines, ticks = frame[frame["part"] == "line"], frame[frame["part"] == "tick"]
    x = alt.X(
        "axis:N",
        sort=frame["axis"].unique().tolist(),
        title=None,
        scale=alt.Scale(type="point", padding=0.3),
        axis=alt.Axis(
            orient="top", labelAngle=0, labelFontWeight=600, labelColor=theme.INK, labelPadding=12
        ),
    )
    y = alt.Y("at:Q", axis=alt.Axis(labels=False, grid=False, title=None))
    data = alt.Chart(lines[["trial_id", "layer", "best", "axis", "at"]])
    data = data.encode(x=x, y=y, detail="trial_id:N")
    families = theme.styles(lines["layer"].unique())
    best = data.transform_filter("datum.best").encode(
        color=alt.Color("layer:N", scale=theme.scale(families, "colour"), legend=theme.CLOSE),
        strokeDash=alt.StrokeDash(
            "layer:N", scale=theme.scale(families, "dash"), legend=theme.CLOSE
        ),
    )
    others = data.transform_filter("!datum.best")
    selected = data.transform_filter(IS_SELECTED)
    words = alt.Chart(ticks[["axis", "at", "label"]]).encode(x=x, y=y, text="label:N")
    return alt.layer(
        _rules(x, y, ticks["axis"].unique()),
        others.mark_line(strokeWidth=1, strokeOpacity=0.5, color=theme.FAINT),
        best.mark_line(strokeWidth=1.8, strokeOpacity=0.85),
        words.mark_text(align="left", dx=7, fontSize=11, stroke=theme.PAPER, strokeWidth=4),
        words.mark_text(align="left", dx=7, fontSize=11),
        selected.mark_line(strokeWidth=6, color=theme.PAPER),
        selected.mark_line(strokeWidth=3, color=theme.INK),
        params=[SELECTION.param],
        width=theme.WIDTH,
        height=theme.HEIGHT - 60,
    )


def _rules(x: alt.X, y: alt.Y, axes: np.ndarray) -> alt.Chart:
    ends = pd.DataFrame({"axis": np.repeat(axes, 2), "at": [0.0, 1.0] * len(axes)})
    return (
        alt.Chart(ends)
        .mark_line(color=theme.MUTED, strokeWidth=1)
        .encode(x=x, y=y, detail="axis:N")
    )


def caption(frame: pd.DataFrame) -> str:
    lines = frame[frame["part"] == "line"].drop_duplicates("trial_id")
    of, best = int(frame["of"].iloc[0]), int(lines["best"].sum())
    grey = (
        f"the other {of - best:,} in grey"
        if len(lines) == of
        else f"{len(lines) - best:,} of the other {of - best:,} in grey, evenly from best to worst"
    )
    return (
        f"One line per finished trial: the best tenth of each family by {frame['measure'].iloc[0]}"
        f" in colour ({plural(best, 'trial')}), {grey}. A line skips the keys that its trial does"
        " not have."
    )


CHART = Chart("Parallel coordinates", parallel, draw, caption, wide=True)
