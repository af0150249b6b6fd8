"""Ranks for the layers of a network whose kernels are known: integers out, no tensors.

"energy" cuts the same share of every layer, "greedy" spends each parameter where it keeps most.
Both go by shares of each layer's own ‖W‖², since the next layer multiplies whatever this one puts
out: where a normalisation follows, the scale of a kernel means nothing at all.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from trainables.compression.spectrum import Spectrum
from trainables.sizes.budget import LEAST_FILL
from trainables.sizes.network import InfeasibleError

Ints = tuple[int, ...]

Step = tuple[float, Ints, int, int]  # -worth, the ranks it leads to, its parameters, the layer

LEAST = 1e-300  # what a step is worth that keeps nothing: it still fills the budget


def count(spectra: Sequence[Spectrum], ranks: Sequence[Ints]) -> int:
    """Parameters of the replaced layers at these ranks."""
    return sum(layer.parameters(own) for layer, own in zip(spectra, ranks, strict=True))


def ranks_of_energy(spectra: Sequence[Spectrum], energy: float) -> list[Ints]:
    """The smallest ranks that keep a share ``energy`` in (0, 1] of what the family can represent.

    Each of a layer's ranks may cut an equal part of the rest (Oseledets 2011, algorithm 1), so that
    together they keep at least ``energy``.
    """
    return [_keep(layer, (1 - energy) * (1 - layer.lost) / len(layer.cuts)) for layer in spectra]


def ranks_of_equal_energy(spectra: Sequence[Spectrum], budget: int) -> list[Ints]:
    """Within ``budget`` parameters the ranks that each cut the same, least, share of a kernel.

    Raises InfeasibleError when even rank 1 exceeds the budget, or the nearest network below it
    fills less than 97 % of it.
    """

    def ranks(digits: float) -> list[Ints]:
        return [_keep(layer, 10.0**-digits) for layer in spectra]

    _check_smallest(spectra, budget)
    low, high = 0.0, 18.0  # as many digits as a float64 spectrum holds, and some
    for _ in range(60):
        middle = (low + high) / 2
        fits = count(spectra, ranks(middle)) <= budget
        low, high = (middle, high) if fits else (low, middle)
    check_fill("energy", count(spectra, ranks(low)), budget)
    return ranks(low)


def ranks_by_greed(spectra: Sequence[Spectrum], budget: int, *, nested: bool) -> list[Ints]:
    """From rank 1, again and again the step that keeps most for its parameters, to the budget.

    A step raises one rank of one layer by 1, or all ranks of a layer. Its worth is the growth of
    log(share kept) over its parameters: shares multiply from layer to layer, and a sum would starve
    some layers to nothing for the sake of others. ``nested`` is how the cuts of one layer add up.
    Raises InfeasibleError as ``ranks_of_equal_energy`` does.
    """
    _check_smallest(spectra, budget)
    ranks = [_smallest(layer) for layer in spectra]
    left = budget - count(spectra, ranks)

    def step(number: int) -> Step:
        layer, now = spectra[number], ranks[number]
        return (*_best_raise(layer, now, left, nested=nested), number)

    queue = [step(number) for number in range(len(spectra))]
    heapq.heapify(queue)
    while queue:
        worth, raised, cost, number = heapq.heappop(queue)
        if worth == 0:  # nothing of this layer is left to raise, or nothing fits
            continue
        if cost <= left:
            ranks[number] = raised
            left -= cost
        heapq.heappush(queue, step(number))
    check_fill("greed", budget - left, budget)
    return ranks


def check_fill(rule: str, parameters: int, budget: int) -> None:
    """Raise InfeasibleError where the replaced layers fill less than 97 % of their budget."""
    if parameters < LEAST_FILL * budget:
        raise InfeasibleError(
            f"ranks by {rule} fill {parameters / budget:.1%} of the {budget:,} parameters that "
            f"the replaced layers may have: the nearest network has {parameters:,} there"
        )


def _check_smallest(spectra: Sequence[Spectrum], budget: int) -> None:
    smallest = count(spectra, [_smallest(layer) for layer in spectra])
    if smallest > budget:
        names = " and ".join(dict.fromkeys(layer.family.name for layer in spectra))
        raise InfeasibleError(
            f"{names} cannot have {max(budget, 0):,} parameters or fewer in its replaced "
            f"layers: its smallest network has {smallest:,} there (rank 1)"
        )


def _smallest(layer: Spectrum) -> Ints:
    return layer.family.attainable(layer.spec, layer.modes, (1,) * len(layer.cuts))


def _keep(layer: Spectrum, allowed: float) -> Ints:
    """The smallest ranks that each cut at most a share ``allowed`` of the kernel."""
    wanted = tuple(_first(cuts, allowed) for cuts in layer.cuts)
    return layer.family.attainable(layer.spec, layer.modes, wanted)


def _first(cut: Sequence[float], allowed: float) -> int:
    """The smallest rank, from 1, that cuts at most ``allowed``."""
    return next(rank for rank in range(1, len(cut)) if cut[rank] <= allowed or rank == len(cut) - 1)


def _best_raise(layer: Spectrum, now: Ints, left: int, *, nested: bool) -> tuple[float, Ints, int]:
    """A layer's best step that ``left`` parameters allow: (-worth, ranks, parameters it costs)."""
    size = layer.parameters(now)
    best = (0.0, now, 0)
    for wanted in _raises(now):
        raised = layer.family.attainable(layer.spec, layer.modes, wanted)
        cost = layer.parameters(raised) - size
        if 0 < cost <= left:
            gain = math.log(layer.kept(raised, nested=nested) / layer.kept(now, nested=nested))
            best = min(best, (-max(gain, LEAST) / cost, raised, cost))
    return best


def _raises(ranks: Ints) -> list[Ints]:
    one = [(*ranks[:i], ranks[i] + 1, *ranks[i + 1 :]) for i in range(len(ranks))]
    return [*one, tuple(rank + 1 for rank in ranks)]
