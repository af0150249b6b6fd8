"""Reshaping a matrix to many dimensions, and the ranks a tensor of that shape can attain."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import prod
from operator import mul


@lru_cache(maxsize=4096)
def dimensionize(rows: int, columns: int, dims: int) -> tuple[int, ...]:
    """`dims` dimensions whose product is rows * columns, by the rule of the 2018 study.

    The rule (gngdb/deficient-efficient): equal dimensions where the root is an integer; otherwise
    (rows, columns) for two dimensions; otherwise, with e the rounded root, dims - 1 times the
    smallest divisor >= e of what remains, and the remainder last. Fewer than two dims count as two.

    The original accepts a root within 1e-6 of an integer, which from 8**8 + 1 on accepts neighbours
    of a power too. Here the test is exact.
    """
    dims = max(dims, 2)
    entries = rows * columns
    root = round(entries ** (1 / dims))
    if root**dims == entries:
        return (root,) * dims
    if dims == 2:
        return rows, columns
    modes = []
    for _ in range(dims - 1):
        modes.append(_smallest_divisor(entries, root))
        entries //= modes[-1]
    return *modes, entries


def _smallest_divisor(number: int, least: int) -> int:
    """The smallest divisor of `number` that is at least `least`; `number` where there is none."""
    return next((d for d in range(max(least, 1), number) if number % d == 0), number)


@lru_cache(maxsize=4096)
def full_bonds(modes: tuple[int, ...]) -> tuple[int, ...]:
    """The full rank of each inner bond of a tensor train: min(product left, product right)."""
    left = accumulate(modes[:-1], mul)
    whole = prod(modes)
    return tuple(min(product, whole // product) for product in left)


def attainable_bonds(modes: tuple[int, ...], wanted: Sequence[int]) -> tuple[int, ...]:
    """The wanted bonds, each at most the full one and a neighbour times the mode between them."""
    bonds = [1, *map(min, wanted, full_bonds(modes)), 1]
    for k, mode in enumerate(modes[:-1]):
        bonds[k + 1] = min(bonds[k + 1], bonds[k] * mode)
    for k, mode in reversed(list(enumerate(modes))):
        bonds[k] = min(bonds[k], mode * bonds[k + 1])
    return tuple(bonds[1:-1])


def attainable_modes(modes: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """The wanted Tucker ranks, each at most its dimension and the product of the other ranks.

    Lowering one rank can lower what another attains, so this is repeated until none changes.
    """
    ranks = [min(n, r) for n, r in zip(modes, wanted, strict=True)]
    changed = True
    while changed:
        changed = False
        core = prod(ranks)
        for m, rank in enumerate(ranks):
            others = core // rank
            if rank > others:
                ranks[m], core, changed = others, others * others, True
    return tuple(ranks)


@lru_cache(maxsize=4096)
def split_point(modes: tuple[int, ...], rows: int) -> int | None:
    """How many leading modes multiply to exactly `rows`; None where a mode spans rows and columns.

    With such a point the matrix is a product of (rows, bond) and (bond, columns), and a layer can
    apply these two in turn instead of reconstructing the matrix.
    """
    products = accumulate(modes[:-1], mul)
    return next((m for m, product in enumerate(products, start=1) if product == rows), None)
