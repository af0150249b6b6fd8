"""Laws that every layer obeys, at any shape."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from tests.trainables.layers.cases import (
    einsum_kernel,
    full_size,
    law,
    random_layer,
    routes,
    seeded,
    sizes,
    specs,
)
from trainables.layers.build import build_conv, build_from_kernel, relative_error
from trainables.layers.registry import LAYERS
from trainables.layers.separable_form import SeparableForm
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

every_layer = pytest.mark.parametrize("name", LAYERS)
EXACT = 1e-10  # relative, in float64
SEPARABLE = [name for name, layer in LAYERS.items() if issubclass(layer, SeparableForm)]
AT = {"input_hw": (8, 8), "batch": 4}


def reference(spec: ConvSpec, kernel: torch.Tensor, bias: torch.Tensor | None) -> nn.Conv2d:
    """torch's own convolution of this shape."""
    conv = nn.Conv2d(
        spec.in_channels,
        spec.out_channels,
        spec.window,
        spec.strides,
        spec.padding,
        bias=spec.bias,
        padding_mode=spec.padding_mode,
    ).double()
    conv.weight = nn.Parameter(kernel)
    conv.bias = bias
    return conv


@every_layer
@law
@given(data=st.data(), height=st.integers(3, 7), width=st.integers(3, 7))
def test_every_route_equals_a_dense_convolution(
    name: str, data: st.DataObject, height: int, width: int
) -> None:
    size = data.draw(sizes(name))
    generator = seeded()
    x = torch.randn(2, size.spec.in_channels, height, width, generator=generator).double()
    for route in routes(size):
        layer = random_layer(size, route, generator)
        kernel = einsum_kernel(layer.state_dict(), size)
        expected = reference(size.spec, kernel, layer.bias)(x)
        assert (layer.kernel() - kernel).norm() <= EXACT * kernel.norm()
        assert (layer(x) - expected).norm() <= EXACT * (1 + expected.norm()), route


@pytest.mark.parametrize("name", [name for name in LAYERS if SIZES[name].whole_kernel])
@law
@given(spec=specs)
def test_full_ranks_reproduce_any_kernel(name: str, spec: ConvSpec) -> None:
    kernel = torch.randn(spec.kernel_shape, generator=seeded()).double()
    layer = build_from_kernel(full_size(name, spec, 3), kernel, generator=seeded(), **AT)
    assert relative_error(layer, kernel) < EXACT


@pytest.mark.parametrize("name", [name for name in SEPARABLE if name != "cp"])
@law
@given(spec=specs, dims=st.integers(1, 6))
def test_full_ranks_reproduce_any_depthwise_pointwise_kernel(
    name: str, spec: ConvSpec, dims: int
) -> None:
    generator = seeded()
    pointwise = torch.randn(spec.out_channels, spec.in_channels, generator=generator).double()
    depthwise = torch.randn(spec.in_channels, 3, 3, generator=generator).double()
    depthwise = depthwise[:, : spec.window[0], : spec.window[1]]
    kernel = torch.einsum("oi,iab->oiab", pointwise, depthwise)
    size = full_size(name, spec, dims)
    layer = build_from_kernel(size, kernel, generator=generator, **AT)
    assert relative_error(layer, kernel) < EXACT


@law
@given(spec=specs, dims=st.integers(1, 4), rank=st.integers(1, 6))
def test_cp_reports_its_error(spec: ConvSpec, dims: int, rank: int) -> None:
    kernel = torch.randn(spec.kernel_shape, generator=seeded()).double()
    size = SIZES["cp"].size(spec, RankRule(rank=rank, dims=dims))
    layer = build_from_kernel(size, kernel, generator=seeded(), **AT)
    reconstructed = einsum_kernel(layer.state_dict(), size)
    error = float((reconstructed - kernel).norm() / kernel.norm())
    assert relative_error(layer, kernel) == pytest.approx(error)
    assert error <= 1 + 1e-6


