"""A search space: its questions, the keys it varies, the keys it fixes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from search_spaces.grammar.answerable import design_problems
from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast, Question
from search_spaces.grammar.seeds import ESTIMATING_SEEDS, MOST_CHOOSING_SEEDS


def _frozen(mapping: Mapping) -> Mapping:
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class SearchSpace:
    """A question and everything needed to ask it.

    ``question`` is text for people. ``questions`` state it in the grammar, the main one first; a
    space whose design cannot answer them is refused. ``fixed`` and ``keys`` are keys of
    ``TrainConfig``. ``source`` says where the question comes from. ``search`` and ``scheduler`` are
    defaults that the command line overrides: a space that compares needs every trial to finish
    (``grid``, ``none``), a space that optimises suits ``optuna`` and ``asha``. Each point runs on
    ``seeds`` choosing seeds. The configurations that the arms of a question choose run again on
    ``estimating_seeds`` fresh seeds. ``num_samples`` is the number of points that a sampling search
    draws.
    """

    name: str
    question: str
    source: str
    keys: Mapping[str, Key]
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    search: str = "grid"
    scheduler: str = "none"
    num_samples: int = 32
    seeds: int = 1
    estimating_seeds: int = ESTIMATING_SEEDS
    questions: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", _frozen(self.fixed))
        object.__setattr__(self, "keys", _frozen(self.keys))
        problems = list(self._problems())
        if problems:
            raise ValueError(f"space {self.name!r}: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        for name in sorted(set(self.fixed) & set(self.keys)):
            yield f"key {name!r} is both fixed and searched"
        declared = set(self.fixed)
        for name, key in self.keys.items():
            for other in sorted(set(key.when) - declared):
                yield f"key {name!r} depends on {other!r}, which is not declared before it"
            declared.add(name)
        if not 1 <= self.seeds <= MOST_CHOOSING_SEEDS:
            yield f"seeds must lie in [1, {MOST_CHOOSING_SEEDS}], got {self.seeds}"
        if not 0 <= self.estimating_seeds <= MOST_CHOOSING_SEEDS:
            yield (
                f"estimating_seeds must lie in [0, {MOST_CHOOSING_SEEDS}], "
                f"got {self.estimating_seeds}"
            )
        yield from (f"{path}: {text}" for path, text in self.question_problems())

    def question_problems(self) -> Iterator[tuple[str, str]]:
        """Why the design cannot answer the questions: the path of the key, and the reason."""
        for number, question in enumerate(self.questions):
            for name, text in design_problems(question, self.keys, self.fixed):
                yield f"questions[{number}].{name}", text

    def with_keys(
        self, keys: Mapping[str, Key], fixed: Mapping[str, Scalar] | None = None
    ) -> SearchSpace:
        """The space with other keys, without the questions that it can no longer answer."""
        fixed = self.fixed if fixed is None else fixed
        answerable = [
            question
            for question in self.questions
            if not list(design_problems(question, keys, fixed))
        ]
        return dataclasses.replace(self, keys=keys, fixed=fixed, questions=tuple(answerable))

    @property
    def contrast(self) -> Contrast | None:
        """The first contrast among the questions; None where there is none."""
        return next(
            (question for question in self.questions if isinstance(question, Contrast)), None
        )

    @property
    def scientific_keys(self) -> tuple[str, ...]:
        """The compared keys, in the order of declaration."""
        return tuple(name for name, key in self.keys.items() if key.role == "scientific")

    @property
    def nuisance_keys(self) -> tuple[str, ...]:
        """The keys that are tuned before a comparison."""
        return tuple(name for name, key in self.keys.items() if key.role == "nuisance")
