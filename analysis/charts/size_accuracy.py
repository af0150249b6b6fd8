"""Accuracy against size: the Pareto front with its uncertainty, and dense networks."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Literal

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_axis, log_ticks, probability, tick_format
from analysis.charts.metric_label import metric_name, nothing_finished
from analysis.charts.selection import IS_PICKED_CONFIGURATION, PICKED_CONFIGURATION
from analysis.study.best import contenders
from analysis.study.latency import latencies
from analysis.study.replicates import front_of, pareto_front, replicates
from trainables.config.installation import command_line
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

SIZES = {
    "parameters": "parameters",
    "macs": "multiply-adds per image",
    "train_seconds": "training time of one run (seconds)",
    "latency_ms": "measured latency of a forward pass (milliseconds)",
}
NO_MORE = {
    "parameters": "of equal or smaller size",
    "macs": "with as few multiply-adds or fewer",
    "train_seconds": "that trained in as little time or less",
    "latency_ms": "that is as fast or faster",
}
"""Which networks one on the front is not beaten by."""
LABEL_SHARE = 0.08  # share of the height that a label takes
LABELS = 14
"""The number of front points with room for their probability as a number."""


def size_accuracy(study: Study, size: str = "parameters") -> pd.DataFrame:
    """A row per configuration, smallest first.

    ``configuration, label, layer, compression, size, accuracy, low, high, n``: mean and 95 %
    interval over its n finished trials, and what ``size_key`` counts. ``dense``: the best dense
    network of the most parameters; ``narrow``: those on the front of the dense ones. ``on_front,
    probability, front, front_low, front_high``: see ``analysis.statistics.pareto``.
    """
    if replicates(study).empty:
        raise NothingToShow(nothing_finished(study.trials))
    frame = (
        _with_latency(study) if size == "latency_ms" else pareto_front(study, size, study.metric)
    )
    frame = frame[frame[size] > 0].rename(columns={"mean": "accuracy"})
    if frame.empty:
        raise NothingToShow(f"No finished trial has {SIZES[size]} to compare.")
    names = ["configuration", "label", "layer", "compression", "accuracy", "low", "high", "n"]
    doubt = ["on_front", "probability", "front", "front_low", "front_high"]
    rows = frame[names + doubt].assign(size=frame[size].astype(float), size_key=size)
    rows = rows.assign(**_dense(frame, size))
    return rows.assign(measure=metric_name(study)).reset_index(drop=True)


def _dense(frame: pd.DataFrame, size: str) -> dict[str, pd.Series]:
    """Which rows are the dense reference, the same network for every kind of size."""
    dense = frame[frame["layer"] == "dense"]
    if dense.empty or frame["layer"].nunique() < 2:
        return dict.fromkeys(("dense", "narrow"), pd.Series(False, index=frame.index))
    dense = contenders(dense.rename(columns={"accuracy": "mean"}))
    full = dense.index[dense["parameters"] == dense["parameters"].max()][0]
    rising = dense.sort_values([size, "mean"], ascending=[True, False])
    front = rising["mean"] > rising["mean"].cummax().shift(fill_value=-1.0)
    return {
        "dense": pd.Series(frame.index == full, index=frame.index),
        "narrow": front.reindex(frame.index, fill_value=False),
    }


def _with_latency(study: Study) -> pd.DataFrame:
    """The front over configurations with a measured latency."""
    measured = latencies(study).groupby("configuration")["latency_ms"].mean()
    frame = replicates(study).assign(
        latency_ms=replicates(study)["configuration"].map(measured).astype(float)
    )
    if frame["latency_ms"].isna().all():
        remedy = f"{command_line('export')} measures it."
        raise NothingToShow(f"No network's latency has been measured; {remedy}")
    return front_of(frame, "latency_ms")


def draw(frame: pd.DataFrame) -> Picture:
    """Points for configurations, a stepped line for the front, a band for its uncertainty."""
    data = frame.drop(columns=["measure", "size_key"])
    ticks = log_ticks(frame["size"])
    x = alt.X(
        "size:Q",
        title=SIZES[frame["size_key"].iloc[0]],
        scale=alt.Scale(type="log", nice=False, padding=32),
        axis=alt.Axis(format=tick_format(ticks), values=ticks, grid=False),
    )
    y = accuracy_axis(frame, frame["measure"].iloc[0])
    layers = [*_reference(data, x, y), *_front(data, x, y), *_points(data, x, y)]
    parameters = [PICKED_CONFIGURATION.param]
    return alt.layer(*layers, params=parameters, width=theme.WIDTH, height=theme.HEIGHT + 40)


def _front(data: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    front = data.loc[data["front"].notna(), ["size", "front", "front_low", "front_high"]]
    base = alt.Chart(front)
    line = base.mark_line(interpolate="step-after", color=theme.MUTED, strokeWidth=1.5)
    layers = [line.encode(x=x, y=alt.Y("front:Q", title=y["title"]))]
    if data["front_low"].notna().any():
        band = base.mark_area(interpolate="step-after", color=theme.MUTED, opacity=0.13)
        layers.insert(
            0, band.encode(x=x, y=alt.Y("front_low:Q", title=y["title"]), y2="front_high:Q")
        )
    return layers


def _reference(data: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The dense network's accuracy as a horizontal line, narrower ones as a dashed curve."""
    full = data.loc[data["dense"], ["size", "accuracy"]]
    if full.empty:
        return []
    end = _free_end(data, float(full["accuracy"].iloc[0]))
    full["at"] = data["size"].min() if end == "left" else data["size"].max()
    is_narrower = data.loc[data["dense"], "compression"].iloc[0] < 1
    name = "largest dense" if is_narrower else "dense"
    full["label"] = [f"{name} {value:.1%}" for value in full["accuracy"]]
    below = {"dy": 13} if _has_room_below(data, full) else {"dy": -8}
    layers = [
        alt.Chart(full).mark_rule(strokeDash=[2, 3], color=theme.INK).encode(y=y),
        alt.Chart(full).mark_text(align=end, **below, fontWeight=600).encode(
            x=alt.X("at:Q", title=x["title"]), y=y, text="label:N"
        ),
    ]  # fmt: skip
    narrow = data.loc[data["narrow"], ["size", "accuracy"]].sort_values("size")
    if len(narrow) > 1:
        line = alt.Chart(narrow).mark_line(strokeDash=[6, 3], strokeWidth=1.5, color=theme.INK)
        layers.append(line.encode(x=x, y=y))
        narrowest = narrow.head(1).assign(label="narrower dense")
        room = {"dy": 14} if _has_room_below(data, narrowest) else {"dy": -14}
        word = alt.Chart(narrowest).mark_text(align="left", **room)
        layers.append(word.encode(x=x, y=y, text="label:N"))
    return layers


