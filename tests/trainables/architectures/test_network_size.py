"""Budgets are filled by the largest network there is, and equal networks are recognised."""

import itertools
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import LEAST_FILL, InfeasibleError
from trainables.architectures.network_size import size_network
from trainables.architectures.ranks import write_ranks
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

quick = settings(max_examples=50)
RANKED = [name for name, family in SIZES.items() if family.ranked]


@pytest.mark.parametrize("layer", RANKED)
@settings(quick, max_examples=25)
@given(width=st.integers(1, 4), dims=st.integers(2, 6), share=st.floats(0.01, 1))
def test_a_budget_gives_the_largest_network_within_it(
    layer: str, width: int, dims: int, share: float
) -> None:
    sizes = knob(layer, width, dims)
    budget = int(sizes[0] + share * (max(sizes) - sizes[0]))
    largest = max(size for size in sizes if size <= budget)
    asked = Architecture(layer, width, dims=dims, parameters=budget)
    if largest < LEAST_FILL * budget:
        with pytest.raises(InfeasibleError, match=f"{largest:,}"):
            size_network(asked)
    else:
        assert size_network(asked).parameters == largest


def knob(layer: str, width: int, dims: int) -> list[int]:
    """Parameters of every network that a budget may come to: rank r, r + 1 in the first layers."""
    widest, family = ConvSpec(8 * width, 8 * width), SIZES[layer]
    highest = family.full_rank(widest, family.modes(widest, dims))
    whole = [
        size_network(Architecture(layer, width, rank=rank, dims=dims))
        for rank in range(1, highest + 1)
    ]
    sizes = []
    for low, high in itertools.pairwise(whole):
        pairs = [(a.parameters, b.parameters) for a, b in zip(low.layers, high.layers, strict=True)]
        for raised in range(len(pairs)):
            layers = sum(b if layer < raised else a for layer, (a, b) in enumerate(pairs))
            sizes.append(low.fixed_parameters + layers)
    return [*sizes, whole[-1].parameters]


@pytest.mark.parametrize("layer", RANKED)
@settings(quick, max_examples=25)
@given(width=st.integers(1, 8), dims=st.integers(2, 6))
def test_a_larger_budget_never_gives_a_smaller_network(layer: str, width: int, dims: int) -> None:
    sizes = knob(layer, width, dims)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("compression", [0.1, 0.03, 0.01])
@pytest.mark.parametrize(
    ("layer", "dims"),
    [(name, dims) for name in RANKED for dims in ((2, 3, 4) if SIZES[name].reshapes else (3,))],
)
def test_every_ranked_family_fills_small_budgets(layer: str, dims: int, compression: float) -> None:
    size = size_network(Architecture(layer, dims=dims, compression=compression))
    assert 0.98 * compression <= size.compression <= compression


@pytest.mark.parametrize("layer", SIZES)
def test_a_budget_below_the_smallest_network_is_refused(layer: str) -> None:
    with pytest.raises(InfeasibleError, match=rf"{layer}.*(smallest|always)"):
        size_network(Architecture(layer, parameters=100))


def test_an_infeasible_budget_names_the_nearest_sizes() -> None:
    with pytest.raises(InfeasibleError) as error:
        size_network(Architecture("tucker", dims=9, parameters=200_000))
    assert "tucker (dims 9)" in str(error.value)
    assert "below it 153,859 (rank 3, 4 in the first 4 layers, 76.9% of it)" in str(error.value)
    assert "above it 271,841 (rank 3, 4 in the first 5 layers)" in str(error.value)


@pytest.mark.parametrize("layer", ["dense", "separable"])
def test_a_budget_narrows_a_network_without_ranks(layer: str) -> None:
    size = size_network(Architecture(layer, compression=0.03))
    assert size.width < 64
    assert 0.97 * 0.03 <= size.compression <= 0.03
    assert size.identity == size_network(Architecture(layer, width=size.width)).identity


