"""Starting a Tucker network on a machine without tntorch.

Only so that a stage can time and check such a network there. A search never does this: it would
start from other numbers than where tntorch is, under the same trial id.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.decompose import leading_vectors


def stand_in_for_tntorch() -> bool:
    """Has Tucker layers decomposed by ``hosvd`` where tntorch is absent; whether it did."""
    try:
        importlib.import_module("tntorch")
    except ModuleNotFoundError:
        decompose.tucker = hosvd
        return True
    return False


def hosvd(
    tensor: Tensor, ranks: Sequence[int], bonds: Sequence[int], generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Sequentially truncated (Vannieuwenhoven et al. 2012); results as ``decompose.tucker``'s.

    The core comes as a train at ``bonds``, exact where they are its full ranks.
    """
    core, factors = tensor, []
    for mode, rank in enumerate(ranks):
        unfolded = core.movedim(mode, 0).flatten(1)
        factor = leading_vectors(unfolded, rank)  # (n_k, S_k)
        factors.append(factor)
        core = torch.tensordot(factor.T, core, dims=([1], [mode])).movedim(0, mode)
    return train(core, bonds), factors


def train(core: Tensor, bonds: Sequence[int]) -> list[Tensor]:
    """Cores (r_{k-1}, n_k, r_k) at the bonds r_0..r_d; zeros where a bond exceeds its rank."""
    attained = [
        min(bond, prod(core.shape[:k]), prod(core.shape[k:]))
        for k, bond in enumerate(bonds[1:-1], start=1)
    ]
    padded = []
    for left, small, right in zip(
        bonds[:-1], decompose.tensor_train(core, attained), bonds[1:], strict=True
    ):
        whole = small.new_zeros(left, small.shape[1], right)
        whole[: small.shape[0], :, : small.shape[2]] = small
        padded.append(whole)
    return padded
