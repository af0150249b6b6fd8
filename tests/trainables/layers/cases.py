"""Layers of any shape for the laws, and their kernels by an einsum that shares no code."""

from collections.abc import Callable, Sequence

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from trainables.layers.base import FactorizedConv2d
from trainables.layers.registry import LAYERS
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import PADDING_MODES, ConvSpec

State = dict[str, Tensor]
law = settings(max_examples=20)

specs = st.builds(
    ConvSpec,
    st.integers(1, 12),
    st.integers(1, 12),
    kernel_size=st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    stride=st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 2), st.integers(1, 2))),
    padding=st.one_of(st.integers(0, 1), st.tuples(st.integers(0, 1), st.integers(0, 1))),
    bias=st.booleans(),
    padding_mode=st.sampled_from(PADDING_MODES),
) | st.builds(
    ConvSpec,
    st.integers(1, 6),
    st.integers(1, 6),
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.just("same"),
    bias=st.booleans(),
    padding_mode=st.sampled_from(PADDING_MODES),
)
rules = st.one_of(
    st.builds(RankRule, rank=st.integers(1, 14), dims=st.integers(1, 6)),
    st.builds(RankRule, rank_divisor=st.integers(1, 6), dims=st.integers(1, 6)),
    # quarters of odd dimensions meet half-to-even
    st.builds(RankRule, rank_scale=st.sampled_from([0.25, 0.5, 0.75, 1.0]), dims=st.integers(1, 6)),
)


def sizes(name: str) -> st.SearchStrategy[LayerSize]:
    """Any size of a family."""
    return st.builds(SIZES[name].size, specs, rules)


def full_size(name: str, spec: ConvSpec, dims: int) -> LayerSize:
    """The size at the explicit full ranks, min(product left, product right) for a train."""
    family = SIZES[name]
    return family.size(
        spec, RankRule(rank=family.full_rank(spec, family.modes(spec, dims)), dims=dims)
    )


def routes(size: LayerSize) -> list[str]:
    """The routes that exist."""
    return list(size.route_macs(8, 8, 1))


def random_layer(size: LayerSize, route: str, generator: torch.Generator) -> FactorizedConv2d:
    """A float64 layer of standard normal parameters over their root, whatever its init would be."""
    layer = LAYERS[size.family](size, route).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer


def seeded(seed: int = 0) -> torch.Generator:
    """A generator of its own for a test."""
    return torch.Generator().manual_seed(seed)


def einsum_kernel(state: State, size: LayerSize) -> Tensor:
    """The (out, in, k, k) kernel that a state dict stands for."""
    factors = [state[f"factors.{n}"] for n in range(sum("factors." in name for name in state))]
    if size.family in KERNELS:
        return KERNELS[size.family](factors, size.spec)
    if size.family not in MATRICES:  # of another's making: its forward pass is still held to it
        return _own_kernel(state, size)
    matrix = MATRICES[size.family](factors).reshape(size.spec.out_channels, size.spec.in_channels)
    if "depthwise" not in state:
        return matrix[:, :, None, None]
    return torch.einsum("oi,iab->oiab", matrix, state["depthwise"][:, 0])


def _own_kernel(state: State, size: LayerSize) -> Tensor:
    layer = LAYERS[size.family](size, routes(size)[0]).double()
    layer.load_state_dict(state)
    return layer.kernel().detach()


def _train(cores: Sequence[Tensor]) -> Tensor:
    d = len(cores)  # bonds are labelled 0..d, modes d+1..2d
    operands = [arg for n, core in enumerate(cores) for arg in (core, [n, d + 1 + n, n + 1])]
    return torch.einsum(*operands, [d + 1 + n for n in range(d)])


def _tucker(tensors: Sequence[Tensor]) -> Tensor:
    *factors, core = tensors
    d = len(factors)
    operands = [arg for n, factor in enumerate(factors) for arg in (factor, [d + n, n])]
    return torch.einsum(*operands, core, list(range(d)), [d + n for n in range(d)])


def _tucker_original(tensors: Sequence[Tensor]) -> Tensor:
    d = len(tensors) // 2  # bonds 0..d, core modes d+1..2d, outer modes 2d+1..3d
    operands = []
    for n, (factor, core) in enumerate(zip(tensors[:d], tensors[d:], strict=True)):
        operands += [factor, [2 * d + 1 + n, d + 1 + n], core, [n, d + 1 + n, n + 1]]
    return torch.einsum(*operands, [2 * d + 1 + n for n in range(d)])


def _cp(factors: Sequence[Tensor]) -> Tensor:
    d = len(factors)
    operands = [arg for n, factor in enumerate(factors) for arg in (factor, [n + 1, 0])]
    return torch.einsum(*operands, [n + 1 for n in range(d)])


def _tt_conv(factors: Sequence[Tensor], spec: ConvSpec) -> Tensor:
    if len(factors) == 3:  # a window of one row or one column
        return torch.einsum("pixx,qpab,oqyy->oiab", *factors)
    return torch.einsum("pixx,qpay,rqzb,orww->oiab", *factors)


MATRICES: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "separable": lambda factors: factors[0],
    "low_rank": lambda factors: torch.einsum("ri,or->oi", *factors),
    "tensor_train": _train,
    "tucker": _tucker,
    "tucker_original": _tucker_original,
    "cp": _cp,
}
KERNELS: dict[str, Callable[[Sequence[Tensor], ConvSpec], Tensor]] = {
    "dense": lambda factors, spec: factors[0],
    "tucker2": lambda factors, spec: torch.einsum("pixx,qpab,oqyy->oiab", *factors),
    "tt_conv": _tt_conv,
}
