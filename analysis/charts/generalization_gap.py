"""The differences between training, validation and test accuracy, by size: overfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import accuracy_format, log_ticks, tick_format
from analysis.charts.metric_label import finished, nothing_finished, protocols
from analysis.study.best import best_of_each
from analysis.study.configurations import with_configurations
from analysis.study.confirmation import confirmations, shared_ids
from analysis.study.outcomes import outcomes
from analysis.study.replicates import judging_runs, summarize_runs
from analysis.study.size_steps import size_step
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

SETS = {"training": "triangle-up", "validation": "circle", "test": "square"}


def generalization_gap(study: Study) -> pd.DataFrame:
    """A row per configuration and set: ``configuration, layer, parameters, set, accuracy, runs``.

    Accuracies are means over the finished trials that a configuration is judged by, after the last
    epoch. Test accuracy comes from confirmation runs (``analysis.study.confirmation``). Of each
    family's networks in one range of size only the best is shown; ``of`` is the number of all.
    """
    summary = summarize_runs(study.trials, study.metric)
    if summary.empty:
        raise NothingToShow(nothing_finished(study.trials))
    steps = summary["parameters"].map(lambda size: size_step(float(size))[0])
    best = best_of_each(summary, [summary["layer"], steps])
    trials = with_configurations(study.trials)
    trials = judging_runs(outcomes(trials, study.metric))
    trials = finished(trials[trials["configuration"].isin(best["configuration"])])
    last = study.epochs.loc[study.epochs.groupby("trial_id")["epoch"].idxmax()]
    trials = trials.merge(last[["trial_id", "train_accuracy"]], on="trial_id")
    trials["configuration"] = shared_ids(trials)
    table = trials.groupby("configuration", sort=False).agg(
        layer=("layer", "first"),
        parameters=("parameters", "first"),
        training=("train_accuracy", "mean"),
        validation=("val_accuracy_last", "mean"),
        test=("test_accuracy", "mean"),
        runs=("trial_id", "size"),
    )
    tested = confirmations(study)
    tested = tested.assign(shared=shared_ids(tested))
    tested = tested.drop_duplicates("shared").set_index("shared")["mean"]
    table["test"] = table["test"].fillna(tested.reindex(table.index))
    frame = table.reset_index().melt(
        id_vars=["configuration", "layer", "parameters", "runs"],
        value_vars=list(SETS),
        var_name="set",
        value_name="accuracy",
    )
    frame = frame[frame["accuracy"].notna()].astype({"parameters": "int64"})
    if frame.empty:
        raise NothingToShow("No finished trial has the accuracies of an epoch on record.")
    return frame.assign(of=len(summary), note=protocols(study)).reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Picture:
    """A line between the sets for each configuration, with a different mark for each set."""
    families = theme.styles(frame["layer"].unique())
    title = "accuracy after the last epoch" + frame["note"].iloc[0]
    present = [name for name in SETS if (frame["set"] == name).any()]
    ticks = log_ticks(frame["parameters"])
    data = alt.Chart(frame.drop(columns=["of", "note"])).encode(
        x=alt.X(
            "parameters:Q",
            title="parameters",
            scale=alt.Scale(type="log", nice=False, padding=24),
            axis=alt.Axis(format=tick_format(ticks), values=ticks, grid=False),
        ),
        color=alt.Color("layer:N", scale=theme.scale(families, "colour")),
    )
    accuracy = alt.Axis(format=accuracy_format(frame))
    bars = data.mark_rule(strokeWidth=1.5, opacity=0.7).encode(
        y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=False), axis=accuracy),
        y2="high:Q",
        detail="configuration:N",
    )
    bars = bars.transform_aggregate(
        low="min(accuracy)", high="max(accuracy)", groupby=["configuration", "parameters", "layer"]
    )
    points = data.mark_point(size=64, filled=False, strokeWidth=2, opacity=1).encode(
        y=alt.Y("accuracy:Q", title=title),
        shape=alt.Shape(
            "set:N",
            scale=alt.Scale(domain=present, range=[SETS[name] for name in present]),
            legend=alt.Legend(symbolStrokeColor=theme.INK, orient="bottom"),
        ),
        tooltip=[
            "layer:N",
            alt.Tooltip("parameters:Q", format=","),
            "set:N",
            alt.Tooltip("accuracy:Q", format=".2%"),
            alt.Tooltip("runs:Q"),
        ],
    )
    return alt.layer(bars, points, width=theme.WIDTH, height=theme.HEIGHT)


def caption(frame: pd.DataFrame) -> str:
    count, of = frame["configuration"].nunique(), int(frame["of"].iloc[0])
    wide = frame.pivot_table(index="configuration", columns="set", values="accuracy")
    sentences = [
        f"The best of each size: {count:,} of {of:,} configurations."
        if count < of
        else f"{plural(count, 'configuration')}."
    ]
    if {"training", "validation"} <= set(wide):
        gap = 100 * (wide["training"] - wide["validation"]).mean()
        sentences.append(
            f"Training accuracy lies {_difference_text(gap)} validation accuracy on average."
        )
    if "test" in wide:
        other = "validation" if "validation" in wide else "training"
        gap = (100 * (wide[other] - wide["test"])).dropna()
        if len(gap):
            text = _difference_text(-gap.mean())
            sentences.append(f"Test accuracy lies {text} {other} accuracy (n = {len(gap)}).")
    return " ".join(sentences)


def _difference_text(points: float) -> str:
    return f"{abs(points):.1f} points {'above' if points >= 0 else 'below'}"


CHART = Chart("Training, validation and test", generalization_gap, draw, caption)
