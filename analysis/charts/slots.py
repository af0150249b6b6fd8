"""The use of slots over time: one bar per attempt, and the share of time in use."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.selection import IS_SELECTED, SELECTION
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
IDLE = 0.02
"""Pauses of all slots that are longer than this share of the busy time are left out."""


def slots(study: Study) -> pd.DataFrame:
    """A row per attempt: ``trial_id, attempt, status, slot`` (from 1), ``start, end`` in ``unit``.

    Time starts at the first attempt and leaves out pauses between runs. An attempt without a
    recorded end lasts until the study's last recorded time.
    """
    attempts = study.attempts[study.attempts["started"].notna()].sort_values("started")
    if attempts.empty:
        raise NothingToShow("No trial has started yet.")
    last_time = pd.concat([attempts["started"], attempts["ended"], study.epochs["time"]]).max()
    frame = attempts[["trial_id", "attempt", "status", "started", "ended"]].reset_index(drop=True)
    frame["ended"] = frame["ended"].fillna(last_time).clip(lower=frame["started"])
    frame["slot"] = _assign(frame)
    frame = _without_pauses(frame)
    unit = _unit(frame["ended"].max())
    declared = int(study.runs["slots"].max()) if study.runs["slots"].notna().any() else 1
    return frame.assign(
        start=frame["started"] / UNITS[unit],
        end=frame["ended"] / UNITS[unit],
        unit=unit,
        slots=max(declared, int(frame["slot"].max())),
    ).drop(columns=["started", "ended"])


def _assign(frame: pd.DataFrame) -> list[int]:
    """The slot of each attempt: the lowest that is free when it starts."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    slots = []
    for started, ended in zip(frame["started"], frame["ended"], strict=True):
        while busy and busy[0][0] <= started:
            heapq.heappush(free, heapq.heappop(busy)[1])
        slot = heapq.heappop(free) if free else len(busy) + 1
        heapq.heappush(busy, (ended, slot))
        slots.append(slot)
    return slots


def _without_pauses(frame: pd.DataFrame) -> pd.DataFrame:
    """Seconds since the first start, without the time in which nothing ran."""
    reached = frame["ended"].cummax().shift(fill_value=frame["started"].iloc[0])
    pauses = (frame["started"] - reached).clip(lower=0)
    working = frame["ended"].max() - frame["started"].iloc[0] - pauses.sum()
    left_out = pauses.where(pauses > IDLE * working, 0).cumsum() + frame["started"].iloc[0]
    return frame.assign(started=frame["started"] - left_out, ended=frame["ended"] - left_out)


def _unit(seconds: float) -> str:
    return [unit for unit, length in UNITS.items() if seconds >= 2 * length or unit == "seconds"][
        -1
    ]


def draw(frame: pd.DataFrame) -> Picture:
    """Bars, with one line per slot."""
    unit, count = frame["unit"].iloc[0], int(frame["slots"].iloc[0])
    present = [status for status in theme.STATUS_COLOURS if (frame["status"] == status).any()]
    colours = alt.Scale(domain=present, range=[theme.STATUS_COLOURS[status] for status in present])
    bars = alt.Chart(frame.drop(columns=["unit", "slots"])).encode(
        x=alt.X(
            "start:Q",
            title=f"{unit} since the start",
            scale=alt.Scale(nice=False),
            axis=alt.Axis(tickCount=10),
        ),
        x2="end:Q",
        y=alt.Y("slot:O", title="slot", scale=alt.Scale(domain=list(range(1, count + 1)))),
        color=alt.Color("status:N", scale=colours),
        tooltip=[
            alt.Tooltip("trial_id:N", title="trial"),
            alt.Tooltip("status:N"),
            alt.Tooltip("attempt:Q"),
            alt.Tooltip("start:Q", title=f"start ({unit})", format=".3~f"),
            alt.Tooltip("end:Q", title=f"end ({unit})", format=".3~f"),
        ],
    )
    height = min(max(26 * count, 60), theme.HEIGHT)
    thin = len(frame) > 40 * count
    marks = bars.mark_bar(
        height=alt.RelativeBandSize(0.75), stroke=theme.PAPER, strokeWidth=0 if thin else 0.7
    )
    outlined = bars.mark_bar(
        height=alt.RelativeBandSize(0.95), fillOpacity=0, stroke=theme.INK, strokeWidth=2
    ).transform_filter(IS_SELECTED)
    parameters = [SELECTION.param]
    return alt.layer(marks, outlined, params=parameters, width=theme.WIDTH, height=height)


def caption(frame: pd.DataFrame) -> str:
    count, unit = int(frame["slots"].iloc[0]), frame["unit"].iloc[0]
    share = (frame["end"] - frame["start"]).sum() / (count * frame["end"].max() or 1)
    retries = int((frame["attempt"] > frame.groupby("trial_id")["attempt"].transform("min")).sum())
    continued = f" {plural(retries, 'attempt')} continued a trial begun before." if retries else ""
    return (
        f"One bar per attempt: {plural(len(frame), 'attempt')} in {plural(count, 'slot')} over"
        f" {frame['end'].max():.3g} {unit}. The slots were busy for {100 * min(share, 1):.0f} % of"
        f" that time.{continued}"
    )


CHART = Chart("Use of the slots over time", slots, draw, caption, wide=True)
