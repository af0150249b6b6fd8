"""The claims of a study: the answers to its space's questions, then all others."""

from __future__ import annotations

import dataclasses
import math

from analysis.claims.best import best_claim
from analysis.claims.carrying import carry_claims
from analysis.claims.claim import Claim, sentence
from analysis.claims.comparison import (
    Comparison,
    compare_values,
    secondary_comparisons,
)
from analysis.claims.noninferior import smallest_claims
from analysis.claims.pairing import Pairing
from analysis.claims.promises import promise_claims
from analysis.claims.selection import selection_claims
from analysis.claims.trending import trend_claims
from analysis.record.dtypes import RENAMED
from analysis.statistics.contrasts import PAIRED
from analysis.study.confirmation import confirmed_study, is_confirmation
from analysis.study.study import Study
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from search_spaces.grammar.space_json import questions


def answer(study: Study) -> Claim:
    """The answer to the space's main question.

    Without a question: for a confirmation, what was promised of its best configuration and whether
    it holds; for any other study, which configuration is best.
    """
    if asked_questions := questions(study.space):
        return answers_to(study, asked_questions[0])[0]
    promised = promise_claims(study)
    return promised[0] if promised else best_claim(study)


def claims(study: Study) -> list[Claim]:
    """All claims that a study supports, the main one first, without repetition."""
    collected: list[Claim] = []
    for question in questions(study.space):
        collected += answers_to(study, question) + _promised(study, question)
    collected += [*promise_claims(study), best_claim(study)]
    collected += [comparison.claim for comparison in secondary_comparisons(study)]
    return list(dict.fromkeys(collected))


def answers_to(study: Study, question: Question) -> list[Claim]:
    """The claims that answer one question, the main one first."""
    if is_confirmation(study) and confirmed_study(study) is None:
        text = f"Nothing can be said: what the question chose stands in the study that {study.name}"
        return [Claim(f"{text} confirms, which does not lie beside it.", "cannot_say", 0)]
    match question:
        case Contrast():
            key = RENAMED.get(question.key, question.key)
            return _contrast(compare_values(study, key, question.baseline, question.treatment))
        case Select():
            return selection_claims(study, question)
        case Carry():
            return carry_claims(study, question)
        case Trend():
            return trend_claims(study, question)
        case Smallest():
            return smallest_claims(study, question)


def _promised(study: Study, question: Question) -> list[Claim]:
    """What the search had answered, under a confirmation's own answer."""
    search = confirmed_study(study)
    if search is None:
        return []
    promise = answers_to(search, question)[0]
    return [dataclasses.replace(promise, words=f"{search.name} had said: {promise.words}")]


def _contrast(contrast: Comparison) -> list[Claim]:
    found = [contrast.claim, *contrast.claims]
    if contrast.effect.method == PAIRED:  # by design, so that it is no finding
        return found
    return [*found, _pairing_claim(contrast.pairing)]


def _pairing_claim(paired: Pairing) -> Claim:
    """Whether a seed that does well under one treatment also does well under the other."""
    numbers = (paired.pairs, paired.correlation, paired.low, paired.high, paired.p)
    if math.isnan(paired.p):
        return Claim(sentence(paired.words), "cannot_say", *numbers)
    return Claim(sentence(paired.words), "shown" if paired.shown else "not_shown", *numbers)


__all__ = ["answer", "answers_to", "best_claim", "claims"]
