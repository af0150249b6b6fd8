"""What is wrong with the space that ``--space`` names, and with the names that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.grammar.toml_file import SpaceError
from search_spaces.registry import get_space
from trainables.config.train_config import default_keys, unknown_key
from tune_app.command.errors import unknown
from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS


def space_problems(reference: str | None, search: Any, scheduler: Any) -> list[str]:
    """All that can be said of a space before it is planned.

    Args:
        reference: its name or file; None where none is given.
        search: what the command line asks for in place of the space's searcher; None: nothing.
        scheduler: the same of schedulers.
    """
    if not reference:
        return ["--space is missing: a space's name or a .toml file; --list-spaces prints them"]
    problems: list[str] = []
    try:
        space = get_space(reference)
    except SpaceError as error:
        problems += error.problems
        header, *tables = (_table(error.document, name) for name in ("space", "fixed", "keys"))
    else:
        header = {"search": space.search, "scheduler": space.scheduler}
        tables = [space.fixed, space.keys]
    problems += [unknown_key(key) for table in tables for key in table if key not in default_keys()]
    registries: list[tuple[str, Any, Mapping[str, Any]]] = [
        ("search", search, SEARCHERS),
        ("scheduler", scheduler, SCHEDULERS),
    ]
    for noun, asked, registry in registries:
        name = header.get(noun) if asked is None else None
        if isinstance(name, str) and name not in registry:
            problems.append(unknown(noun, name, registry))
    return problems


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of a document, empty where it is none."""
    table = document.get(name)
    return table if isinstance(table, Mapping) else {}