def _free_end(data: pd.DataFrame, height: float) -> Literal["left", "right"]:
    """At which end of the axis less lies near this accuracy: a front point has a number, too."""
    place = np.log(data["size"] / data["size"].min())
    gap = (data["accuracy"] - height).abs() / (np.ptp(data["accuracy"]) or 1.0)
    weight = ((gap < 2 * LABEL_SHARE) & ~data["dense"]) * (1 + 9 * data["on_front"])
    share = place / (place.max() or 1.0)
    return "right" if weight[share > 0.75].sum() < weight[share < 0.25].sum() else "left"


def _has_room_below(data: pd.DataFrame, labelled: pd.DataFrame) -> bool:
    """Whether a label below this point stays clear of the axis."""
    lowest, highest = data["accuracy"].min(), data["accuracy"].max()
    return bool(labelled["accuracy"].iloc[0] - lowest > (highest - lowest) * LABEL_SHARE)


def _points(data: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    families = theme.styles(data["layer"].unique())
    legend = alt.Legend(symbolOpacity=1, **theme.RIMLESS)
    look = {
        "color": alt.Color("layer:N", scale=theme.scale(families, "colour"), legend=legend),
        "shape": alt.Shape("layer:N", scale=theme.scale(families, "shape"), legend=legend),
    }
    points = alt.Chart(data.drop(columns=["front", "front_low", "front_high"])).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("label:N", title="configuration"),
        alt.Tooltip("size:Q", title=x["title"], format=","),
        alt.Tooltip("accuracy:Q", format=".2%"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".2%"),
        alt.Tooltip("high:Q", title="to", format=".2%"),
        alt.Tooltip("n:Q", title="runs"),
        alt.Tooltip("probability:Q", title="on the front with probability", format=".0%"),
    ]
    front = points.transform_filter("datum.on_front")
    layers = [
        points.transform_filter("!datum.on_front")
        .mark_point(size=46, opacity=0.38)
        .encode(**look, tooltip=tooltip),
        front.mark_point(size=110, opacity=1, stroke=theme.PAPER, strokeWidth=1).encode(
            **look, tooltip=tooltip
        ),
        points.transform_filter(IS_PICKED_CONFIGURATION).mark_point(
            shape="circle", filled=False, size=420, strokeWidth=2.5, opacity=1, color=theme.INK
        ),
    ]
    if data["probability"].notna().any():
        layers.append(_probabilities(data, x, y))
    return layers


def _probabilities(data: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """The probability of each front point as a number above it, where there is room."""
    # the first of points with equal size, as in the table
    first = data[data["on_front"]].drop_duplicates("size")
    front = _without_overlap(first, room=math.log(data["size"].max() / data["size"].min()) / LABELS)
    front = front.assign(words=front["probability"].map(probability))
    words = alt.Chart(front[["size", "accuracy", "words"]]).encode(x=x, y=y, text="words:N")
    halo = words.mark_text(dy=-14, fontSize=11, stroke=theme.PAPER, strokeWidth=4)
    return alt.layer(halo, words.mark_text(dy=-14, fontSize=11))


def _without_overlap(front: pd.DataFrame, room: float) -> pd.DataFrame:
    """The points whose labels do not overlap, beginning with the last point."""
    indices: list[int] = []
    for i, size in reversed(list(enumerate(front["size"]))):
        if not indices or math.log(front["size"].iloc[indices[-1]] / size) >= room:
            indices.append(i)
    return front.iloc[indices]


def caption(frame: pd.DataFrame) -> str:
    front, runs = frame[frame["on_front"]], frame["n"]
    counted = f"{plural(len(frame), 'configuration')} from {plural(int(runs.sum()), 'trial')}"
    fresh = frame["front"].isna().any() and not frame["front"].isna().all()
    those = "estimated on fresh seeds" if fresh else "shown"
    text = (
        f"One point for each of {counted}. In full colour: the {len(front):,} on the Pareto front"
        f" among those {those} (no network {NO_MORE[frame['size_key'].iloc[0]]} is more accurate). "
    )
    if frame["probability"].isna().all():
        return text + (
            "With one run of each, the spread between runs is not known: no band, no probabilities."
        )
    return text + (
        "Numbers: the probability that the configuration is on the front again with fresh seeds."
        " Band: 95 % band of the front's height."
    )


def _chart(title: str, size: str, *, wide: bool = False) -> Chart:
    return Chart(title, functools.partial(size_accuracy, size=size), draw, caption, wide)


PARAMETERS = _chart("Accuracy against parameters", "parameters", wide=True)
MACS = _chart("Accuracy against multiply-adds", "macs")
LATENCY = _chart("Accuracy against measured latency", "latency_ms")
SECONDS = _chart("Accuracy against measured training time", "train_seconds")