def test_cp_of_two_dimensions_is_exact_at_full_rank() -> None:
    spec = ConvSpec(6, 10, kernel_size=1, padding=0)
    kernel = torch.randn(10, 6, 1, 1, generator=seeded()).double()
    layer = build_from_kernel(full_size("cp", spec, 2), kernel, generator=seeded(), **AT)
    assert relative_error(layer, kernel) < 1e-6


@pytest.mark.parametrize("name", [name for name in LAYERS if SIZES[name].ranked])
def test_more_rank_never_means_a_worse_kernel(name: str) -> None:
    spec = ConvSpec(8, 16)
    pointwise = torch.randn(16, 8, generator=seeded()).double()
    kernel = torch.einsum("oi,iab->oiab", pointwise, torch.ones(8, 3, 3).double())
    errors = []
    for rank in range(1, 9):
        size = SIZES[name].size(spec, RankRule(rank=rank, dims=3))
        layer = build_from_kernel(size, kernel, generator=seeded(), **AT)
        errors.append(relative_error(layer, kernel))
    assert errors[-1] < errors[0]
    slack = 0.02 if name == "cp" else 1e-9  # least squares may stop at a local optimum
    assert all(later <= error + slack for error, later in pairwise(errors))


@pytest.mark.parametrize("name", SEPARABLE)
def test_a_separable_form_cannot_hold_a_dense_kernel(name: str) -> None:
    kernel = torch.randn(64, 64, 3, 3, generator=seeded()).double()
    size = full_size(name, ConvSpec(64, 64), 2)
    layer = build_from_kernel(size, kernel, generator=seeded(), **AT)
    best = torch.linalg.svdvals(kernel.transpose(0, 1).flatten(2))[:, 0].square().sum()
    error = float((1 - best / kernel.square().sum()).sqrt())
    assert relative_error(layer, kernel) == pytest.approx(error, rel=1e-3)
    assert 0.85 < error < 0.95


@pytest.mark.parametrize(
    ("name", "dims"),
    [(name, dims) for name in LAYERS for dims in ((2, 6) if SIZES[name].reshapes else (2,))],
)
def test_the_initial_output_variance_is_two_on_average(name: str, dims: int) -> None:
    size = SIZES[name].size(ConvSpec(16, 16, padding=0), RankRule(rank=3, dims=dims))
    generator = seeded()
    variances = []
    for _ in range(200):
        layer = build_conv(size, input_hw=(8, 8), batch=4, generator=generator)
        x = torch.randn(4, 16, 8, 8, generator=generator)
        variances.append(layer(x).detach().square().mean())
    assert float(torch.stack(variances).mean()) == pytest.approx(2, rel=0.1)


@every_layer
def test_the_initial_norm_is_shared_equally(name: str) -> None:
    size = SIZES[name].size(ConvSpec(16, 32), RankRule(rank=4, dims=4))
    layer = build_conv(size, generator=seeded(), **AT)
    norms = torch.stack([factor.norm() for factor in layer.factors])
    assert torch.allclose(norms, norms.mean().expand_as(norms))


@every_layer
@settings(law, max_examples=4)
@given(data=st.data())
def test_gradients_are_those_of_the_function(name: str, data: st.DataObject) -> None:
    small = st.builds(ConvSpec, st.integers(1, 4), st.integers(1, 4), stride=st.integers(1, 2))
    rule = st.builds(RankRule, rank=st.integers(1, 3), dims=st.integers(2, 3))
    size = data.draw(st.builds(SIZES[name].size, small, rule))
    x = torch.randn(2, size.spec.in_channels, 4, 3, generator=seeded()).double().requires_grad_()
    for route in routes(size):
        layer = random_layer(size, route, seeded(1))
        names, values = zip(*layer.named_parameters(), strict=True)

        def run(x: torch.Tensor, *values: torch.Tensor, layer=layer, names=names) -> torch.Tensor:
            return functional_call(layer, dict(zip(names, values, strict=True)), (x,))

        assert torch.autograd.gradcheck(run, (x, *values))
