"""The accuracies of a confirmation, compared with those of the search that it confirms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.claims.arm import Arm, spreads
from analysis.claims.best import (
    accuracy_words,
    all_arms,
    held_out_words,
    runs_words,
    study_arms,
    winner,
)
from analysis.claims.claim import Claim, Verdict, evidence, metric_words, points
from analysis.statistics.chance import standard_error
from analysis.statistics.contrasts import Effect, satterthwaite
from analysis.statistics.intervals import t_test
from analysis.statistics.moderation import moderate
from analysis.statistics.multiple_tests import holm
from analysis.study.best import allowed
from analysis.study.confirmation import confirmed_study, shared_ids
from analysis.study.held_out import judging_images
from analysis.study.replicates import best_first, replicates
from analysis.study.study import Study


def promise_claims(study: Study) -> list[Claim]:
    """A claim for each confirmed configuration, the best first, with Holm's correction over them.

    The two accuracies are measured on different images, and the choice of images counts as noise in
    both.
    """
    search = confirmed_study(study)
    if search is None:
        return []
    before = replicates(search)
    chosen = zip(all_arms(search), before["estimated"], strict=True)
    promised = dict(zip(shared_ids(before), chosen, strict=True))
    arms = dict(zip(replicates(study)["configuration"], all_arms(study), strict=True))
    rows = best_first(allowed(study, replicates(study)))
    pairs = [
        (arms[name], *promised[shared])
        for name, shared in zip(rows["configuration"], shared_ids(rows), strict=True)
        if shared in promised
    ]
    images = judging_images(study), judging_images(search)
    effects = kept([(found, promise) for found, promise, _ in pairs], images)
    adjusted = holm([effect.p for effect in effects])
    return [
        _claim(study, search, pair, effect, p)
        for pair, effect, p in zip(pairs, effects, adjusted, strict=True)
    ]


def kept(pairs: Sequence[tuple[Arm, Arm]], images: tuple[int | None, int | None]) -> list[Effect]:
    """How much more accurate each network is than promised; NaN where a spread is not known.

    Two runs take the spread common to all networks where it is larger, and its degrees of freedom.

    Args:
        pairs: a network's runs in the confirmation, then those in the search.
        images: how many images each of the two was measured on; None where that is not known.
    """
    sides = [_spreads([pair[side] for pair in pairs]) for side in (0, 1)]
    found = []
    for number, (confirmed, promised) in enumerate(pairs):
        variance, n, free = np.array([[one[number] for one in side] for side in sides]).T
        found.append(_kept(confirmed.mean, promised.mean, (variance, n, free), images))
    return found


def _spreads(arms: Sequence[Arm]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance, number of runs and the variance's degrees of freedom of each arm."""
    variance, n = spreads([arm.outcomes for arm in arms])
    common = moderate(variance, n)
    thin = (n == 2) & (common.df > 1)
    free = np.where(thin, common.df, n - 1.0)
    return np.where(thin, np.fmax(variance, common.variance), variance), n, free


def _kept(
    found: float,
    promised: float,
    runs: tuple[np.ndarray, np.ndarray, np.ndarray],
    images: tuple[int | None, int | None],
) -> Effect:
    """Of the two means; ``runs`` as in ``_spreads``, of the confirmation and of the search."""
    variance, n, free = runs
    effect, count = found - promised, int(n.sum())
    if not np.isfinite(variance).all():
        return Effect(effect, n=count)
    # what is asked is whether both are one: of its own, the higher accuracy would look the surer
    counts = [number or 0 for number in images]
    common = np.average((found, promised), weights=counts if any(counts) else None)
    known = np.array([number for number in counts if number], dtype=float)
    parts = np.array([*(variance / n), *(standard_error(common, known) ** 2)])
    df = satterthwaite(parts, np.array([*free, *(known - 1)]))
    se = math.sqrt(parts.sum())
    return Effect(effect, *t_test(effect, se, df), df, se, count)


def _claim(
    study: Study, search: Study, pair: tuple[Arm, Arm, bool], effect: Effect, p: float
) -> Claim:
    found, promised, fresh = pair
    name = f"{found.name} ({found.parameters:,} parameters)"
    before = f"{search.name} promised {points(promised.mean)} % {metric_words(search.metric)}"
    before += f" ({runs_words(promised, fresh=fresh)})"
    text = f"{name} reaches {points(found.mean)} % {metric_words(study.metric)}"
    text += f" ({_runs(study, found)}); {before}"
    if not math.isfinite(effect.p):
        text += f", {points(effect.effect, signed=True)} points; one run of either cannot say"
        return Claim(f"{text} whether it keeps that.", "cannot_say", effect.n, effect.effect)
    verdict: Verdict = "shown" if p < 0.05 else "not_shown"
    than = "more" if effect.effect > 0 else "less"
    said = f"{than} than promised" if verdict == "shown" else "no difference is shown"
    text += f": {evidence(effect.effect, effect.low, effect.high, effect.p)}, {said}."
    return Claim(text, verdict, effect.n, effect.effect, effect.low, effect.high, p)


def _runs(study: Study, found: Arm) -> str:
    """The best one's interval is the one that stands everywhere."""
    arms = study_arms(study)
    if found.name != arms[0].name or arms[0].n < 2:
        return runs_words(found, fresh=True)
    return accuracy_words(winner(arms), fresh=True) + held_out_words(study, found.mean)
