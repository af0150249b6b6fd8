"""What is built has the numbers that were planned, on networks that nobody here wrote."""

import functools

import pytest
import torch
from torch import nn

from tests.trainables.layers.test_laws import reference
from tests.trainables.networks.foreign import MORE, NETWORKS, TEN_LINES, table_of
from tests.trainables.networks.watched_macs import watched_macs
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.architectures.selection import SelectionError, chosen_rows
from trainables.layers.build import build_from_kernel
from trainables.layers.registry import LAYERS
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module
from trainables.networks.substitute import factorized_layers, substitute
from trainables.networks.trace import build_meta
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

BATCH = 2


def rank(layer: str) -> dict:
    return {"rank_scale": 0.25} if SIZES[layer].ranked else {}


def built(size: NetworkSize) -> nn.Module:
    module = build_meta(lambda: make_module(size.table)).eval()
    return substitute(module, size, batch=BATCH)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_those_of_the_built_network(name: str, layer: str) -> None:
    table = table_of(name)
    size = size_network(Architecture(layer, table=table, dims=4, **rank(layer)))
    module = built(size)
    assert sum(one.numel() for one in module.parameters()) == size.parameters
    assert len(factorized_layers(module)) == size.factorized
    assert size.parameters <= size.dense_parameters == table.parameters
    assert watched_macs(module, table) == pytest.approx(size.macs(BATCH), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_so_they_are_on_networks_that_nobody_listed(name: str) -> None:
    table = table_of(name)
    for layer in LAYERS:
        size = size_network(Architecture(layer, table=table, dims=3, **rank(layer)))
        module = build_meta(lambda: make_module(table)).eval()
        substitute(module, size, batch=1)
        assert sum(one.numel() for one in module.parameters()) == size.parameters, layer
        # a batch of one: swin_v2_t has matrices that work once for all images
        seen = watched_macs(module, table, batch=1)
        assert seen == pytest.approx(size.macs(1), rel=1e-12), layer


@pytest.mark.parametrize("layer", [name for name in LAYERS if SIZES[name].ranked])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_budget_is_met_by_the_largest_rank_within_it(name: str, layer: str) -> None:
    asked = {"table": table_of(name), "dims": 3}
    middle = size_network(Architecture(layer, rank=6, **asked))
    found = size_network(Architecture(layer, parameters=middle.parameters, **asked))
    assert found.parameters == middle.parameters
    counts = [
        size_network(Architecture(layer, rank=one, **asked)).parameters for one in range(1, 12)
    ]
    assert counts == sorted(counts)


# how the original code counted (BayesWatch/deficient-efficient, arXiv 1906.00859)
@pytest.mark.parametrize(
    ("layer", "rank_scale", "dims", "parameters"),
    [
        ("tensor_train", 0.8, 4, 671_050),
        ("tucker_original", 0.4, 4, 685_723),
        ("tensor_train", 0.26, 3, 664_226),
        ("tucker_original", 0.25, 3, 681_248),
    ],
)
def test_wrn_28_10_has_the_counts_of_the_original_code(layer, rank_scale, dims, parameters) -> None:
    asked = Architecture(layer, rank_scale=rank_scale, dims=dims, table=table_of("wrn-28-10"))
    size = size_network(asked)
    assert len(size.layers) == 24
    assert size.parameters == parameters


@functools.cache
def geometries() -> list[ConvSpec]:
    """Every shape of a layer on these networks, its channels few enough for many tries."""
    rows = [row for name in NETWORKS for row in chosen_rows(table_of(name))]
    shapes = {(row.kernel, row.stride, row.padding, row.bias, row.padding_mode) for row in rows}
    return [ConvSpec(6, 9, *shape) for shape in sorted(shapes, key=str)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_equals_its_kernel_at_every_shape_of_these_networks(name: str) -> None:
    assert len(geometries()) > 10
    for spec in geometries():
        generator = torch.Generator().manual_seed(0)
        size = SIZES[name].size(spec, RankRule(rank=3, dims=3))
        kernel = torch.randn(spec.kernel_shape, generator=generator).double()
        x = torch.randn(2, 6, 17, 19, generator=generator).double()
        for route in size.route_macs(17, 19, 2):
            layer = build_from_kernel(
                size, kernel, input_hw=(17, 19), batch=2, generator=generator, route=route
            )
            expected = reference(spec, layer.kernel().detach(), layer.bias)(x)
            assert torch.allclose(layer(x), expected, rtol=1e-9, atol=1e-9), (spec, route)


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "dense"])
def test_factors_start_from_the_networks_own_weights_and_keep_their_norm(layer: str) -> None:
    size = size_network(Architecture(layer, table=table_of(TEN_LINES), dims=3, **rank(layer)))
    module = make_module(size.table)
    weights = {name: one.detach().clone() for name, one in module.named_parameters()}
    for name, factors in factorized_layers(substitute(module, size)).items():
        assert torch.equal(factors.bias, weights[f"{name}.bias"])
        norm = weights[f"{name}.weight"].norm()
        assert float(factors.kernel().detach().norm() / norm) == pytest.approx(1, rel=1e-4)
    x = torch.randn(2, 3, 32, 32)
    assert module(x).shape == (2, 10)


