"""The questions that a study's space asks, from ``study.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.grammar.question import Question, QuestionError, read_question


def questions(space: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions, the main one first; of a space of before ``questions``, its contrast.

    Questions that this version does not know are skipped.
    """
    contrast = space.get("contrast")
    given = space.get("questions") or ([{"kind": "contrast", **contrast}] if contrast else [])
    found = []
    for one in given:
        try:
            found.append(read_question(one))
        except QuestionError:
            continue
    return tuple(found)
