"""A space whose values are written in another way: under present names, or as they resolve."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from search_spaces.grammar.domains import Choice, Domain, Scalar
from search_spaces.grammar.question import Contrast, Question, Smallest
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.resnet9 import IMAGE_SIDE
from trainables.config.former_names import present_name
from trainables.config.starting_point import read_starting_point, split_init
from trainables.config.starting_weights import resolve_weights, split_weights
from trainables.config.tables import network_as_begun, resolve_network

Rewrite = Callable[[str, Scalar], Scalar]
"""From a key and one of its values to the same value, written otherwise."""


def space_in_present_names(space: SearchSpace) -> SearchSpace:
    """The same space; a value under a former name has its present one."""
    return _rewritten(space, present_name)


def space_in_resolved_values(
    space: SearchSpace, resolved: Mapping[str, Scalar], begun: Sequence[str] = ()
) -> SearchSpace:
    """The same space; its values are those that trials on record have, and can be compared.

    A network, weights and a starting point get the digest of what they are. ``resolved`` is what
    the study puts for open values: it replaces them in searched keys; a fixed one stays open, since
    studies that name it and studies that leave it out are the same. ``begun`` are the networks of
    the study so far, which keep the spelling that they have there. A value that cannot be resolved
    stays, and its points are refused with the reason.
    """
    values = {"image_size": IMAGE_SIDE, **resolved, **space.fixed}
    values = {name: value for name, value in values.items() if name not in space.keys}

    def resolve(key: str, value: Scalar) -> Scalar:
        with contextlib.suppress(ValueError, TypeError, KeyError):  # a size may be wrong or missing
            if key == "network":
                sizes = {name: int(values[name]) for name in ("image_size", "classes")}
                network = resolve_network(str(value), **sizes)
                return network_as_begun(network, begun, **sizes)
            if key == "weights" and value and split_weights(str(value))[1] is None:
                sizes = {name: int(values[name]) for name in ("image_size", "classes")}
                network = resolve_network(str(values["network"]), **sizes)
                return resolve_weights(str(value), network, **sizes)[0]
            if key == "init" and value and split_init(str(value))[1] is None:
                return read_starting_point(Path(str(value))).init
        return resolved.get(key, value) if value == "auto" else value

    rewritten = _rewritten(space, resolve)
    still_open = {name: value for name, value in space.fixed.items() if value == "auto"}
    return dataclasses.replace(rewritten, fixed={**rewritten.fixed, **still_open})


def _rewritten(space: SearchSpace, rewrite: Rewrite) -> SearchSpace:
    keys = {
        name: dataclasses.replace(
            key,
            domain=_domain(name, key.domain, rewrite),
            when={
                key_name: tuple(rewrite(key_name, value) for value in values)
                for key_name, values in key.when.items()
            },
        )
        for name, key in space.keys.items()
    }
    return dataclasses.replace(
        space,
        keys=keys,
        fixed=_values(space.fixed, rewrite),
        questions=tuple(_question(question, rewrite) for question in space.questions),
    )


def _domain(name: str, domain: Domain, rewrite: Rewrite) -> Domain:
    if not isinstance(domain, Choice):
        return domain
    return Choice(tuple(dict.fromkeys(rewrite(name, value) for value in domain.values)))


def _question(question: Question, rewrite: Rewrite) -> Question:
    match question:
        case Contrast(key, baseline, treatment):
            return Contrast(key, rewrite(key, baseline), rewrite(key, treatment))
        case Smallest(margin, reference):
            return Smallest(margin, _values(reference, rewrite))
    return question


def _values(values: Mapping[str, Scalar], rewrite: Rewrite) -> dict[str, Scalar]:
    return {name: rewrite(name, value) for name, value in values.items()}
