"""A space in the present names of its values, whatever names it was written in."""

from __future__ import annotations

import dataclasses

from search_spaces.grammar.domains import Choice, Domain
from search_spaces.grammar.question import Contrast, Question, Smallest
from search_spaces.grammar.space import SearchSpace
from trainables.config.former_names import present_name, with_present_names


def space_in_present_names(space: SearchSpace) -> SearchSpace:
    """The same space; a value under a former name has its present one."""
    keys = {
        name: dataclasses.replace(
            key, domain=_domain(name, key.domain), when=with_present_names(key.when)
        )
        for name, key in space.keys.items()
    }
    questions = tuple(_question(one) for one in space.questions)
    fixed = with_present_names(space.fixed)
    return dataclasses.replace(space, keys=keys, fixed=fixed, questions=questions)


def _domain(name: str, domain: Domain) -> Domain:
    if not isinstance(domain, Choice):
        return domain
    return Choice(tuple(dict.fromkeys(present_name(name, value) for value in domain.values)))


def _question(question: Question) -> Question:
    match question:
        case Contrast(key, baseline, treatment):
            return Contrast(key, present_name(key, baseline), present_name(key, treatment))
        case Smallest(margin, reference):
            return Smallest(margin, with_present_names(reference))
    return question
