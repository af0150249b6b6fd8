"""A space as plain JSON, for ``study.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.grammar.domains import Choice, Domain
from search_spaces.grammar.question import (
    Question,
    QuestionError,
    question_json,
    read_question,
)
from search_spaces.grammar.space import SearchSpace


def space_json(space: SearchSpace) -> dict[str, Any]:
    """The space in the form that the report reads."""
    return {
        "name": space.name,
        "question": space.question,
        "questions": [question_json(question) for question in space.questions],
        "source": space.source,
        "keys": {
            name: {
                "role": key.role,
                "domain": _domain_json(key.domain),
                "when": {other: list(values) for other, values in key.when.items()},
            }
            for name, key in space.keys.items()
        },
        "fixed": dict(space.fixed),
        "contrast": _contrast_json(space),
        "search": space.search,
        "scheduler": space.scheduler,
    }


def questions(space: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions of a space in this form, the main one first.

    An old space without ``questions`` has its contrast. Questions that this version does not know
    are skipped.
    """
    contrast = space.get("contrast")
    documents = space.get("questions") or ([{"kind": "contrast", **contrast}] if contrast else [])
    read = []
    for document in documents:
        try:
            read.append(read_question(document))
        except QuestionError:
            continue
    return tuple(read)


def _contrast_json(space: SearchSpace) -> dict[str, Any] | None:
    """The first contrast, in the form that older versions read."""
    if space.contrast is None:
        return None
    return {name: getattr(space.contrast, name) for name in ("key", "baseline", "treatment")}


def _domain_json(domain: Domain) -> dict[str, Any]:
    if isinstance(domain, Choice):
        return {"kind": "choice", "values": list(domain.values)}
    return {
        "kind": type(domain).__name__.lower(),
        "low": domain.low,
        "high": domain.high,
        "log": domain.log,
        "grid": list(domain.grid),
    }
