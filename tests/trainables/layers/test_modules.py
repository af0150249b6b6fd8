"""Every layer is a well-behaved torch module."""

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from tests.trainables.layers.cases import random_layer, routes, seeded
from trainables.layers.base import FactorizedConv2d
from trainables.layers.build import build_conv, build_from_kernel
from trainables.layers.registry import LAYERS
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

# 2 modes of 16 x 8 do not straddle outputs and inputs, 3 modes of them do
CASES = [
    (name, dims, route)
    for name, family in SIZES.items()
    for dims in ((2, 3) if family.reshapes else (3,))
    for route in routes(family.size(ConvSpec(8, 16), RankRule(rank=3, dims=dims)))
]
every_case = pytest.mark.parametrize(("name", "dims", "route"), CASES)
AT = {"input_hw": (8, 8), "batch": 4}


def size_of(name: str, dims: int) -> LayerSize:
    return SIZES[name].size(ConvSpec(8, 16), RankRule(rank=3, dims=dims))


def layer_of(name: str, dims: int, route: str) -> FactorizedConv2d:
    return build_conv(size_of(name, dims), route=route, generator=seeded(), **AT)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 8, 8, 8, generator=seeded(1))


@every_case
def test_copies_compute_the_same(name: str, dims: int, route: str, x: Tensor) -> None:
    layer = layer_of(name, dims, route)
    fresh = LAYERS[name](layer.size, route)
    fresh.load_state_dict(layer.state_dict())
    copies = [pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), fresh]
    for twin in copies:
        assert twin.size == layer.size
        assert twin.route == route
        assert torch.equal(twin(x), layer(x))


@every_case
def test_functional_call_uses_the_given_parameters(
    name: str, dims: int, route: str, x: Tensor
) -> None:
    layer = layer_of(name, dims, route)
    other = random_layer(layer.size, route, seeded(2)).float()
    given = dict(other.named_parameters())
    assert torch.equal(functional_call(layer, given, (x,)), other(x))


@every_case
def test_a_layer_on_the_meta_device_takes_a_state(
    name: str, dims: int, route: str, x: Tensor
) -> None:
    layer = layer_of(name, dims, route)
    with torch.device("meta"):
        planned = build_conv(layer.size, route=route, generator=seeded(), **AT)
    assert all(parameter.is_meta for parameter in planned.parameters())
    assert planned(x.to("meta")).shape == layer(x).shape
    planned.load_state_dict(layer.state_dict(), assign=True)
    assert torch.equal(planned(x), layer(x))


@every_case
def test_conversion_keeps_the_function(name: str, dims: int, route: str, x: Tensor) -> None:
    layer = layer_of(name, dims, route)
    double = copy.deepcopy(layer).to(torch.float64)
    assert all(parameter.dtype == torch.float64 for parameter in double.parameters())
    assert torch.allclose(double(x.double()).float(), layer(x), rtol=1e-4, atol=1e-5)


@every_case
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("autocast", [False, True], ids=["pure", "autocast"])
def test_half_precision_goes_forward_and_backward(
    name: str, dims: int, route: str, x: Tensor, dtype: torch.dtype, autocast: bool
) -> None:
    layer = layer_of(name, dims, route)
    expected = layer(x).detach()
    if not autocast:
        layer.to(dtype)
        x = x.to(dtype)
    x.requires_grad_()
    with torch.autocast("cpu", dtype, enabled=autocast):
        out = layer(x)
    assert out.dtype == dtype
    assert (out.float() - expected).norm() < 0.03 * expected.norm()
    out.float().square().mean().backward()
    for tensor in (x, *layer.parameters()):
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()


@every_case
@pytest.mark.parametrize("converted", [False, True])
def test_the_output_has_the_memory_format_of_the_input(
    name: str, dims: int, route: str, x: Tensor, converted: bool
) -> None:
    layer = layer_of(name, dims, route)
    expected = layer(x)
    if converted:
        layer.to(memory_format=torch.channels_last)
    else:
        assert expected.is_contiguous()
    out = layer(x.contiguous(memory_format=torch.channels_last))
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out, expected, rtol=1e-4, atol=1e-5)


