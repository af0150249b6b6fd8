"""The networks that are compared are as large as their table says, and start as they should."""

import pytest
import torch

from benchmarks.gpu.hosvd import hosvd
from benchmarks.gpu.networks import at_share
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network
from trainables.layers import decompose
from trainables.sizes.registry import SIZES


@pytest.mark.parametrize("share", [0.25, 0.10])
@pytest.mark.parametrize("layer", SIZES)
def test_a_ranked_family_fills_its_share_as_far_as_it_can(layer, share):
    keys = at_share(layer, share, 64)
    size = size_network(Architecture(width=64, **keys))
    if not SIZES[layer].ranked:
        assert keys == {"layer": layer}
    elif "rank" in keys:  # no rank is larger: it has its full ranks
        more = size_network(Architecture(width=64, **{**keys, "rank": keys["rank"] + 1}))
        assert size.compression < share
        assert more.compression > share or more.parameters == size.parameters
    else:
        assert 0.97 * share <= size.compression <= share


def test_the_stand_in_decomposes_as_tntorch_does():
    tensor = torch.randn(8, 6, 5, generator=torch.Generator().manual_seed(0)).double()
    # the bond of 8 is more than a core of 4 can use
    for ranks, bonds in {(8, 6, 5): (1, 8, 5, 1), (4, 3, 3): (1, 8, 3, 1)}.items():
        errors = {}
        for function in (hosvd, decompose.tucker):
            generator = torch.Generator().manual_seed(0)
            train, factors = function(tensor, ranks, bonds, generator)
            assert [factor.shape for factor in factors] == [
                (n, s) for n, s in zip(tensor.shape, ranks, strict=True)
            ]
            whole = torch.einsum("aib,bjc,ckd,ui,vj,wk->uvw", *train, *factors)
            errors[function] = float((whole - tensor).norm() / tensor.norm())
        assert errors[hosvd] == pytest.approx(errors[decompose.tucker], abs=0.02)
        assert (errors[hosvd] < 1e-12) == (ranks == (8, 6, 5))
