"""Training curves: accuracy against epoch, stopped trials marked where they stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_axis, spread
from analysis.charts.metric_label import METRIC_NAMES, protocols
from analysis.charts.selection import SELECTION
from analysis.record.status import TrialStatus
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

MANY = 48
"""Above this number of trials single curves hide each other, and families are summarised."""


def curves(study: Study) -> pd.DataFrame:
    """A row per point drawn: ``part, trial_id, layer, epoch, accuracy, low, high``.

    ``part`` is ``run`` (a trial's curve), ``stop`` (where a scheduler stopped one) or ``middle``: a
    family's median over its trials, with the range ``low`` to ``high`` of the middle 80 %. Of more
    than ``MANY`` trials only the best curve of each family is drawn.
    """
    epochs, name = _epochs(study)
    last = epochs.loc[epochs.groupby("trial_id")["epoch"].idxmax()]
    stops = last[last["status"] == TrialStatus.STOPPED]
    if len(last) <= MANY:
        parts = {"run": epochs, "stop": stops}
    else:
        best = last.loc[last.groupby("layer")["accuracy"].idxmax(), "trial_id"]
        parts = {
            "middle": _middle(epochs),
            "stop": stops,
            "run": epochs[epochs["trial_id"].isin(best)],
        }
    frame = pd.concat([rows.assign(part=part) for part, rows in parts.items() if len(rows)])
    columns = ["part", "trial_id", "layer", "epoch", "accuracy", "low", "high"]
    return (
        frame.reindex(columns=columns).assign(measure=name, trials=len(last)).reset_index(drop=True)
    )


def _epochs(study: Study) -> tuple[pd.DataFrame, str]:
    """Every epoch with its accuracy, and that accuracy's name."""
    if study.epochs.empty:
        raise NothingToShow("No trial has finished an epoch yet.")
    on_validation = study.epochs["val_accuracy"].notna().any()
    column = "val_accuracy" if on_validation else "train_accuracy"
    name = METRIC_NAMES["val_accuracy_last"] if on_validation else "training accuracy"
    epochs = study.epochs[["trial_id", "epoch", column]].rename(columns={column: "accuracy"})
    epochs = epochs.merge(study.trials[["trial_id", "layer", "status"]], on="trial_id")
    epochs = epochs[epochs["accuracy"].notna()]
    if epochs.empty:
        raise NothingToShow("No epoch has an accuracy yet.")
    return epochs, name + protocols(study)


def _middle(epochs: pd.DataFrame) -> pd.DataFrame:
    groups = epochs.groupby(["layer", "epoch"])["accuracy"]
    table = groups.quantile([0.1, 0.5, 0.9]).unstack()
    table.columns = pd.Index(["low", "accuracy", "high"])
    return table.reset_index()


def draw(frame: pd.DataFrame) -> Picture:
    """Lines for trials, bands for families, crosses where a trial was stopped."""
    colour = _colour(frame)
    measure = frame["measure"].iloc[0]
    points = frame.drop(columns=["measure", "trials"])
    x = alt.X(
        "epoch:Q",
        title="epochs finished",
        scale=alt.Scale(zero=False, nice=False),
        axis=alt.Axis(tickMinStep=1, grid=False),
    )
    y = accuracy_axis(frame, measure, tickCount=6)
    families = theme.styles(frame["layer"].unique())
    dash = alt.StrokeDash("layer:N", scale=theme.scale(families, "dash"), legend=None)
    few = frame["trials"].iloc[0] <= MANY
    layers = []
    if "middle" in set(frame["part"]):
        middle = alt.Chart(points[points["part"] == "middle"]).encode(x=x, color=colour)
        band = middle.mark_area(opacity=0.13).encode(y="low:Q", y2="high:Q")
        line = middle.mark_line(strokeWidth=1.5, strokeOpacity=0.75)
        layers += [band, line.encode(y=y, strokeDash=dash)]
    runs = alt.Chart(points[points["part"] == "run"]).encode(
        x=x, y=y, color=colour, strokeDash=dash, detail="trial_id:N"
    )
    layers.append(runs.mark_line(strokeWidth=1.6 if few else 2.4, opacity=0.7 if few else 1))
    if points["epoch"].nunique() == 1:  # one point needs a mark, not a line
        layers.append(runs.mark_point(filled=True, size=44).encode(strokeDash=alt.Undefined))
    layers.append(_hover(runs))
    if (points["part"] == "stop").any():
        layers += _stops(points[points["part"] == "stop"], x, y, colour)
    layers.append(_ends(points))
    layers.append(_picked(x, y))
    return alt.layer(*layers, params=[SELECTION.param], width=theme.WIDTH, height=theme.HEIGHT)


def _colour(frame: pd.DataFrame) -> alt.Color:
    families = theme.styles(frame["layer"].unique())
    return alt.Color("layer:N", scale=theme.scale(families, "colour"), legend=None)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("trial_id:N", title="trial"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("accuracy:Q", format=".2%"),
    ]


def _hover(runs: alt.Chart) -> alt.Chart:
    """Invisible points that react to the pointer."""
    return runs.mark_point(opacity=0, size=60).encode(tooltip=_tooltip(), strokeDash=alt.Undefined)


def _stops(stops: pd.DataFrame, x: alt.X, y: alt.Y, colour: alt.Color) -> list[alt.Chart]:
    """A cross for each stopped trial, and below each epoch the number of its crosses."""
    marks = alt.Chart(stops).mark_point(shape=theme.CROSS, filled=False, size=40, strokeWidth=1.3)
    lowest = stops.groupby("epoch").agg(accuracy=("accuracy", "min"), count=("epoch", "size"))
    lowest = lowest.assign(label=lowest["count"].astype(str) + " stopped").reset_index()
    words = alt.Chart(lowest).mark_text(align="left", dx=8, dy=10, color=theme.MUTED)
    return [
        marks.encode(x=x, y=y, color=colour, tooltip=_tooltip()),
        words.encode(x="epoch:Q", y="accuracy:Q", text="label:N"),
    ]


def _ends(points: pd.DataFrame) -> alt.Chart:
    """Each family's name at the end of its best curve."""
    runs = points[points["part"] == "run"]
    ends = runs.loc[runs.groupby("trial_id")["epoch"].idxmax()]
    ends = ends.sort_values("accuracy").groupby("layer").tail(1)
    reach = points["accuracy"].max() - points["accuracy"].min()
    gap = max(reach, 1e-6) * 15 / theme.HEIGHT
    ends = ends.assign(label_at=spread(ends["accuracy"].tolist(), gap))
    text = alt.Chart(ends).mark_text(align="left", dx=8, fontWeight=600)
    return text.encode(x="epoch:Q", y="label_at:Q", text="layer:N", color=_colour(points))


def _picked(x: alt.X, y: alt.Y) -> alt.LayerChart:
    """The selected trial's curve; the page adds its rows, a picture has none."""
    picked = alt.Chart(alt.NamedData("picked_curve")).encode(x=x, y=y)
    halo = picked.mark_line(strokeWidth=6, color=theme.PAPER)
    return alt.layer(halo, picked.mark_line(strokeWidth=3, color=theme.INK))


def caption(frame: pd.DataFrame) -> str:
    trials = int(frame["trials"].iloc[0])
    stops = int((frame["part"] == "stop").sum())
    stopped = f" A cross marks where the scheduler stopped a trial ({stops:,})." if stops else ""
    if trials <= MANY:
        return (
            f"One line per trial ({plural(trials, 'trial')}); the best of each family is labelled."
            f"{stopped}"
        )
    return (
        f"Summary of {plural(trials, 'trial')}: each family's median, the middle 80 % of its"
        f" trials, and its best trial as a heavy line. The other curves are left out.{stopped}"
    )


CHART = Chart("Training curves", curves, draw, caption)