@every_case
@pytest.mark.parametrize("init", ["kaiming", "original"])
def test_a_seed_fixes_the_layer_and_leaves_the_global_generator(
    name: str, dims: int, route: str, init: str
) -> None:
    before = torch.random.get_rng_state()
    one, other = (
        build_conv(size_of(name, dims), route=route, init=init, generator=seeded(), **AT)
        for _ in range(2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_seed_start_is_torchs_default_in_a_bottleneck() -> None:
    layer = build_conv(size_of("low_rank", 3), init="original", generator=seeded(), **AT)
    contract, expand = layer.factors
    for weight, fan_in in ((contract, 8), (expand, 3), (layer.depthwise, 9)):
        bound = fan_in**-0.5
        assert 0.8 * bound < float(weight.detach().abs().max()) <= bound


def test_the_seed_start_loses_the_energy_it_truncates() -> None:
    rule = RankRule(rank_scale=0.5, dims=4)
    size = SIZES["tensor_train"].size(ConvSpec(64, 64), rule)
    layer = build_conv(size, init="original", generator=seeded(), **AT)
    whole = 64 / 3  # ||U(+-1/8)||^2 of 64 x 64 entries
    assert float(layer.reconstruct().detach().square().sum()) < 0.2 * whole


def test_the_cheaper_route_is_taken_unless_one_is_forced() -> None:
    spec = ConvSpec(16, 16)
    low = SIZES["low_rank"].size(spec, RankRule(rank=2))
    high = SIZES["low_rank"].size(spec, RankRule(rank=15))
    assert build_conv(low, generator=seeded(), **AT).route == "factorized"
    assert build_conv(high, generator=seeded(), **AT).route == "reconstructed"
    assert build_conv(high, route="factorized", generator=seeded(), **AT).route == "factorized"


def test_a_route_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"routes \['reconstructed'\], got 'factorized'.*spans"):
        build_conv(size_of("tensor_train", 3), route="factorized", generator=seeded(), **AT)
    with pytest.raises(ValueError, match=r"routes \['factorized'\], got 'reconstructed'"):
        build_conv(size_of("separable", 3), route="reconstructed", generator=seeded(), **AT)
    with pytest.raises(ValueError, match="init must be one of kaiming, original, got 'he'"):
        build_conv(size_of("dense", 3), init="he", generator=seeded(), **AT)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_a_decomposition_in_half_precision_is_refused(name: str, dtype: torch.dtype) -> None:
    kernel = torch.randn(16, 8, 3, 3, generator=seeded()).to(dtype)
    with pytest.raises(TypeError, match=rf"float32 or float64, got {dtype}.*kernel.float\(\)"):
        build_from_kernel(size_of(name, 3), kernel, generator=seeded(), **AT)


def test_a_kernel_that_cannot_be_decomposed_is_refused() -> None:
    size = size_of("tucker2", 3)
    for kernel, reason in (
        (torch.ones(8, 16, 3, 3), r"the shape \(16, 8, 3, 3\), got \(8, 16, 3, 3\)"),
        (torch.zeros(16, 8, 3, 3), "all zeros"),
        (torch.full((16, 8, 3, 3), torch.nan), "not finite"),
    ):
        with pytest.raises(ValueError, match=reason):
            build_from_kernel(size, kernel, generator=seeded(), **AT)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "dense"])
def test_ranks_that_a_kernel_does_not_use_can_still_be_trained(name: str) -> None:
    kernel = torch.ones(16, 8, 3, 3)  # rank 1 in every sense
    layer = build_from_kernel(size_of(name, 3), kernel, generator=seeded(), **AT)
    assert float((layer.kernel() - kernel).detach().norm() / kernel.norm()) < 1e-5
    assert all(parameter.isfinite().all() for parameter in layer.parameters())
    layer(torch.randn(4, 8, 8, 8, generator=seeded())).square().mean().backward()
    for factor in layer.factors:
        assert factor.grad.isfinite().all()
