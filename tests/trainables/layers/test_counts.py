"""The integer arithmetic of `trainables.sizes` is what the built layers hold and do."""

from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from tests.trainables.layers.cases import law, random_layer, routes, seeded, sizes
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network
from trainables.layers.build import build_conv
from trainables.layers.registry import LAYERS
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.registry import SIZES

aten = torch.ops.aten


class MultiplyAdds(TorchDispatchMode):
    """Counts the multiply-adds of every call that reaches torch's kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is aten.convolution.default:
            self.total += out.numel() * prod(args[1].shape[1:])
        elif func in (aten.mm.default, aten.bmm.default):
            self.total += out.numel() * args[0].shape[-1]
        elif func is aten.mul.Tensor:
            self.total += out.numel()
        else:
            assert "conv" not in str(func), func
            assert "mm" not in str(func), func
        return out


def test_every_family_has_a_layer() -> None:
    assert list(LAYERS) == list(SIZES)


@pytest.mark.parametrize("name", LAYERS)
@law
@given(data=st.data())
def test_parameters_are_the_modules_own(name: str, data: st.DataObject) -> None:
    size = data.draw(sizes(name))
    layer = LAYERS[size.family](size, routes(size)[0])
    bias = size.spec.out_channels if size.spec.bias else 0
    assert sum(one.numel() for one in layer.parameters()) == size.parameters + bias


@pytest.mark.parametrize("name", LAYERS)
@law
@given(data=st.data(), height=st.integers(3, 8), width=st.integers(3, 8), batch=st.integers(1, 3))
def test_multiply_adds_are_those_of_the_real_calls(
    name: str, data: st.DataObject, height: int, width: int, batch: int
) -> None:
    size = data.draw(sizes(name))
    for route in routes(size):
        counted = _counted(size, route, batch, height, width)
        expected = size.route_macs(height, width, batch)[route] * batch
        assert counted == round(expected), route


def _counted(size: LayerSize, route: str, batch: int, height: int, width: int) -> int:
    layer = random_layer(size, route, seeded())
    x = torch.randn(batch, size.spec.in_channels, height, width, dtype=torch.float64)
    with torch.no_grad(), MultiplyAdds() as count:
        layer(x)
    return count.total


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("width", [3, 8])
@pytest.mark.parametrize("dims", [2, 4])
def test_the_networks_layers_add_up(name: str, width: int, dims: int) -> None:
    network = size_network(Architecture(name, width=width, rank=3, dims=dims))
    batch = 4
    parameters, macs = 0, 0
    for size, hw in zip(network.layers, network.input_hw, strict=True):
        layer = build_conv(size, input_hw=hw, batch=batch, generator=seeded())
        parameters += sum(parameter.numel() for parameter in layer.parameters())
        macs += _counted(size, layer.route, batch, *hw)
    assert parameters == network.factor_parameters
    prep_and_classifier = 27 * width * 32 * 32 + 8 * width * 10
    assert macs / batch + prep_and_classifier == pytest.approx(network.macs(batch), rel=1e-12)
