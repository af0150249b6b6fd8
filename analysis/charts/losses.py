"""Warning: the share of trials that diverged or failed, by family and learning rate."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import theme
from analysis.charts.chart import Chart, NothingToShow, Picture
from analysis.charts.labels import distinct
from analysis.record.status import COMPARABLE, TrialStatus
from analysis.study.searched_keys import searched_keys
from trainables.text.count import plural

if TYPE_CHECKING:
    from analysis.study.study import Study

LOST = (TrialStatus.DIVERGED, TrialStatus.FAILED)
STEPS = 5
"""Sampled learning rates are grouped into this many steps of equal ratio."""


def losses(study: Study) -> pd.DataFrame:
    """A row per group and kind of loss: ``group, kind, status, count, ended, share``.

    ``kind`` is what the trials are grouped by (``family``, or ``learning rate`` where it was
    searched); ``ended`` counts the group's trials that have ended, ``share`` is count ÷ ended.
    """
    ended = study.trials[study.trials["status"].isin([*COMPARABLE, *LOST])]
    if not ended["status"].isin(LOST).any():
        raise NothingToShow(f"None of the {plural(len(ended), 'ended trial')} diverged or failed.")
    groups = {"family": ended["layer"].astype(str)}
    keys = searched_keys(study.space)
    if "learning_rate" in keys and ended["learning_rate"].nunique() > 1:
        groups["learning rate"] = _rates(ended["learning_rate"])
    return pd.concat([_count(ended["status"], kind, group) for kind, group in groups.items()])


def _rates(rates: pd.Series) -> pd.Series:
    """The rate itself where few were tried, else the step that it lies in, lowest first."""
    if rates.nunique() <= STEPS + 1:
        return pd.Series([f"rate {said}" for said in distinct(rates)], index=rates.index)
    edges = np.geomspace(rates.min(), rates.max(), STEPS + 1)
    names = [f"rate {a} – {b}" for a, b in itertools.pairwise(distinct(edges, 2))]
    step = np.searchsorted(edges[1:-1], rates, side="right")  # the last one holds its upper end
    return pd.Series([names[i] for i in step], index=rates.index)


def _count(status: pd.Series, kind: str, group: pd.Series) -> pd.DataFrame:
    table = pd.crosstab(group, status).reindex(columns=list(LOST), fill_value=0)
    ended = group.value_counts()
    rows = (
        table.rename_axis("group")
        .reset_index()
        .melt("group", var_name="status", value_name="count")
    )
    rows["ended"] = rows["group"].map(ended).astype(int)
    return rows.assign(kind=kind, share=rows["count"] / rows["ended"])


def draw(frame: pd.DataFrame) -> Picture:
    """One bar per group, with diverged trials and then failed ones."""
    total = frame.groupby(["kind", "group"], sort=False).agg(
        share=("share", "sum"), count=("count", "sum"), ended=("ended", "first")
    ).reset_index()  # fmt: skip
    total["said"] = [
        f"{count} of {ended}" for count, ended in zip(total["count"], total["ended"], strict=True)
    ]
    order = _order(total)
    y = alt.Y(
        "group:N", sort=order, title=None, axis=alt.Axis(labelColor=theme.INK, labelLimit=220)
    )
    x = alt.X(
        "share:Q",
        title="share of ended trials",
        stack="zero",
        axis=alt.Axis(format="%", values=_ticks(total["share"].max())),
        scale=alt.Scale(domain=[0, min(1.2, total["share"].max() * 1.3)], nice=False),
    )
    bars = (
        alt.Chart(frame)
        .mark_bar(height=alt.RelativeBandSize(0.62))
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "status:N",
                scale=alt.Scale(
                    domain=list(LOST), range=[theme.STATUS_COLOURS[status] for status in LOST]
                ),
                legend=theme.CLOSE,
            ),
            tooltip=[
                "group:N",
                "status:N",
                "count:Q",
                "ended:Q",
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    words = alt.Chart(total).mark_text(align="left", dx=5).encode(x="share:Q", y=y, text="said:N")
    return alt.layer(bars, words, width=theme.WIDTH, height=28 * len(total))


def _ticks(share: float) -> list[float]:
    """A few round shares up to the largest, at most 1."""
    step = next(
        step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if share <= 6 * step
    )
    return [round(step * i, 3) for i in range(round(min(share * 1.3, 1) / step) + 1)]


def _order(total: pd.DataFrame) -> list[str]:
    families = (
        total[total["kind"] == "family"].sort_values("share", ascending=False)["group"].tolist()
    )
    rates = total[total["kind"] == "learning rate"]["group"].tolist()
    return families + sorted(rates, key=lambda name: float(name.split()[1]))


def caption(frame: pd.DataFrame) -> str:
    families = frame[frame["kind"] == "family"]
    ended = int(families.drop_duplicates("group")["ended"].sum())
    counts = families.groupby("status")["count"].sum()
    counted = ", ".join(f"{counts.get(status, 0)} {status}" for status in LOST)
    return (
        f"Of {plural(ended, 'ended trial')}, {counted} ({100 * counts.sum() / ended:.1f} % lost)."
    )


CHART = Chart("Warning: diverged and failed trials", losses, draw, caption)