def test_full_ranks_compute_what_the_network_computed() -> None:
    table = table_of(TEN_LINES)
    module = make_module(table).eval()
    x = torch.randn(2, 3, 32, 32)
    expected = module(x)
    ranks = Architecture("tucker2", rank=10**6, table=table)
    size = size_network(ranks)
    assert size.factorized == 0  # at full ranks factors save nothing
    assert torch.equal(substitute(module, size)(x), expected)


def test_a_size_of_another_network_is_refused() -> None:
    size = size_network(Architecture("tucker2", rank=2, table=table_of(TEN_LINES)))
    with pytest.raises(NetworkError, match="no such layer at '2'"):
        substitute(nn.Sequential(nn.Conv2d(3, 4, 3)), size)


@pytest.mark.parametrize(
    ("replace", "keep", "names"),
    [
        ("", "", ["2", "5", "10"]),
        ("*", "", ["2", "5", "10"]),
        ("first *", "", ["0", "2", "5", "10"]),
        ("12 5", "", ["5", "12"]),
        ("linear", "", ["10"]),
        ("last+linear", "", ["10", "12"]),
        ("", "linear", ["2", "5"]),
        ("*", "2", ["5", "10"]),
    ],
)
def test_patterns_choose_layers(replace: str, keep: str, names: list[str]) -> None:
    assert [row.name for row in chosen_rows(table_of(TEN_LINES), replace, keep)] == names


def test_downsample_is_the_convolution_beside_a_branch() -> None:
    rows = chosen_rows(table_of("torchvision:resnet18"), "downsample")
    assert [row.name for row in rows] == [f"layer{n}.0.downsample.0" for n in (2, 3, 4)]


def test_patterns_that_choose_nothing_are_all_named() -> None:
    with pytest.raises(SelectionError) as wrong:
        chosen_rows(table_of("torchvision:mobilenet_v2"), "features.1.conv.0.* head", "nothing")
    assert len(wrong.value.problems) == 3
    assert "matches only layers that stay dense: depthwise" in wrong.value.problems[0]
    assert "the nearest are" in wrong.value.problems[1]
    with pytest.raises(SelectionError, match=r"no layer of .* can be replaced"):
        chosen_rows(table_of(TEN_LINES), "", "*+linear")


def test_the_same_network_written_otherwise_is_the_same_network() -> None:
    asked = {"table": table_of("torchvision:resnet50"), "replace": "downsample", "rank": 8}
    tucker2, low_rank = (
        size_network(Architecture(name, **asked)) for name in ("tucker2", "low_rank")
    )
    assert tucker2.identity == low_rank.identity
    assert tucker2.family == "low_rank"
    full = size_network(Architecture("tucker2", **{**asked, "rank": 10**6}))
    dense = size_network(Architecture("dense", table=asked["table"]))
    assert full.identity == dense.identity
