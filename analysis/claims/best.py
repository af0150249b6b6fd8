"""Which configuration of a study is best, how good it is, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims.arm import Arm, leads, make_arm, split_by_seed, spreads, with_spread_of_kind
from analysis.claims.choosing import kinds
from analysis.claims.claim import (
    Claim,
    evidence,
    metric_words,
    p_words,
    points,
    spread_words,
)
from analysis.statistics.chance import standard_error
from analysis.statistics.intervals import Interval
from analysis.statistics.moderation import least_variance, moderate, spreads_further
from analysis.statistics.power import runs_needed
from analysis.statistics.winners import Lead, winner_interval
from analysis.study.best import allowed, contenders
from analysis.study.configurations import with_configurations
from analysis.study.held_out import judging_images
from analysis.study.outcomes import outcomes
from analysis.study.replicates import judging_runs, planned_runs, replicates
from analysis.study.study import Study, per_study
from trainables.text.count import plural

WORTH_SHOWING = 0.005  # half a percentage point: the smallest difference that matters in practice


@dataclass(frozen=True)
class Winner:
    """The best of several arms, compared with its rivals.

    Attributes:
        arm: the arm with the highest mean.
        interval: 95 % interval of its true mean, corrected for its selection as the highest.
        rivals: how many arms it was compared with.
        hardest: the rival that it is least clearly ahead of, and the lead over that rival; None
            without rivals.
        unknown: names of rivals of one run, which cannot be compared.
    """

    arm: Arm
    interval: Interval
    rivals: int
    hardest: tuple[Arm, Lead] | None = None
    unknown: tuple[str, ...] = ()

    @property
    def p(self) -> float:
        """The p-value against the hardest rival; NaN where there is none.

        It is 1 where the arm is not ahead of that rival, or where a rival cannot be compared.
        """
        if self.hardest is None:
            return math.nan
        return 1.0 if self.unknown or self.hardest[1].effect <= 0 else self.hardest[1].p


def winner(arms: list[Arm], others: Sequence[Arm] = ()) -> Winner:
    """Compares the first arm with all others.

    Args:
        arms: sorted, the best first.
        others: arms that cannot win but must be beaten, because they have too few runs or are
            larger than the budget allows.
    """
    best, rivals = arms[0], [*arms[1:], *others]
    compared = list(zip(rivals, leads(best, rivals), strict=True))
    known = [(rival, lead) for rival, lead in compared if lead.p == lead.p]
    unknown = tuple(rival.name for rival, lead in compared if lead.p != lead.p)
    hardest = max(known, key=_difficulty, default=None)
    return Winner(best, interval_of_best(arms), len(rivals), hardest, unknown)


def _difficulty(compared: tuple[Arm, Lead]) -> tuple[bool, float, float]:
    """Sorts rivals by how hard they are to tell from the best; those ahead of it come last."""
    lead = compared[1]
    behind = lead.effect <= 0
    return behind, -lead.effect if behind else lead.p, -lead.effect


def interval_of_best(arms: list[Arm]) -> Interval:
    """The 95 % interval of the first arm's true mean, corrected for its selection as the best.

    Its variance is drawn towards that of all arms, and at least ``least_variance``, unless its runs
    spread further than those: the noisiest of many comes out highest most often.
    """
    own, n = spreads([arm.outcomes for arm in arms])
    variance, df = moderate(own, n)
    if spreads_further(own, n):
        variance[0], df[0] = own[0], n[0] - 1
    variance = np.maximum(variance, least_variance(own, n))
    errors = np.sqrt(variance / np.array([max(arm.n, 1) for arm in arms]))
    low, high = winner_interval(np.array([arm.mean for arm in arms]), errors, float(df[0]))
    return Interval(*np.clip((low, high), 0.0, 1.0).tolist())


def best_claim(study: Study) -> Claim:
    """The claim of which configuration is best, by how much, and whether by more than chance."""
    frame = contenders(allowed(study, replicates(study)))
    if not len(frame):
        return _nothing(study)
    arms, thin = study_arms(study), _thin_arms(study)
    best = winner(arms, thin)
    name = f"{best.arm.name} ({best.arm.parameters:,} parameters)"
    scored = f"{points(best.arm.mean)} % {metric_words(study.metric)}"
    runs = sum(arm.n for arm in (*arms, *thin))
    if not math.isfinite(best.interval.low):
        why = best.arm.no_spread if best.arm.n > 1 else "One seed cannot say which is best"
        text = f"{why}: {name} came out highest, {scored} ({runs_words(best.arm, fresh=False)})."
        return Claim(text, "cannot_say", runs)
    judged = bool(frame["estimated"].iloc[0])
    scored += f" ({accuracy_words(best, fresh=judged)}{held_out_words(study, best.arm.mean)})"
    if judged and not best.rivals:
        best = _lead_of_choice(study, best)
    elif judged:
        name = f"Of {len(arms) + len(thin)} chosen configurations, {name}"
    return _claim(best, name, scored, runs)


def accuracy_words(best: Winner, *, fresh: bool) -> str:
    """The interval of the best mean, and its runs, in words."""
    low, high = best.interval
    picked = best.rivals and not fresh
    text = f"95 % interval {points(low)} to {points(high)}, {runs_words(best.arm, fresh=fresh)}"
    if picked:
        text += f", corrected for being picked from {best.rivals + 1} on the same runs"
    return text


def runs_words(arm: Arm, *, fresh: bool) -> str:
    """How many runs a mean has, how many are missing, and how many collapsed, in words."""
    text = f"n = {arm.n}{' fresh seeds' if fresh else ''}"
    if arm.planned > arm.n:
        text += f" of {arm.planned} planned"
    if arm.collapsed:
        text += f", {arm.collapsed} of which diverged or learned nothing and count at chance"
    return text


def rival_failures(rival: Arm, name: str) -> str:
    """How the runs of a rival that collapsed count in a comparison with it, in words."""
    if not rival.collapsed:
        return ""
    runs, failed = plural(rival.n, "run"), "diverged or learned nothing"
    if rival.collapsed == rival.n:
        return f"; all of {name}'s {runs} {failed} and count at chance"
    left_out = "is" if rival.collapsed == 1 else "are"
    return f"; {rival.collapsed} of {name}'s {runs} {failed} and {left_out} left out"


def held_out_words(study: Study, mean: float) -> str:
    """How far other held-out images would move an accuracy (not a difference of two), in words."""
    images = judging_images(study)
    if split_by_seed(study.trials):
        return "; each seed held out its own images, so that runs also differ by those images"
    if not images:
        return ""
    error = points(standard_error(mean, images))
    return (
        f"; other held-out images would move it by about ± {error} points, the standard error of"
        f" {images:,} images"
    )


def picked_intervals(study: Study, best: pd.DataFrame) -> list[Interval]:
    """The interval of each row of ``best_at_each_size``, corrected for selection among its rivals.

    The best of the whole study was selected among all configurations, and has that interval in
    every row.
    """
    if best.empty:
        return []
    overall = contenders(allowed(study, replicates(study)))["configuration"].tolist()
    arms = dict(zip(replicates(study)["configuration"], all_arms(study), strict=True))
    intervals = []
    for rivals in best["rivals"]:
        names = overall if rivals[0] == overall[0] else rivals
        intervals.append(interval_of_best([arms[name] for name in names]))
    return intervals


@per_study
def all_arms(study: Study) -> list[Arm]:
    """Every configuration, in the order of ``replicates``."""
    frame = replicates(study)
    trials = with_configurations(study.trials)
    runs = judging_runs(outcomes(trials, study.metric))
    planned = planned_runs(trials)
    groups = {str(name): rows for name, rows in runs.groupby("configuration", sort=False)}
    arms = [
        make_arm(row.label, groups[row.configuration], int(planned[row.configuration]))
        for row in frame.itertuples()
    ]
    alike = zip(frame["estimated"], kinds(study.space, frame), strict=True)
    return with_spread_of_kind(arms, list(alike))


def study_arms(study: Study) -> list[Arm]:
    """The configurations that compete, the best first."""
    return _arms_of(study, contenders(allowed(study, replicates(study))))


def _thin_arms(study: Study) -> list[Arm]:
    """The configurations that could compete but have too few runs."""
    frame = replicates(study)
    known = set(contenders(frame)["configuration"])
    estimated = frame["estimated"] | (not frame["estimated"].any())
    return _arms_of(study, frame[estimated & ~frame["configuration"].isin(known)])


def _arms_of(study: Study, frame: pd.DataFrame) -> list[Arm]:
    arms = dict(zip(replicates(study)["configuration"], all_arms(study), strict=True))
    return [arms[name] for name in frame["configuration"]]


def _lead_of_choice(study: Study, best: Winner) -> Winner:
    """The lead on the choosing seeds, for when only one configuration was estimated."""
    trials = with_configurations(study.trials)
    runs = outcomes(trials, study.metric)
    runs = runs[~runs["estimating"]]
    groups = {str(name): rows for name, rows in runs.groupby("configuration", sort=False)}
    chosen = str(contenders(allowed(study, replicates(study)))["configuration"].iloc[0])
    if chosen not in groups or len(groups) < 2:
        return best
    labels = replicates(study).set_index("configuration")["label"]
    arms = [
        make_arm(str(labels.get(name, name)), rows, len(rows))
        for name, rows in groups.items()
        if name != chosen and not rows["collapsed"].all()
    ]
    ahead = winner([make_arm(best.arm.name, groups[chosen], len(groups[chosen])), *arms])
    return Winner(best.arm, best.interval, ahead.rivals, ahead.hardest, ahead.unknown)


def _claim(best: Winner, name: str, scored: str, runs: int) -> Claim:
    if not best.rivals:
        text = f"{name}: {scored}, and nothing else finished."
        return Claim(text, "cannot_say", runs, best.arm.mean, *best.interval)
    if best.hardest is None:
        text = f"{name} came out highest: {scored}; its rivals have one run each, so nothing"
        return Claim(f"{text} can be said about its lead.", "cannot_say", runs)
    return ranked_claim(name, scored, best, runs)


def ranked_claim(name: str, scored: str, best: Winner, runs: int, p: float | None = None) -> Claim:
    """The claim that an arm is best, or that it only came out highest.

    Args:
        name: the arm in words.
        scored: its accuracy in words.
        best: the comparison; it has a hardest rival.
        runs: how many runs the claim rests on.
        p: the p-value after Hochberg's correction, where several claims are made together.
    """
    assert best.hardest is not None
    rival, lead = best.hardest
    corrected = p is not None
    p = best.p if p is None else p
    numbers = evidence(lead.effect, lead.low, lead.high, lead.p)
    if corrected and lead.effect > 0 and not best.unknown:
        numbers += f", {p_words(p)} after Hochberg's correction"
    numbers += f", the closest of {best.rivals} rivals" if best.rivals > 1 else ""
    numbers += rival_failures(rival, "that rival") + spread_words(lead.spread)
    if best.unknown:
        numbers += f"; {plural(len(best.unknown), 'rival')} without two runs cannot be compared"
    if p < 0.05:
        text = f"{name} is best: {scored}, ahead of {rival.name} by {numbers}."
        return Claim(text, "shown", runs, lead.effect, lead.low, lead.high, p)
    than = "every rival" if best.unknown and best.hardest[1].p < 0.05 else rival.name
    text = f"{name} came out highest: {scored}, but is not shown to be better than {than}: "
    text += f"{numbers}{_runs_needed_words(lead)}."
    return Claim(text, "not_shown", runs, lead.effect, lead.low, lead.high, p)


def _runs_needed_words(lead: Lead) -> str:
    """How many runs would show a lead of ``WORTH_SHOWING``, given the spread of these runs."""
    if not lead.sd > 0:
        return ""
    runs = runs_needed(WORTH_SHOWING, lead.sd, paired=lead.paired)
    return f"; to show a lead of {points(WORTH_SHOWING)} points takes about {runs:,} runs of each"


def _nothing(study: Study) -> Claim:
    counts = study.trials["status"].value_counts()
    listed = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    text = f"Nothing can be said: no trial has finished ({listed or 'none is planned'})."
    return Claim(text, "cannot_say", 0)
