"""Ranks of a whole network in one text: a value that a configuration can hold and a space search.

"8-8-4/8-8-4/…": the layers in the order the image meets them, each with one rank a bond or mode. A
layer whose family stores a single rank has a single number: "12/16/16/…"; one that stays dense is
written "dense".
"""

from collections.abc import Iterable, Sequence

DENSE = "dense"

Ranks = tuple[tuple[int, ...], ...]


def write_ranks(ranks: Iterable[Sequence[int]]) -> str:
    """The text of a network's ranks."""
    return "/".join("-".join(map(str, layer)) or DENSE for layer in ranks)


def read_ranks(text: str) -> Ranks:
    """The ranks of each layer; raises ValueError where the text is not of that form."""
    layers = [[] if layer == DENSE else layer.split("-") for layer in text.split("/")]
    if not all(part.isascii() and part.isdigit() for layer in layers for part in layer):
        raise ValueError(
            f"ranks are written 8-8-4/8-8-4/… (a layer between slashes, its ranks between dashes), "
            f"got {text!r}"
        )
    return tuple(tuple(map(int, layer)) for layer in layers)
