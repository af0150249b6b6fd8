"""Chooses the ranks of the layers of a trained network, from the spectra of its kernels.

"energy" discards the same share of every layer. "greedy" spends each parameter where it keeps most.
Both measure shares of each layer's own ‖W‖². The norms of different layers are not comparable:
where a normalisation follows, the scale of a kernel has no effect at all.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from trainables.compression.spectrum import Spectrum

Ints = tuple[int, ...]

Step = tuple[float, Ints, int, int]  # -worth, ranks after the step, parameters it costs, layer

LEAST = 1e-300  # worth of a step that keeps nothing more: above 0, as it still uses the budget


def count(spectra: Sequence[Spectrum], ranks: Sequence[Ints]) -> int:
    """Parameters of the replaced layers at these ranks."""
    return sum(
        layer.parameters(layer_ranks) for layer, layer_ranks in zip(spectra, ranks, strict=True)
    )


def smallest_count(spectra: Sequence[Spectrum]) -> int:
    """Parameters of the replaced layers at rank 1."""
    return count(spectra, [_smallest(layer) for layer in spectra])


def ranks_of_energy(spectra: Sequence[Spectrum], energy: float) -> list[Ints]:
    """The smallest ranks that keep a share ``energy`` in (0, 1] of what the family can represent.

    The share that may be discarded is divided equally among a layer's ranks (Oseledets 2011,
    algorithm 1), so that together they keep at least ``energy``.
    """
    return [
        _smallest_within(layer, (1 - energy) * (1 - layer.lost) / len(layer.cuts))
        for layer in spectra
    ]


def ranks_of_equal_energy(spectra: Sequence[Spectrum], budget: int) -> list[Ints]:
    """The ranks within ``budget`` that all discard the same, smallest possible share of a kernel.

    Args:
        spectra: one for each layer.
        budget: parameters of the replaced layers, at least ``smallest_count(spectra)``.
    """

    def ranks(digits: float) -> list[Ints]:
        return [_smallest_within(layer, 10.0**-digits) for layer in spectra]

    low, high = 0.0, 18.0  # decimal digits; a float64 spectrum has about 16
    for _ in range(60):
        middle = (low + high) / 2
        fits = count(spectra, ranks(middle)) <= budget
        low, high = (middle, high) if fits else (low, middle)
    return ranks(low)


def ranks_by_greed(spectra: Sequence[Spectrum], budget: int, *, nested: bool) -> list[Ints]:
    """Ranks within ``budget``, by taking the most worthwhile step from rank 1 on until it is used.

    A step raises one rank of one layer by 1, or all ranks of a layer. Its worth is the increase of
    log(share kept) per parameter. The logarithm turns the product over layers into a sum; a sum of
    the shares themselves would leave some layers with nothing in favour of others.

    Args:
        spectra: one for each layer.
        budget: parameters of the replaced layers, at least ``smallest_count(spectra)``.
        nested: how the losses of a layer's ranks combine, see ``Spectrum.kept``.
    """
    ranks = [_smallest(layer) for layer in spectra]
    unused = budget - count(spectra, ranks)

    def step(number: int) -> Step:
        layer, current = spectra[number], ranks[number]
        return (*_best_raise(layer, current, unused, nested=nested), number)

    queue = [step(number) for number in range(len(spectra))]
    heapq.heapify(queue)
    while queue:
        worth, raised, cost, number = heapq.heappop(queue)
        if worth == 0:  # no step of this layer is left, or none fits into the budget
            continue
        if cost <= unused:
            ranks[number] = raised
            unused -= cost
        heapq.heappush(queue, step(number))
    return ranks


def _smallest(layer: Spectrum) -> Ints:
    return layer.family.attainable(layer.spec, layer.modes, (1,) * len(layer.cuts))


def _smallest_within(layer: Spectrum, allowed: float) -> Ints:
    """The smallest ranks that each discard at most a share ``allowed`` of the kernel."""
    smallest = tuple(_smallest_rank_within(cuts, allowed) for cuts in layer.cuts)
    return layer.family.attainable(layer.spec, layer.modes, smallest)


def _smallest_rank_within(cut: Sequence[float], allowed: float) -> int:
    """The smallest rank of at least 1 that discards at most ``allowed``."""
    return next(rank for rank in range(1, len(cut)) if cut[rank] <= allowed or rank == len(cut) - 1)


def _best_raise(
    layer: Spectrum, ranks: Ints, unused: int, *, nested: bool
) -> tuple[float, Ints, int]:
    """A layer's best step within ``unused`` parameters: (-worth, ranks, parameters it costs)."""
    size = layer.parameters(ranks)
    best = (0.0, ranks, 0)
    for proposed in _raises(ranks):
        raised = layer.family.attainable(layer.spec, layer.modes, proposed)
        cost = layer.parameters(raised) - size
        if 0 < cost <= unused:
            gain = math.log(layer.kept(raised, nested=nested) / layer.kept(ranks, nested=nested))
            best = min(best, (-max(gain, LEAST) / cost, raised, cost))
    return best


def _raises(ranks: Ints) -> list[Ints]:
    """The ranks after each possible step: one rank raised by 1, or all of them."""
    single = [(*ranks[:i], ranks[i] + 1, *ranks[i + 1 :]) for i in range(len(ranks))]
    return [*single, tuple(rank + 1 for rank in ranks)]
