"""The smallest network that loses at most a margin against a reference (non-inferiority)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.claims.arm import Arm, leads, with_spread_of_kind
from analysis.claims.best import rival_failures
from analysis.claims.choosing import choose
from analysis.claims.claim import Claim, interval_words, p_words, points
from analysis.claims.evidence import UNTESTED, choosing_grid, gather
from analysis.statistics.multiple_tests import holm
from analysis.study.study import Study
from search_spaces.grammar.question import Smallest
from trainables.config.train_config import TrainConfig
from trainables.sizes.registry import SIZES
from trainables.text.count import plural


def smallest_claims(study: Study, question: Smallest) -> list[Claim]:
    """One claim: the smallest network that is shown to lose at most the margin.

    The candidates are the best networks of each size step. Each is tested against the reference at
    the two-sided level of .05, with Holm's correction over them.
    """
    chosen = choose(question, study.space, *choosing_grid(study))
    margin = f"{points(question.margin)} points"
    baseline = " ".join(
        str(value) if key == "layer" else f"{key} {value}"
        for key, value in question.reference.items()
    )
    if len(chosen) < 2:
        reason = "no smaller network comes close enough" if chosen else "no reference has finished"
        text = f"No network smaller than {baseline} can be said to lose at most {margin}: {reason}."
        return [Claim(text, "cannot_say", 0)]
    gathered = gather(study, chosen, fresh=True)
    labels = {best.id: _label(best.configuration) for best in chosen}
    reference, *small = [gathered.arm(labels[best.id], best) for best in chosen]
    small = with_spread_of_kind(small, [False] * len(small))
    small = [arm for arm in small if arm.n > 1]
    if not small or reference.n < 2:
        text = f"Nothing can be said of networks within {margin} of {baseline}: {UNTESTED}."
        return [Claim(text, "cannot_say", 0)]
    if not len(reference.trained):
        text = f"Nothing can be said of networks within {margin} of {baseline}: all its"
        text += f" {plural(reference.n, 'run')} diverged or learned nothing."
        return [Claim(text, "cannot_say", reference.n)]
    return [_tested(small, reference, question.margin, baseline)]


def _tested(small: Sequence[Arm], reference: Arm, margin: float, baseline: str) -> Claim:
    """The smallest of the candidates that passes its test; that none does where none passes.

    Args:
        small: the candidates.
        reference: the runs of the reference.
        margin: a fraction of accuracy.
        baseline: the reference in words.
    """
    within_margin = f"{points(margin)} points"
    tests = [margin_test(arm, reference, margin) for arm in small]
    adjusted = holm([p for p, *_ in tests])
    runs = reference.n + sum(arm.n for arm in small)
    planned = reference.planned + sum(arm.planned for arm in small)
    ran = f"n = {runs} fresh runs" + (f" ({planned} planned)" if planned > runs else "")
    ran += rival_failures(reference, "the reference")
    passed = [one for one in zip(small, tests, adjusted, strict=True) if one[2] < 0.05]
    if not passed:
        text = f"No network smaller than {baseline} is shown to lose at most {within_margin}: "
        text += f"{plural(len(small), 'candidate')} tested, with {p_words(min(adjusted))} at best"
        return Claim(f"{text}, {ran}.", "not_shown", runs, p=min(adjusted))
    arm, (_, effect, low, high), p = min(passed, key=lambda one: one[0].parameters)
    text = f"{arm.name} ({arm.parameters:,} parameters) is the smallest network shown to lose at"
    text += f" most {within_margin} against {baseline} ({reference.parameters:,} parameters): it"
    text += f" differs by {points(effect, signed=True)} points ({interval_words(low, high)},"
    text += f" {p_words(p)} for the margin after Holm's correction,"
    if arm.collapsed:
        ran += f"; {arm.collapsed} of its own {plural(arm.n, 'run')} diverged or learned nothing"
        ran += " and count at chance" if arm.collapsed > 1 else " and counts at chance"
    return Claim(f"{text} {ran}).", "shown", runs, effect, low, high, p)


def margin_test(arm: Arm, reference: Arm, margin: float) -> tuple[float, float, float, float]:
    """Tests that an arm loses at most ``margin``, a fraction, against the reference.

    Returns:
        Twice the one-sided p-value of the hypothesis that it loses more; then the difference, and
        the ends of its 95 % interval, as fractions.
    """
    lead = leads(arm, [reference])[0]
    above = leads(arm.raised(margin), [reference])[0]
    return (above.p if above.effect > 0 else 1.0), lead.effect, lead.low, lead.high


def _label(configuration: Mapping[str, Any]) -> str:
    """A configuration by its family, dimensions and size: "tucker dims 3 rank 4"."""
    sizes = ("rank_divisor", "rank_scale", "rank", "parameters", "compression", "width")
    default = TrainConfig().width
    reshapes = SIZES[configuration["layer"]].reshapes
    parts = [
        str(configuration[name]) if name == "layer" else f"{name} {configuration[name]}"
        for name in ("layer", "dims", *sizes)
        if name in configuration
        and not (name == "width" and configuration[name] == default)
        and (name != "dims" or reshapes)
    ]
    return " ".join(parts)
