"""The ranks of a whole network as one text, so that a configuration can hold and a space vary them.

"8-8-4/8-8-4/…" lists the layers in forward order, each with one rank for each bond or mode. A layer
whose family has a single rank has a single number ("12/16/16/…"). A layer that stays dense is
written "dense".
"""

from collections.abc import Iterable, Sequence

DENSE = "dense"

Ranks = tuple[tuple[int, ...], ...]


def write_ranks(ranks: Iterable[Sequence[int]]) -> str:
    """Writes the ranks of a network's layers as text."""
    return "/".join("-".join(map(str, layer)) or DENSE for layer in ranks)


def read_ranks(text: str) -> Ranks:
    """Reads the ranks of each layer.

    Raises:
        ValueError: where the text is not of that form.
    """
    layers = [[] if layer == DENSE else layer.split("-") for layer in text.split("/")]
    if not all(part.isascii() and part.isdigit() for layer in layers for part in layer):
        raise ValueError(
            "ranks must be written as 8-8-4/8-8-4/… (slashes between layers, dashes between the "
            f"ranks of a layer), got {text!r}"
        )
    return tuple(tuple(map(int, layer)) for layer in layers)
