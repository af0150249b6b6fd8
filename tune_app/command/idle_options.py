"""Options that would have no effect together with the others: they are refused, not ignored.

There are three kinds of rules: an option needs another one, excludes another one, or has no effect
in a mode (a confirmation, the list of spaces). Where the effect depends on the space, the data set
or the machine, ``planning`` and ``preview`` check it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from trainables.data.sources import ONE_PLACE

NEEDS = {
    "study_id": ("storage", "--study-id says which study of --storage is meant; add --storage"),
    "json": ("plan", "--json is a format of --plan; add --plan"),
    "top": ("confirm", "--top says what --confirm retrains; add --confirm N"),
    "confirm_what": ("confirm", "--confirm-what says what --confirm retrains; add --confirm N"),
}
"""Options that have an effect only together with another one."""

EXCLUDE = {
    ("data_dir", "download"): ONE_PLACE,
    ("fresh", "study_id"): "--study-id says which study to continue, and --fresh begins a new one: "
    "keep one of them",
}
"""Pairs of options that exclude each other."""

SHAPES_A_SEARCH = (
    *("settings", "seeds", "estimating_seeds", "num_samples", "search", "search_seed"),
    *("scheduler", "grace_period", "reduction_factor", "objective"),
)
"""Options without an effect on a confirmation, even where they repeat a default."""


def idle_options(given: Set[str]) -> Iterator[str]:
    """One sentence for each option that would have no effect.

    Args:
        given: names of the parameters of the options on the command line.
    """
    if "list_spaces" in given:
        for name in sorted(given - {"list_spaces", "space"}):
            yield f"{flag(name)} has no effect on --list-spaces; leave one of them out"
        return
    for name, (needed, sentence) in NEEDS.items():
        if name in given and needed not in given:
            yield sentence
    for pair, sentence in EXCLUDE.items():
        if given >= {*pair}:
            yield sentence
    if "confirm" in given:
        yield from _idle_in_a_confirmation(given)


def _idle_in_a_confirmation(given: Set[str]) -> Iterable[str]:
    for name in SHAPES_A_SEARCH:
        if name in given:
            yield (
                f"{flag(name)} shapes a search; --confirm takes what a study found as it is: leave "
                "it out"
            )


def flag(name: str) -> str:
    """The flag of a parameter."""
    return "--set" if name == "settings" else f"--{name.replace('_', '-')}"
