"""The claim about two treatments: its words and its tag follow from one verdict."""

from __future__ import annotations

import math

import pandas as pd

from analysis.claims.best import WORTH_SHOWING
from analysis.claims.claim import (
    Claim,
    Verdict,
    evidence,
    metric_words,
    p_words,
    points,
    spread_words,
)
from analysis.claims.evidence import UNTESTED
from analysis.statistics.contrasts import PAIRED, Effect
from analysis.statistics.power import runs_needed
from trainables.text.count import plural


def contrast_claim(
    effect: Effect,
    runs: pd.DataFrame,
    names: tuple[str, str],
    metric: str,
    sd: float,
    *,
    p_holm: float = math.nan,
    tuned: bool = False,
) -> Claim:
    """The claim that one treatment is better than another, or that no difference is shown.

    Args:
        effect: treatment minus baseline, a fraction of accuracy.
        runs: as ``contrast_runs`` gives them.
        names: the treatment and the baseline in words.
        metric: the column that was compared.
        sd: the standard deviation between runs, or of the differences where runs are compared seed
            by seed, for the number of runs that are needed; NaN leaves that number out.
        p_holm: the p-value after Holm's correction, where several claims are made together.
        tuned: whether an arm chose among several settings.
    """
    treatment, baseline = names
    if not effect.blocks:
        return unpaired_claim(names, _one_sided(runs, names, tuned=tuned))
    fresh = tuned or bool(runs["estimating"].all())
    ran = f"n = {effect.n}{' fresh' if fresh else ''} runs{_of_planned(runs)}"
    ran += f" of {plural(effect.blocks, 'architecture')}{_left_out(effect)}"
    ran += ", compared seed by seed" if effect.method == PAIRED else ""
    ran += (_chosen(runs) if tuned else "") + _failures(runs)
    if not math.isfinite(effect.p):
        few = (
            "Runs that learned something are too few to" if _collapsed(runs) else "One seed cannot"
        )
        text = f"{few} say whether {treatment} differs from {baseline}: the difference"
        text += " between runs by chance is not known."
        text += f" Observed: {points(effect.effect, signed=True)} points ({ran})."
        return Claim(text, "cannot_say", effect.n, effect.effect)
    p = p_holm if math.isfinite(p_holm) else effect.p
    numbers = evidence(effect.effect, effect.low, effect.high, effect.p)
    after = f"; {p_words(p)} after Holm's correction" if math.isfinite(p_holm) else ""
    measured = metric_words(metric)
    verdict: Verdict = "shown" if p < 0.05 else "not_shown"
    after += spread_words(effect.spread)
    if verdict == "shown":
        side = "raises" if effect.effect > 0 else "lowers"
        text = f"{treatment} {side} {measured} against {baseline}: {numbers}, {ran}{after}."
    else:
        text = (
            f"No difference in {measured} is shown between {treatment} and {baseline}: {numbers}, "
        )
        text += f"{ran}{after}{_runs_needed_words(sd, paired=effect.method == PAIRED)}."
    return Claim(text, verdict, effect.n, effect.effect, effect.low, effect.high, p)


def families_claim(alone: tuple[Claim, ...], names: tuple[str, str]) -> Claim:
    """The claims of two to four families as one, without a pooled number."""
    shown = [claim for claim in alone if claim.verdict == "shown"]
    n = sum(claim.n for claim in alone)
    text = f"{names[0]} against {names[1]} is judged family by family, since {len(alone)} families"
    text += " are too few to speak for others: "
    if not shown:
        known = any(claim.verdict == "not_shown" for claim in alone)
        verdict: Verdict = "not_shown" if known else "cannot_say"
        return Claim(f"{text}no difference is shown in any of them.", verdict, n)
    text += " ".join(claim.words for claim in shown)
    first = shown[0]
    return Claim(text, "shown", n, first.effect, first.low, first.high, first.p)


def unpaired_claim(names: tuple[str, str], reason: str) -> Claim:
    """No claim, since no two networks have runs that can be compared."""
    treatment, baseline = names
    text = f"Nothing can be said of {treatment} against {baseline}: {reason}."
    return Claim(text, "cannot_say", 0)


def _one_sided(runs: pd.DataFrame, names: tuple[str, str], *, tuned: bool) -> str:
    """Why no pair has runs of both, though the design has such pairs."""
    if not len(runs):
        return UNTESTED
    where = " on fresh seeds" if tuned else ""
    if runs["treated"].nunique() < 2:
        return f"{names[bool(runs['treated'].iloc[0])]} has no runs{where} yet"
    learned = " that learned something" if _collapsed(runs) else ""
    return f"no architecture has runs{where}{learned} of both"


def unbounded_claim(names: tuple[str, str], wide: list[str]) -> Claim:
    """No claim, since accuracy still rises at the end of the grids that ``wide`` names."""
    text = f"Nothing can be said of {names[0]} against {names[1]}: accuracy still rises at the end"
    return Claim(f"{text} of the grid; widen {' and '.join(wide)}.", "cannot_say", 0)


def _of_planned(runs: pd.DataFrame) -> str:
    """How many runs are planned, where some are missing."""
    planned = int(runs.drop_duplicates("configuration")["planned"].sum())
    return f" ({planned} planned)" if planned > len(runs) else ""


def _chosen(runs: pd.DataFrame) -> str:
    """How many settings the runs of each treatment were chosen from, where one had a choice."""
    treatment, baseline = (
        int(runs.loc[runs["treated"] == treated, "candidates"].max()) for treated in (True, False)
    )
    if max(treatment, baseline) == 1:
        return ""
    seeds = plural(int(runs["chosen_on"].max()), "seed")
    best = f"best of {treatment}" + (f" and of {baseline}" if baseline != treatment else "")
    return f", each side its chosen configuration ({best} settings on {seeds})"


def _left_out(effect: Effect) -> str:
    if not effect.left_out:
        return ""
    return f" ({plural(effect.left_out, 'architecture')} left out: a single run of an arm)"


def _collapsed(runs: pd.DataFrame) -> bool:
    return len(runs) > 0 and bool(runs["collapsed"].any())


def all_collapsed(runs: pd.DataFrame) -> pd.Series:
    """Which runs are of a treatment of which every run collapsed."""
    return runs.groupby("treated")["collapsed"].transform("all").astype(bool)


def _failures(runs: pd.DataFrame) -> str:
    """How many runs collapsed in each arm, where any did."""
    if not _collapsed(runs):
        return ""
    counts = runs.groupby("treated")["collapsed"].sum()
    treated, baseline = int(counts.get(True, 0)), int(counts.get(False, 0))
    text = f"; {plural(treated, 'run')} of the treatment and {baseline} of the baseline diverged or"
    text += " learned nothing, and count"
    against = " against the arm that is claimed to be better"
    of_whole_arms = all_collapsed(runs)
    if not of_whole_arms.any():
        return text + against
    others = runs["collapsed"] & ~of_whole_arms
    at_chance = " at chance in the arm of which no run learned anything"
    return text + at_chance + (f", others{against}" if others.any() else "")


def _runs_needed_words(sd: float, *, paired: bool) -> str:
    """How many runs would show a difference of ``WORTH_SHOWING``; "" where no spread is known."""
    if not 0 < sd < math.inf:
        return ""
    runs = runs_needed(WORTH_SHOWING, sd, paired=paired)
    difference = points(WORTH_SHOWING)
    return f"; to show {difference} points on one architecture takes about {runs:,} runs of each"
