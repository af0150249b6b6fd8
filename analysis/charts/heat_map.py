"""Heat map of rank × dimensions: accuracy, parameters and their ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import axis, distinct
from analysis.charts.metric_label import metric_name, nothing_finished
from analysis.charts.ranks import BUDGET_KEYS, ranked
from analysis.study.best import best_of_each, contenders
from analysis.study.configurations import grid
from analysis.study.replicates import replicates, summarize_runs
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

PANELS = {  # column: (title, format of a cell, logarithmic colours)
    "accuracy": ("accuracy", ".1%", False),
    "parameters": ("parameters", ".3~s", True),
    "ratio": ("points per 1,000 parameters", ".2~g", True),
}
CELL = 22  # pixels high
ROOM = 34  # pixels that a cell must have for a number


def heat_map(study: Study) -> pd.DataFrame:
    """A row per cell: ``layer, rank, dims, accuracy, parameters, ratio, runs, candidates``.

    Accuracy is the mean of the best of ``candidates`` configurations in the cell, over all nuisance
    keys, and ``estimated`` whether that is on estimating seeds. Merged duplicates fill their cells
    too, so that every tried cell has a value. ``ratio`` is accuracy (in per cent) per thousand
    parameters.
    """
    if replicates(study).empty:
        raise NothingToShow(nothing_finished(study.trials))
    rows = ranked(summarize_runs(grid(study), study.metric))
    if rows["dims"].nunique() < 2:
        raise NothingToShow("All trials have the same number of dimensions: no second axis.")
    best = best_of_each(rows, ["layer", "rank_value", "dims"])
    best = best.drop(columns="rank").rename(columns={"mean": "accuracy", "n": "runs"})
    names = ["layer", "rank_value", "dims", "accuracy", "parameters", "runs", "candidates"]
    cells = best[[*names, "estimated"]].reset_index(drop=True)
    cells = cells.assign(
        parameters=cells["parameters"].astype(float),
        dims=cells["dims"].astype(int),
        rank=distinct(cells["rank_value"]),
        rank_key=rows["rank_key"].iloc[0],
        measure=metric_name(study),
    )
    return cells.assign(ratio=100 * cells["accuracy"] / (cells["parameters"] / 1000))


def draw(frame: pd.DataFrame) -> Picture:
    """A row of three panels for each family."""
    layers = frame["layer"].unique()
    panels = [
        _panel(frame[frame["layer"] == layer], column, f"{layer}: " if len(layers) > 1 else "")
        for layer in layers
        for column in PANELS
    ]
    return alt.concat(*panels, columns=len(PANELS)).resolve_scale(color="independent")


def _panel(cells: pd.DataFrame, column: str, prefix: str) -> alt.LayerChart:
    title, form, log = PANELS[column]
    title = cells["measure"].iloc[0] if column == "accuracy" else title
    name = axis(cells["rank_key"].iloc[0])
    ranks = cells.sort_values("rank_value")["rank"].unique().tolist()
    width = theme.WIDTH // len(PANELS)
    base = alt.Chart(cells.drop(columns=["measure", "rank_key", "estimated"])).encode(
        x=alt.X("dims:O", title=axis("dims"), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("rank:O", title=name if column == "accuracy" else None, sort=ranks[::-1]),
        tooltip=[
            alt.Tooltip("rank:N"),
            alt.Tooltip("dims:O"),
            alt.Tooltip("accuracy:Q", format=".2%"),
            alt.Tooltip("parameters:Q", format=","),
            alt.Tooltip("ratio:Q", title="points per 1,000", format=".3~g"),
            alt.Tooltip("runs:Q"),
        ],
    )
    kind = {"type": "log"} if log else {"zero": False}
    scale = alt.Scale(scheme=theme.HEAT, **kind)
    tiles = base.mark_rect().encode(color=alt.Color(f"{column}:Q", scale=scale, legend=None))
    layers: list[alt.Chart] = [tiles]
    if width / cells["dims"].nunique() >= ROOM:
        layers.append(_numbers(base, cells, column, form, log=log))
    height = CELL * len(ranks)
    heading = alt.Title(prefix + title, fontSize=13, offset=8)
    return alt.layer(*layers, width=width, height=height, title=heading)


def _numbers(
    base: alt.Chart, cells: pd.DataFrame, column: str, form: str, *, log: bool
) -> alt.Chart:
    """The values as text, dark on light colours and light on dark ones."""
    low, high = cells[column].min(), cells[column].max()
    middle = (low * high) ** 0.5 if log else (low + high) / 2
    colour = alt.condition(alt.datum[column] > middle, alt.value("#000000"), alt.value("#fffffe"))
    return base.mark_text(fontSize=11).encode(
        text=alt.Text(f"{column}:Q", format=form), color=colour
    )


def caption(frame: pd.DataFrame) -> str:
    best = contenders(frame.rename(columns={"accuracy": "mean", "runs": "n"})).iloc[0]
    max_candidates = int(frame["candidates"].max())
    cell = (
        f"the best of up to {max_candidates:,} configurations'"
        if max_candidates > 1
        else "a configuration's"
    )
    key = frame["rank_key"].iloc[0]
    family = f"{best['layer']} at " if frame["layer"].nunique() > 1 else ""
    equal = (
        "The networks of a row have about as many parameters."
        if key in BUDGET_KEYS
        else "Rank and size grow together: compare families at equal parameters, not at equal rank."
    )
    return (
        f"A cell is {cell} mean over its runs ({plural(len(frame), 'cell')},"
        f" {plural(int(frame['runs'].sum()), 'trial')}). Best accuracy: {best['mean']:.1%},"
        f" {family}{axis(key)} {best['rank']}, {best['dims']} dimensions. {equal}"
    )


CHART = Chart("Rank × dimensions", heat_map, draw, caption, wide=True)
