"""All spaces that ship with the project, and the function that finds one."""

from __future__ import annotations

import importlib
from pathlib import Path

from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.toml_file import SpaceError, read_space
from trainables.text.suggestion import did_you_mean

NAMES = (
    "quickstart",
    "dense",
    "separable",
    "low_rank",
    "tensor_train",
    "tensor_train_december",
    "tucker",
    "cp",
    "weight_decay",
    "equal_budget",
    "shrink",
)
"""The modules beside this one that define a ``SPACE``."""

SPACES: dict[str, SearchSpace] = {
    name: importlib.import_module(f"search_spaces.{name}").SPACE for name in NAMES
}


def get_space(reference: str) -> SearchSpace:
    """The space of that name, or the one in that ``.toml`` file.

    Raises:
        SpaceError: for an unknown name, with the choices and a suggestion; for a wrong file, with
            all its problems.
    """
    if reference.lower().endswith(".toml"):
        return read_space(Path(reference))
    if reference in SPACES:
        return SPACES[reference]
    if (Path(reference) / "study.json").is_file():
        raise SpaceError(
            [
                f"--space {reference} is a study's folder, and takes a space's name or a .toml "
                "file: the command that began the study continues it"
            ]
        )
    hint = did_you_mean(reference, SPACES)
    choices = f"choose from {', '.join(SPACES)}, or name a .toml file"
    raise SpaceError([f"unknown space {reference!r}: {choices}{hint}"])
