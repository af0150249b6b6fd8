"""ASHA's rungs: which trials stopped where, and whether a stopped trial would have won."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_axis
from analysis.charts.metric_label import protocols
from analysis.charts.selection import IS_SELECTED, SELECTION
from analysis.study.matching_trials import matching_trials
from analysis.study.rungs import reached_rungs
from trainables.text.count import plural
from trainables.text.share import percent

if TYPE_CHECKING:
    from analysis.study.study import Study

FATES = {"went on": ("#0072b2", "circle"), "stopped": ("#c44e00", theme.CROSS)}
WON = "#8a6d00"
"""The colour of rings around stopped trials that would have won."""
HEIGHT = theme.HEIGHT - 60
INSET = 0.06  # share of a rung's column that stays free on both sides


def rungs(study: Study) -> pd.DataFrame:
    """A row per trial and rung: ``trial_id, rung`` (epoch), ``accuracy, fate, at, place, reached``.

    A stopped trial that finished in another study beside this one has ``twin_accuracy, twin_study,
    best`` and ``won``, see ``analysis.study.matching_trials``.

    ``at`` orders the trials of a rung by the time of their arrival, because a scheduler compares
    each with earlier ones.
    """
    frame = reached_rungs(study)
    if frame.empty:
        raise NothingToShow("No scheduler stopped a trial: every trial ran as far as it could.")
    frame = frame[frame["val_accuracy"].notna()].copy()
    columns = {rung: i for i, rung in enumerate(sorted(frame["rung"].unique()))}
    order = frame.groupby("rung")["time"].rank(method="first") - 0.5
    within = INSET + (1 - 2 * INSET) * order / frame["reached"]
    frame = frame.assign(
        accuracy=frame["val_accuracy"],
        fate=frame["stopped"].map({True: "stopped", False: "went on"}),
        at=frame["rung"].map(columns) + within,
        measure="validation accuracy at the rung" + protocols(study),
    )
    frame = frame.merge(matching_trials(study), on="trial_id", how="left")
    won = frame["won"].eq(True) & (frame["fate"] == "stopped")
    names = ["trial_id", "rung", "accuracy", "fate", "at", "place", "reached", "measure"]
    twin_columns = ["twin_accuracy", "twin_study", "best"]
    return frame[[*names, *twin_columns]].assign(won=won).reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Picture:
    """One column per rung: circles are trials that went on, crosses those that were stopped."""
    counts = frame.groupby("rung").agg(
        stopped=("fate", lambda fates: (fates == "stopped").sum()), reached=("fate", "size")
    )
    heads = counts.reset_index().assign(at=[i + 0.5 for i in range(len(counts))])
    heads["head"] = [f"epoch {rung}" for rung in heads["rung"]]
    heads["said"] = [
        f"{stopped} of {reached} stopped"
        for stopped, reached in zip(heads["stopped"], heads["reached"], strict=True)
    ]
    x = alt.X("at:Q", axis=None, scale=alt.Scale(domain=[0, len(heads)], nice=False))
    y = accuracy_axis(frame, frame["measure"].iloc[0])
    marks = alt.Chart(frame.drop(columns=["measure", "best"])).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("trial_id:N", title="trial"),
            alt.Tooltip("rung:Q", title="epoch"),
            alt.Tooltip("accuracy:Q", format=".2%"),
            alt.Tooltip("place:Q"),
            alt.Tooltip("reached:Q", title="of"),
            "fate:N",
            alt.Tooltip("twin_accuracy:Q", title="its complete twin reached", format=".2%"),
        ],
    )
    layers = [_fate(marks, fate) for fate in FATES]
    if frame["won"].any():
        rings = marks.transform_filter("datum.won")
        ring = rings.mark_point(shape="circle", filled=False, size=190, strokeWidth=2, opacity=1)
        layers.append(ring.encode(color=alt.value(WON)))
    words = alt.Chart(heads).encode(x=x, y=alt.value(HEIGHT + 16))
    layers += [
        words.mark_text(fontWeight=600).encode(text="head:N"),
        words.mark_text(dy=16, color=theme.MUTED).encode(text="said:N"),
        marks.transform_filter(IS_SELECTED).mark_point(
            shape="circle", filled=False, size=300, strokeWidth=2.5, opacity=1, color=theme.INK
        ),
    ]
    edges = pd.DataFrame({"at": range(1, len(heads))})
    if len(edges):
        layers.append(alt.Chart(edges).mark_rule(color=theme.GRID, strokeWidth=2).encode(x=x))
    return alt.layer(*layers, params=[SELECTION.param], width=theme.WIDTH, height=HEIGHT)


def _fate(marks: alt.Chart, fate: str) -> alt.Chart:
    colour, shape = FATES[fate]
    of_fate = marks.transform_filter(alt.datum.fate == fate)
    if fate == "stopped":
        return of_fate.mark_point(
            shape=shape, filled=False, size=44, strokeWidth=1.5, color=colour, opacity=0.9
        )
    return of_fate.mark_point(shape=shape, size=44, color=colour, opacity=0.85)


def caption(frame: pd.DataFrame) -> str:
    first = frame[frame["rung"] == frame["rung"].min()]
    stopped = int((frame["fate"] == "stopped").sum())
    return (
        f"Trials in the order in which they reached a rung, each compared with those before it. Of"
        f" {plural(len(first), 'trial')} at the first rung, {stopped:,} were stopped (crosses)"
        f" there or later. A stopped trial is never compared with a finished one.{_won(frame)}"
    )


def _won(frame: pd.DataFrame) -> str:
    """A sentence on how stopped trials ended in the other study, if any finished there."""
    stopped = frame[frame["fate"] == "stopped"]
    known = stopped[stopped["twin_accuracy"].notna()]
    if known.empty:
        return ""
    count, studies = int(known["won"].sum()), sorted(known["twin_study"].unique())
    reached = f"the best of them reached {percent(known['twin_accuracy'].max())}"
    return (
        f" {len(known):,} of the {plural(len(stopped), 'stopped trial')} ran to the end in"
        f" {' and '.join(studies)}: {f'{count:,} (ringed)' if count else 'none'} would have won;"
        f" {reached}, and the best here {percent(known['best'].iloc[0])}."
    )


CHART = Chart("Early stopping: the rungs", rungs, draw, caption)
