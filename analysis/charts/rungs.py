"""ASHA's rungs: who was stopped where, and whether a stopped trial would have won."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.judged import protocols
from analysis.charts.labels import plural
from analysis.charts.picked import IS_PICKED, PICKED

if TYPE_CHECKING:
    from analysis.study import Study

FATES = {"went on": ("#0072b2", "circle"), "stopped": ("#c44e00", theme.CROSS)}
HEIGHT = theme.HEIGHT - 60
INSET = 0.06  # of a rung's column, left free at both sides


def rungs(study: Study) -> pd.DataFrame:
    """A row per trial and rung: ``trial_id, rung`` (epoch), ``accuracy, fate, at, place, reached``.

    ``at`` places the trial within its rung's column by when it came, because a scheduler judges by
    those that came before.
    """
    frame = study.rungs
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
    names = ["trial_id", "rung", "accuracy", "fate", "at", "place", "reached", "measure"]
    return frame[names].reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Picture:
    """A column a rung: circles went on, crosses were stopped."""
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
    y = alt.Y(
        "accuracy:Q",
        title=frame["measure"].iloc[0],
        scale=alt.Scale(zero=False),
        axis=alt.Axis(format=".3~p"),
    )
    marks = alt.Chart(frame.drop(columns="measure")).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("trial_id:N", title="trial"),
            alt.Tooltip("rung:Q", title="epoch"),
            alt.Tooltip("accuracy:Q", format=".2%"),
            alt.Tooltip("place:Q"),
            alt.Tooltip("reached:Q", title="of"),
            "fate:N",
        ],
    )
    layers = [_fate(marks, fate) for fate in FATES]
    words = alt.Chart(heads).encode(x=x, y=alt.value(HEIGHT + 16))
    layers += [
        words.mark_text(fontWeight=600).encode(text="head:N"),
        words.mark_text(dy=16, color=theme.MUTED).encode(text="said:N"),
        marks.transform_filter(IS_PICKED).mark_point(
            shape="circle", filled=False, size=300, strokeWidth=2.5, opacity=1, color=theme.INK
        ),
    ]
    edges = pd.DataFrame({"at": range(1, len(heads))})
    if len(edges):
        layers.append(alt.Chart(edges).mark_rule(color=theme.GRID, strokeWidth=2).encode(x=x))
    picture = alt.layer(*layers).add_params(PICKED)
    return picture.properties(width=theme.WIDTH, height=HEIGHT)


def _fate(marks: alt.Chart, fate: str) -> alt.Chart:
    colour, shape = FATES[fate]
    ours = marks.transform_filter(alt.datum.fate == fate)
    if fate == "stopped":
        return ours.mark_point(
            shape=shape, filled=False, size=44, strokeWidth=1.5, color=colour, opacity=0.9
        )
    return ours.mark_point(shape=shape, size=44, color=colour, opacity=0.85)


def caption(frame: pd.DataFrame) -> str:
    first = frame[frame["rung"] == frame["rung"].min()]
    stopped = int((frame["fate"] == "stopped").sum())
    return (
        f"Trials from left to right as they came, judged by those before them: of"
        f" {plural(len(first), 'trial')} at the first rung {stopped:,} were stopped (a cross). A"
        " stopped trial is never compared with a finished one."
    )


CHART = Chart("Early stopping: the rungs", rungs, draw, caption)
