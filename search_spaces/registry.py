"""Every space that ships with the project, and how one is found."""

from __future__ import annotations

import difflib
from pathlib import Path

from search_spaces import (
    cp,
    dense,
    equal_budget,
    low_rank,
    quickstart,
    separable,
    tensor_train,
    tensor_train_december,
    tucker,
    weight_decay,
)
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.toml_file import SpaceError, read_space

SPACES: dict[str, SearchSpace] = {
    "quickstart": quickstart.SPACE,
    "dense": dense.SPACE,
    "separable": separable.SPACE,
    "low_rank": low_rank.SPACE,
    "tensor_train": tensor_train.SPACE,
    "tensor_train_december": tensor_train_december.SPACE,
    "tucker": tucker.SPACE,
    "cp": cp.SPACE,
    "weight_decay": weight_decay.SPACE,
    "equal_budget": equal_budget.SPACE,
}


def get_space(reference: str) -> SearchSpace:
    """The space of that name, or the one in that ``.toml`` file.

    Raises:
        SpaceError: for an unknown name, with the choices and the nearest; for a file, with all that
            is wrong in it.
    """
    if reference.endswith(".toml"):
        return read_space(Path(reference))
    if reference in SPACES:
        return SPACES[reference]
    near = difflib.get_close_matches(reference, SPACES, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    choices = f"choose from {', '.join(SPACES)}, or name a .toml file"
    raise SpaceError([f"unknown space {reference!r}: {choices}{hint}"])
