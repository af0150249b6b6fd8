"""The leads over a narrower dense network, and over automatic ranks, from the study's records.

    python -m benchmarks.study.leads

A line for each: how many points the first network's mean lies above the dense one's, with Welch's
95 % interval, and p after Holm's correction for the leads that docs/results/study/plan.md named
beforehand. Where seeds 0 and 1 chose a rate or a decay, the runs are those of fresh seeds. Those of
low_rank over ranks that are not searched come last, without a correction.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd
from scipy import stats

from analysis.statistics.multiple_tests import holm
from benchmarks.study.automatic_ranks import PROTOCOLS, RECORDS
from benchmarks.study.records import PUBLISHED

FIRST_FRESH_SEED = 1000
NAMED = ("cp", "tensor_train")
WIDER = "layer == 'dense' and compression_budget < 0.05 and budget_side == 'above'"
"""The dense network of width 3, which is a fifth larger than 3 %."""


class Question(NamedTuple):
    """Which records hold the networks and the dense one, and what selects the latter there."""

    title: str
    record: str
    dense_record: str
    dense: str = WIDER
    layers: tuple[str, ...] = (*NAMED, "tucker")


QUESTIONS = (
    Question("3 %, 5,000 images, all at D's rates", "d_families", "d_families"),
    Question("3 %, 5,000 images, dense at its own rate", "d_families", "d_dense"),
    Question("3 %, all images, 2 epochs, all at .4", "all_images", "all_images"),
    Question(
        "3 %, all images, 2 epochs, dense at its own rate",
        "all_images",
        "all_images_dense",
        f"{WIDER} and learning_rate == 0.8",
    ),
    Question("3 %, all images, 16 epochs", "d_families-confirm", "d_dense-confirm", layers=NAMED),
    Question("3 %, 5,000 images, decays tuned", "d_decays", "d_decays", WIDER, ("cp",)),
    Question(
        "1 %, width 40, 5,000 images, 8 epochs",
        "d_one_percent",
        "d_one_percent_rates",
        "layer == 'dense'",
    ),
)


class Lead(NamedTuple):
    """In points; ``n`` are the runs of both sides, ``p`` is corrected where the lead was named."""

    layer: str
    n: tuple[int, int]
    points: float
    low: float
    high: float
    p: float


def runs(record: str, which: str) -> pd.Series:
    """Accuracies of the finished runs that judge the configuration which seeds 0 and 1 chose."""
    trials = pd.read_parquet(PUBLISHED / "records" / record / "trials.parquet")
    trials = trials.query(f"status == 'finished' and ({which})")
    key = "val_accuracy_last" if (trials["validation_images"] > 0).all() else "test_accuracy"
    fresh = trials["seed"] >= FIRST_FRESH_SEED
    if fresh.any() and not fresh.all():
        # a rate that a space does not search is absent from its table
        setting = (
            trials["learning_rate"].fillna(0).astype(str) + " " + trials["weight_decay"].astype(str)
        )
        chosen = trials[~fresh].groupby(setting)[key].mean().idxmax()
        trials = trials[fresh & (setting == chosen)]
    return trials[key]


def leads(question: Question) -> list[Lead]:
    """One for each of the question's layers."""
    theirs = runs(question.dense_record, question.dense)
    found = []
    for layer in question.layers:
        ours = runs(question.record, f"layer == '{layer}' and compression_budget < 0.05")
        found.append(lead_of(layer, ours, theirs))
    named = [lead for lead in found if lead.layer in NAMED]
    corrected = dict(zip([one.layer for one in named], holm([one.p for one in named]), strict=True))
    return [lead._replace(p=corrected.get(lead.layer, lead.p)) for lead in found]


def lead_of(layer: str, ours: pd.Series, theirs: pd.Series) -> Lead:
    """By Welch's test, without a correction."""
    test = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval()
    points = 100 * (ours.mean() - theirs.mean())
    return Lead(layer, (len(ours), len(theirs)), points, 100 * low, 100 * high, test.pvalue)


def leads_over_automatic_ranks(space: str) -> dict[float, Lead]:
    """Of the space's low_rank networks, trained from the start, by the budget."""
    found = json.loads((RECORDS / f"{space}.json").read_text(encoding="utf-8"))["budgets"]
    return {
        one["budget"]: lead_of(
            "low_rank",
            runs(space, f"layer == 'low_rank' and compression_budget == {one['budget']}"),
            pd.Series(one["accuracies"]),
        )
        for one in found
    }


def lines() -> Iterator[str]:
    """What is printed."""
    for question in QUESTIONS:
        yield question.title
        yield from map(line, leads(question))
    for space in PROTOCOLS:
        for budget, lead in leads_over_automatic_ranks(space).items():
            yield f"{100 * budget:g} %, low_rank over ranks that are not searched ({space})"
            yield line(lead)


def line(lead: Lead) -> str:
    """One lead."""
    told = f"{lead.points:+.2f} ({lead.low:+.2f} to {lead.high:+.2f}), p = {lead.p:.4f}"
    return f"  {lead.layer:<13} {told}, n = {lead.n[0]} and {lead.n[1]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints them."""
    argparse.ArgumentParser(
        "python -m benchmarks.study.leads",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    print(*lines(), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
