"""A space from a TOML file; docs/spaces.md shows the format."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.answerable import design_problems
from search_spaces.grammar.domains import Choice, Domain, Float, Int
from search_spaces.grammar.folder_name import is_folder_name
from search_spaces.grammar.key import ROLES, Key
from search_spaces.grammar.question import Question, QuestionError, read_question
from search_spaces.grammar.seeds import MOST_CHOOSING_SEEDS
from search_spaces.grammar.space import SearchSpace
from trainables.text.suggestion import suggestion

TYPES = {"float": Float, "int": Int, "choice": Choice}
INTERVAL = {"low", "high", "log", "grid"}
SPACE = {
    *("name", "question", "source", "search", "scheduler"),
    *("num_samples", "seeds", "estimating_seeds", "questions", "contrast"),
}

_MISSING = object()


class SpaceError(ValueError):
    """There is no such space, or its file is wrong; ``problems`` lists everything.

    ``document`` is the file as it was read, empty where it could not be.
    """

    def __init__(self, problems: Iterable[str], document: Mapping[str, Any] | None = None) -> None:
        self.problems = tuple(problems)
        self.document = document or {}
        super().__init__("\n".join(self.problems))


def read_space(path: Path) -> SearchSpace:
    """The space that a file describes; ``[space] name`` defaults to the file's own.

    Raises:
        SpaceError: where it cannot be read or is not TOML; else listing each problem with the path
            of its key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SpaceError(
            [f"no file {path}: --space takes a space's name or a .toml file"]
        ) from None
    except UnicodeDecodeError as problem:
        raise SpaceError([f"{path} is no UTF-8 text; save it as UTF-8: {problem}"]) from problem
    except OSError as problem:
        raise SpaceError([f"cannot read {path}: {problem}"]) from problem
    except (ValueError, RecursionError) as problem:  # numbers of thousands of digits, deep brackets
        raise SpaceError([f"{path} is not TOML: {problem}"]) from problem
    reader = _Reader()
    space = reader.space(document, default_name=path.stem)
    if space is None:
        raise SpaceError([f"{path}: {problem}" for problem in reader.problems], document)
    return space


