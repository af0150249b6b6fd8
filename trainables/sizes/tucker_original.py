"""Tucker as the 2018 code stored it: the core is itself a tensor train."""

from math import prod
from operator import mul
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.reshape import full_bonds, split_point
from trainables.sizes.separable_form import (
    depthwise_parameters,
    reconstructed_pointwise,
    two_pointwise,
)
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import STAR, Style
from trainables.sizes.tensor_train import chain_macs


@final
class TuckerOriginal(Family):
    """A core stored as a train of (r_{k-1}, S_k, r_k), and factors (n_k, S_k).

    Ranks: S_1..S_d. The bonds follow from them as in tntorch, from the last mode to the first, with
    r_d = 1 and f the full bonds: S_m = min(rank_m, n_m, f_{m-1} r_m) and
    r_{m-1} = min(f_{m-1}, S_m r_m).
    Parameters: k^2 in + sum_k r_{k-1} S_k r_k + sum_k n_k S_k.
    Reconstruction: each factor is multiplied into its core, r_{k-1} n_k S_k r_k. The cores are then
    contracted as in a tensor train.
    """

    name = "tucker_original"
    help = "tucker as in the 2018 study: its core is a tensor train"
    formula = Formula(
        "tucker, its core a tensor train, as in 2018",
        "k²i + Σ r_{k−1} S_k r_k + Σ n_k S_k",
        "as tensor_train; reconstruction Σ r_{k−1} n_k S_k r_k more",
    )
    style = Style("#6b7300", STAR, (3, 3))
    reshapes = True

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return modes

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return _resolve(modes, wanted)[0]

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(modes)

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        return tuple((mode,) for mode in range(len(modes)))

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        bonds = original_bonds(modes, ranks)
        train = sum(map(prod, zip(bonds[:-1], ranks, bonds[1:], strict=True)))
        return depthwise_parameters(spec) + train + sum(map(mul, modes, ranks))

    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost]:
        bonds = original_bonds(modes, ranks)
        joining = sum(map(prod, zip(bonds[:-1], modes, ranks, bonds[1:], strict=True)))
        reconstructed = reconstructed_pointwise(spec, forward=joining + chain_macs(modes, bonds))
        split = split_point(modes, spec.out_channels)
        if split is None:
            return None, reconstructed
        halves = chain_macs(modes[:split], bonds[: split + 1])
        halves += chain_macs(modes[split:], bonds[split:])
        return two_pointwise(spec, bonds[split], forward=joining + halves), reconstructed


def original_bonds(modes: Ints, ranks: Ints) -> Ints:
    """The bonds r_0..r_d (1 at both ends) that follow from attainable mode ranks."""
    return _resolve(modes, ranks)[1]


def _resolve(modes: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """Mode ranks S_1..S_d and bonds r_0..r_d, from the last mode to the first."""
    full = (1, *full_bonds(modes))  # full[m]: the full rank of the bond to the left of mode m
    ranks, bonds = [], [1]
    for mode, rank, left in zip(reversed(modes), reversed(wanted), reversed(full), strict=True):
        ranks.append(min(rank, mode, left * bonds[-1]))
        bonds.append(min(left, ranks[-1] * bonds[-1]))
    return tuple(reversed(ranks)), tuple(reversed(bonds))
