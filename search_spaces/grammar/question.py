"""The questions that a space can ask, and their form in TOML and in ``study.json``.

The roles of a space's keys decide how a question treats them: scientific keys are compared, the
carried key has one value for all networks, and nuisance keys are tuned within each arm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from search_spaces.grammar.domains import Scalar
from trainables.text.suggestion import did_you_mean, suggestion

MEASURED = ("compression", "parameters")
"""The sizes that a trend may refer to: a share of the dense network's parameters, or a number."""

GENERALISES = 5
"""The number of blocks (or of families) from which on a contrast speaks of others like them."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Does ``treatment`` beat ``baseline`` on ``key``?

    Each architecture is a block. Both arms are tuned over the nuisance keys.
    """

    key: str
    baseline: Scalar
    treatment: Scalar
    kind: Literal["contrast"] = field(default="contrast", init=False)


@dataclass(frozen=True, slots=True)
class Select:
    """Which value of ``key`` is best at each value of ``within``, tuned over the nuisance keys?

    ``key`` may be several keys: each combination of their values is an arm.
    """

    key: str | tuple[str, ...]
    within: str
    kind: Literal["select"] = field(default="select", init=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The compared keys, as a tuple even where there is one."""
        return (self.key,) if isinstance(self.key, str) else self.key


@dataclass(frozen=True, slots=True)
class Carry:
    """What does one value of ``key``, carried over all networks, cost at each ``treatment``?"""

    key: str
    treatment: str
    kind: Literal["carry"] = field(default="carry", init=False)


@dataclass(frozen=True, slots=True)
class Trend:
    """Which power of ``against`` does the best value of ``key`` follow?

    ``against`` is one of ``MEASURED``.
    """

    key: str
    against: str = "compression"
    kind: Literal["trend"] = field(default="trend", init=False)


@dataclass(frozen=True)
class Smallest:
    """Which network is the smallest that loses at most ``margin`` against the reference?

    ``margin`` is a difference of accuracies, a fraction in (0, 1). ``reference`` holds the values
    of keys that identify the reference network.
    """

    margin: float
    reference: Mapping[str, Scalar]
    kind: Literal["smallest"] = field(default="smallest", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", MappingProxyType(dict(self.reference)))

    def __hash__(self) -> int:
        return hash((self.margin, *self.reference.items()))

    def __reduce__(self) -> tuple:  # a mapping proxy cannot be pickled
        return (Smallest, (self.margin, dict(self.reference)))


Question = Contrast | Select | Carry | Trend | Smallest

KINDS: dict[str, type[Question]] = {
    "contrast": Contrast,
    "select": Select,
    "carry": Carry,
    "trend": Trend,
    "smallest": Smallest,
}


class QuestionError(ValueError):
    """Not a valid question; ``problems`` maps a field ("" for the whole) to its problem."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems.items()))


def question_json(question: Question) -> dict[str, Any]:
    """A question in the form of ``study.json``: its kind, then its fields."""
    values = {field.name: getattr(question, field.name) for field in dataclasses.fields(question)}
    kind = values.pop("kind")
    return {"kind": kind, **{name: _plain(value) for name, value in values.items()}}


def read_question(document: Any) -> Question:
    """The question in a table of TOML or an object of ``study.json``.

    Raises:
        QuestionError: listing everything that is wrong with it.
    """
    if not isinstance(document, Mapping):
        raise QuestionError({"": f'a table such as {{ kind = "trend", … }}, got {document!r}'})
    if document.get("kind") not in [*KINDS]:  # a list, which may come too, is no dictionary's key
        raise QuestionError({"kind": _choose(document.get("kind"), KINDS)})
    kind = KINDS[document["kind"]]
    fields = {declared.name: declared for declared in dataclasses.fields(kind) if declared.init}
    problems = {
        name: f"unknown; {suggestion(name, fields)}"
        for name in document
        if name not in {*fields, "kind"}
    }
    values: dict[str, Any] = {}
    for name, declared in fields.items():
        if name not in document:
            if declared.default is dataclasses.MISSING:
                problems[name] = "missing"
            continue
        values[name] = tuple(document[name]) if isinstance(document[name], list) else document[name]
        if text := _misfit(name, values[name], several=kind is Select):
            problems[name] = text
    if problems:
        raise QuestionError(problems)
    return kind(**values)


def _misfit(name: str, value: Any, *, several: bool) -> str:
    """The problem of a field's value that does not depend on the space's keys; "" for none."""
    if name == "margin":
        fits = type(value) in (int, float) and 0 < value < 1
        return "" if fits else f"a difference of accuracies between 0 and 1, got {value!r}"
    if name == "reference":
        if isinstance(value, Mapping) and value and all(map(_is_scalar, value.values())):
            return ""
        return f'the reference\'s values such as {{ layer = "dense" }}, got {_plain(value)!r}'
    if name in ("baseline", "treatment") and _is_scalar(value):
        return ""  # the space checks whether a carry's treatment is a key
    if name == "baseline":
        return f"one value, got {_plain(value)!r}"
    if name == "against":
        return "" if value in MEASURED else _choose(value, MEASURED)
    return _misfit_name(name, value, several=several)


def _misfit_name(name: str, value: Any, *, several: bool) -> str:
    if isinstance(value, str) or name != "key" or not several:
        return "" if isinstance(value, str) else f"the name of a key, got {_plain(value)!r}"
    names = isinstance(value, tuple) and all(isinstance(element, str) for element in value)
    if names and value and len(set(value)) == len(value):
        return ""
    return f"the name of a key, or a list of different names, got {_plain(value)!r}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _choose(given: Any, choices: Iterable[str]) -> str:
    choices = list(choices)
    got = "is missing" if given is None else f"got {given!r}"
    hint = did_you_mean(str(given), choices)
    return f"one of {', '.join(choices)}, {got}{hint}"