class _Reader:
    """Reads a document and collects every problem with its path."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def space(self, document: Mapping[str, Any], default_name: str) -> SearchSpace | None:
        self._unknown("", document, {"space", "fixed", "keys"})
        head = self._table("space", document.get("space", {}))
        self._unknown("space", head, SPACE)
        header = self._header(head, default_name)
        questions = self._questions(head)
        fixed = self._fixed(self._table("fixed", document.get("fixed", {})))
        tables = self._table("keys", document.get("keys", {}))
        keys = {name: self._key(f"keys.{name}", table) for name, table in tables.items()}
        if not keys:
            self.problems.append("keys: a space searches at least one key, got none")
        complete = {name: key for name, key in keys.items() if key is not None}
        self._conditions(complete)
        for path, question in questions.items():
            self.problems += [
                f"{path}.{name}: {text}"
                for name, text in design_problems(question, complete, fixed)
                if len(complete) == len(keys)  # with a wrong key the design cannot be judged
            ]
        if self.problems:
            return None
        try:
            asked_questions = tuple(questions.values())
            return SearchSpace(**header, keys=complete, fixed=fixed, questions=asked_questions)
        except ValueError as problem:
            self.problems.append(str(problem))
            return None

    def _header(self, head: Mapping[str, Any], default_name: str) -> dict[str, Any]:
        return {
            "name": self._name(head.get("name", default_name)),
            "question": self._typed("space.question", head.get("question", _MISSING), str),
            "source": self._typed("space.source", head.get("source", ""), str),
            "search": self._typed("space.search", head.get("search", SearchSpace.search), str),
            "scheduler": self._typed(
                "space.scheduler", head.get("scheduler", SearchSpace.scheduler), str
            ),
            "num_samples": self._count(
                "space.num_samples", head.get("num_samples", SearchSpace.num_samples)
            ),
            "seeds": self._count(
                "space.seeds", head.get("seeds", SearchSpace.seeds), 1, MOST_CHOOSING_SEEDS
            ),
            "estimating_seeds": self._count(
                "space.estimating_seeds",
                head.get("estimating_seeds", SearchSpace.estimating_seeds),
                0,
                MOST_CHOOSING_SEEDS,
            ),
        }

    def _questions(self, head: Mapping[str, Any]) -> dict[str, Question]:
        """The questions by their path; ``contrast`` is the older form of a single contrast."""
        documents: dict[str, Any] = {}
        if "contrast" in head:
            table = self._table("space.contrast", head["contrast"])
            documents["space.contrast"] = {"kind": "contrast", **table}
        entries = head.get("questions", [])
        if not isinstance(entries, list):
            self.problems.append(f"space.questions: a list of questions, got {entries!r}")
            entries = []
        documents |= {f"space.questions[{number}]": entry for number, entry in enumerate(entries)}
        read: dict[str, Question] = {}
        for path, table in documents.items():
            try:
                read[path] = read_question(table)
            except QuestionError as error:
                self.problems += [
                    f"{path}{f'.{name}' if name else ''}: {text}"
                    for name, text in error.problems.items()
                ]
        return read

    def _fixed(self, table: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._scalar(f"fixed.{name}", value) for name, value in table.items()}

    def _key(self, path: str, given: Any) -> Key | None:
        table = self._table(path, given)
        kind = table.get("type", "choice" if "values" in table else None)
        if kind not in [*TYPES]:  # which, unlike the dictionary, may be asked for a list
            self._choose(f"{path}.type", kind, TYPES)
            return None
        fields = {"values"} if kind == "choice" else INTERVAL
        self._unknown(path, table, fields | {"type", "role", "when"})
        role = table.get("role", "scientific")
        if role not in ROLES:
            self._choose(f"{path}.role", role, ROLES)
        when = self._when(f"{path}.when", table.get("when", {}))
        domain = self._domain(path, TYPES[kind], {n: table[n] for n in fields & table.keys()})
        return None if domain is None else Key(domain, role, when)

    def _domain(self, path: str, kind: type, fields: dict[str, Any]) -> Domain | None:
        for name in {"values"} if kind is Choice else {"low", "high"}:
            if name not in fields:
                self.problems.append(f"{path}.{name}: missing")
                return None
        before = len(self.problems)
        for name in fields.keys() & {"values", "grid"}:
            fields[name] = self._scalars(f"{path}.{name}", fields[name])
        if len(self.problems) > before:
            return None
        numbers = [fields[name] for name in ("low", "high") if name in fields]
        numbers += fields.get("grid", ())
        number_types = (int,) if kind is Int else (int, float)
        others = [value for value in numbers if type(value) not in number_types]
        if others:
            expected = "whole numbers" if kind is Int else "numbers"
            self.problems.append(f"{path}: low, high and grid are {expected}, got {others}")
            return None
        if type(fields.get("log", False)) is not bool:
            self.problems.append(f"{path}.log: true or false, got {fields['log']!r}")
            return None
        try:
            return kind(**fields)
        except ValueError as problem:
            self.problems.append(f"{path}: {problem}")
            return None

    def _when(self, path: str, given: Any) -> dict[str, tuple]:
        table = self._table(path, given)
        return {
            name: self._scalars(f"{path}.{name}", value if isinstance(value, list) else [value])
            for name, value in table.items()
        }

    def _conditions(self, keys: Mapping[str, Key]) -> None:
        """A mistyped value would leave a key out of the networks that it was meant for."""
        for name, key in keys.items():
            for other in key.when.keys() & keys.keys():
                domain = keys[other].domain
                unknown = [value for value in key.when[other] if not domain.contains(value)]
                has = ", ".join(map(str, domain.values)) if isinstance(domain, Choice) else domain
                for value in unknown:
                    self.problems.append(f"keys.{name}.when: {other} is never {value!r}, but {has}")

    def _scalars(self, path: str, given: Any) -> tuple:
        if not isinstance(given, list):
            self.problems.append(f"{path}: a list such as [1, 2], got {given!r}")
            return ()
        return tuple(self._scalar(path, value) for value in given)

    def _scalar(self, path: str, value: Any) -> Any:
        if not isinstance(value, str | int | float | bool):
            self.problems.append(f"{path}: text, a number, true or false, got {value!r}")
        return value

    def _typed(self, path: str, value: Any, kind: type) -> Any:
        if value is _MISSING:
            self.problems.append(f"{path}: missing; a space asks a question")
        elif type(value) is not kind or (value == "" and path != "space.source"):
            self.problems.append(f"{path}: text, got {value!r}")
        return value

    def _name(self, value: Any) -> Any:
        """A study's folder has the space's name."""
        self._typed("space.name", value, str)
        if isinstance(value, str) and value and not is_folder_name(value):
            self.problems.append(f"space.name: one folder's name, got {value!r}")
        return value

    def _count(self, path: str, value: Any, minimum: int = 1, maximum: float = math.inf) -> Any:
        if type(value) is not int or not minimum <= value <= maximum:
            expected = f"at least {minimum}" if maximum == math.inf else f"{minimum} to {maximum}"
            self.problems.append(f"{path}: a whole number of {expected}, got {value!r}")
        return value

    def _table(self, path: str, given: Any) -> Mapping[str, Any]:
        if isinstance(given, Mapping):
            return given
        self.problems.append(f"{path}: a table [{path}], got {given!r}")
        return {}

    def _choose(self, path: str, given: Any, choices: Iterable[str]) -> None:
        got = "is missing" if given is None else f"got {given!r}"
        self.problems.append(f"{path}: one of {', '.join(choices)}, {got}")

    def _unknown(self, path: str, table: Mapping[str, Any], choices: Iterable[str]) -> None:
        for name in (name for name in table if name not in set(choices)):
            hint = suggestion(name, sorted(choices))
            self.problems.append(f"{path + '.' if path else ''}{name}: unknown; {hint}")
