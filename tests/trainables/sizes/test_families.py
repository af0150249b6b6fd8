"""Laws of the integer arithmetic, for every entry of SIZES."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

quick = settings(max_examples=50)
specs = st.builds(ConvSpec, st.integers(1, 70), st.integers(1, 70), stride=st.integers(1, 2))
dims = st.integers(1, 9)
every_family = pytest.mark.parametrize("name", SIZES)
ranked_family = pytest.mark.parametrize("name", [n for n, f in SIZES.items() if f.ranked])


@every_family
def test_a_family_is_registered_under_its_own_name(name: str) -> None:
    assert SIZES[name].name == name


@ranked_family
@quick
@given(spec=specs, dims=dims, rank=st.integers(1, 80), more=st.integers(0, 20))
def test_more_rank_never_means_fewer_parameters(
    name: str, spec: ConvSpec, dims: int, rank: int, more: int
) -> None:
    small = SIZES[name].size(spec, RankRule(rank=rank, dims=dims))
    large = SIZES[name].size(spec, RankRule(rank=rank + more, dims=dims))
    assert small.parameters <= large.parameters


@ranked_family
@quick
@given(spec=specs, dims=dims, scale=st.floats(0.01, 1), more=st.floats(0, 1))
def test_more_scale_never_means_fewer_parameters(
    name: str, spec: ConvSpec, dims: int, scale: float, more: float
) -> None:
    small = SIZES[name].size(spec, RankRule(rank_scale=scale, dims=dims))
    large = SIZES[name].size(spec, RankRule(rank_scale=scale + (1 - scale) * more, dims=dims))
    assert small.parameters <= large.parameters


@pytest.mark.parametrize("name", [n for n, f in SIZES.items() if f.ranked and n != "cp"])
@quick
@given(spec=specs, dims=dims, more=st.integers(1, 50))
def test_nothing_grows_beyond_the_full_rank(
    name: str, spec: ConvSpec, dims: int, more: int
) -> None:
    family = SIZES[name]
    full = family.full_rank(spec, family.modes(spec, dims))
    at_full = family.size(spec, RankRule(rank=full, dims=dims))
    assert family.size(spec, RankRule(rank=full + more, dims=dims)) == at_full


@ranked_family
@quick
@given(spec=specs, dims=dims, rank=st.integers(1, 80))
def test_explicit_ranks_give_the_layer_that_the_rule_gave(
    name: str, spec: ConvSpec, dims: int, rank: int
) -> None:
    size = SIZES[name].size(spec, RankRule(rank=rank, dims=dims))
    assert SIZES[name].size_at(spec, size.ranks, dims=dims) == size


@every_family
@quick
@given(spec=specs, dims=dims, batch=st.integers(1, 512))
def test_the_chosen_route_counts_fewest(name: str, spec: ConvSpec, dims: int, batch: int) -> None:
    size = SIZES[name].size(spec, RankRule(rank=3, dims=dims))
    macs = size.route_macs(8, 8, batch)
    assert macs[size.route(8, 8, batch)] == min(macs.values()) == size.macs(8, 8, batch)


def test_scales_round_half_to_even() -> None:
    size = SIZES["low_rank"].size
    assert size(ConvSpec(10, 10), RankRule(rank_scale=0.25)).ranks == (2,)  # 2.5
    assert size(ConvSpec(14, 14), RankRule(rank_scale=0.25)).ranks == (4,)  # 3.5
    assert size(ConvSpec(10, 10), RankRule(rank_scale=0.01)).ranks == (1,)


def test_the_rank_rules_are_those_of_the_study() -> None:
    spec = ConvSpec(64, 128)  # reshaped to (32, 32, 8)
    at_half = RankRule(rank_scale=0.5)
    assert SIZES["tensor_train"].size(spec, at_half).ranks == (16, 4)
    assert SIZES["tucker"].size(spec, at_half).ranks == (16, 16, 4)
    assert SIZES["cp"].size(spec, at_half).ranks == (4,)
    assert SIZES["tensor_train"].size(spec, RankRule(rank_divisor=10)).ranks == (12, 8)
    assert SIZES["low_rank"].size(spec, RankRule(rank_divisor=31)).ranks == (4,)
    assert SIZES["tucker"].size(spec, RankRule(rank_scale=0.9, dims=2)).ranks == (58, 58)
    assert SIZES["tt_conv"].size(spec, at_half).ranks == (32, 32, 32)


def test_tucker_scales_agree_where_the_other_mode_caps_them() -> None:
    spec = ConvSpec(64, 128)
    sizes = [SIZES["tucker"].size(spec, RankRule(rank_scale=s, dims=2)) for s in (0.9, 0.904)]
    assert sizes[0] == sizes[1]  # round(128 s) is 115 and 116


def test_every_problem_of_a_rule_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"rank_scale must lie in \(0, 1\], got 2.*dims must be"):
        RankRule(rank_scale=2, dims=0)
    with pytest.raises(ValueError, match="rank_divisor and rank_scale"):
        RankRule(rank_divisor=2, rank_scale=0.5)
    with pytest.raises(ValueError, match="a rank is needed"):
        SIZES["cp"].size(ConvSpec(4, 4), RankRule())
    with pytest.raises(ValueError, match="tensor_train takes 2 ranks"):
        SIZES["tensor_train"].size_at(ConvSpec(64, 128), (3,))