@pytest.mark.parametrize("layer", ["dense", "separable"])
@given(budget=st.integers(2_000, 3_000_000))
@quick
def test_the_widths_beside_a_budget_are_neighbours(layer: str, budget: int) -> None:
    below, above = (
        size_network(Architecture(layer, parameters=budget, budget_side=side))
        for side in ("below", "above")
    )
    assert below.parameters <= budget < above.parameters
    assert above.width == below.width + 1
    if below.parameters >= LEAST_FILL * budget:
        assert size_network(Architecture(layer, parameters=budget)).identity == below.identity


def test_the_separable_networks_own_size_is_a_budget_that_keeps_the_width() -> None:
    size = size_network(Architecture("separable", parameters=760_000))
    assert (size.width, size.parameters) == (64, 755_968)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Architecture("low_rank", rank_divisor=29), Architecture("low_rank", rank_divisor=30)),
        (
            Architecture("tucker", rank_scale=0.5, dims=2),
            Architecture("tucker", rank_scale=0.5, dims=1),
        ),
        (
            Architecture("tucker", rank_scale=0.5, dims=2),
            Architecture("tucker", rank_scale=0.5009, dims=2),
        ),
        (Architecture("low_rank", rank=10**6), Architecture("low_rank", rank=512)),
        (Architecture("tensor_train", rank=7), Architecture("tensor_train", parameters=107_000)),
    ],
)
def test_networks_built_alike_are_identical(one: Architecture, other: Architecture) -> None:
    if other.parameters is not None:
        other = Architecture(other.layer, parameters=size_network(one).parameters)
    assert size_network(one).identity == size_network(other).identity


def test_sweep_a_has_28_different_networks() -> None:
    sizes = [size_network(Architecture("low_rank", rank_divisor=q)) for q in range(2, 32)]
    assert len({size.identity for size in sizes}) == 28


@pytest.mark.parametrize("layer", SIZES)
def test_an_identity_survives_json(layer: str) -> None:
    identity = size_network(Architecture(layer, rank=3)).identity
    assert _tuples(json.loads(json.dumps(identity))) == identity


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def test_every_problem_of_an_architecture_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"layer must be one of .*; width must be at least 1"):
        Architecture("tucker3", width=0)
    with pytest.raises(ValueError, match="layer 'tucker' needs one of"):
        Architecture("tucker")
    with pytest.raises(ValueError, match="rank and parameters"):
        Architecture("tucker", rank=3, parameters=10_000)
    with pytest.raises(ValueError, match="dims must be at least 1"):
        Architecture("tucker", rank=3, dims=0)


def test_a_thousand_budgets_are_planned_within_a_second() -> None:
    start = time.process_time()
    for step in range(250):
        for layer, dims in (("tensor_train", 3), ("tucker", 4), ("cp", 2), ("tt_conv", 3)):
            asked = Architecture(layer, dims=dims, parameters=20_000 + 2_003 * step)
            try:
                size_network(asked).macs(512)
            except InfeasibleError:
                continue
    assert time.process_time() - start < 1


def test_each_layer_can_have_ranks_of_its_own():
    ranks = "4-4-4/8-8-8/4-5-6/7-7-7/16-12-16/3-3-3/1-1-1"
    size = size_network(Architecture("tt_conv", width=16, ranks=ranks))
    assert write_ranks(layer.ranks for layer in size.layers) == ranks
    assert size.layers[4].parameters == 64 * 16 + 3 * 16 * 12 + 3 * 12 * 16 + 16 * 128
    same = size_network(Architecture("tt_conv", width=16, ranks="/".join(["5-5-5"] * 7)))
    assert same.identity == size_network(Architecture("tt_conv", width=16, rank=5)).identity


@pytest.mark.parametrize(
    ("ranks", "told"),
    [
        ("4-4-4/4-4-4", "ranks must list 7 layers, as many as the network replaces, got 2"),
        ("/".join(["4-4"] * 7), "tt_conv takes 3 ranks of at least 1"),
    ],
)
def test_ranks_that_no_layer_can_have_are_infeasible(ranks, told):
    with pytest.raises(InfeasibleError, match=told):
        size_network(Architecture("tt_conv", ranks=ranks))
