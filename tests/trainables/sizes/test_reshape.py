"""Reshaping and attainable ranks hold for any integers."""

from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.sizes.reshape import (
    attainable_bonds,
    attainable_modes,
    dimensionize,
    full_bonds,
    split_point,
)

quick = settings(max_examples=50)
channels = st.integers(1, 1024)
dims = st.integers(1, 15)
shapes = st.lists(st.integers(1, 20), min_size=2, max_size=9).map(tuple)


def test_dimensionize_gives_the_shapes_of_the_original() -> None:
    assert dimensionize(128, 64, 3) == (32, 32, 8)
    assert dimensionize(128, 64, 2) == (128, 64)
    assert dimensionize(128, 32, 2) == (64, 64)
    assert dimensionize(512, 512, 4) == (32, 32, 32, 8)
    assert dimensionize(512, 512, 6) == (8,) * 6
    assert dimensionize(512, 512, 8) == (8, 8, 8, 8, 8, 8, 1, 1)


def test_a_neighbour_of_a_power_is_not_taken_for_it() -> None:
    assert prod(dimensionize(8**8 + 1, 1, 8)) == 8**8 + 1


@quick
@given(channels, channels, dims)
def test_dimensionize_keeps_the_entries(rows: int, columns: int, dims: int) -> None:
    modes = dimensionize(rows, columns, dims)
    assert prod(modes) == rows * columns
    assert len(modes) == max(2, dims)


@quick
@given(channels, channels)
def test_fewer_than_two_dimensions_count_as_two(rows: int, columns: int) -> None:
    assert dimensionize(rows, columns, 1) == dimensionize(rows, columns, 2)


@quick
@given(shapes)
def test_full_bonds_are_the_ranks_of_the_unfoldings(modes: tuple[int, ...]) -> None:
    expected = [min(prod(modes[:k]), prod(modes[k:])) for k in range(1, len(modes))]
    assert list(full_bonds(modes)) == expected


@quick
@given(shapes, st.data())
def test_no_mode_exceeds_the_product_of_the_others(
    modes: tuple[int, ...], data: st.DataObject
) -> None:
    wanted = tuple(data.draw(st.integers(1, 30)) for _ in modes)
    ranks = attainable_modes(modes, wanted)
    for m, rank in enumerate(ranks):
        assert 1 <= rank <= min(modes[m], wanted[m])
        assert rank <= prod(ranks[:m]) * prod(ranks[m + 1 :])


@quick
@given(shapes, st.data())
def test_attainable_modes_lowers_no_more_than_it_must(
    modes: tuple[int, ...], data: st.DataObject
) -> None:
    wanted = tuple(data.draw(st.integers(1, 30)) for _ in modes)
    ranks = attainable_modes(modes, wanted)
    for m, rank in enumerate(ranks):
        others = prod(ranks[:m]) * prod(ranks[m + 1 :])
        assert rank == min(modes[m], wanted[m], others)


@quick
@given(shapes, st.data())
def test_attainable_bonds_fit_their_neighbours_and_are_lowered_no_more_than_that(
    modes: tuple[int, ...], data: st.DataObject
) -> None:
    wanted = tuple(data.draw(st.integers(1, 30)) for _ in modes[1:])
    bonds = (1, *attainable_bonds(modes, wanted), 1)
    full = full_bonds(modes)
    for k in range(1, len(modes)):
        fits = min(bonds[k - 1] * modes[k - 1], modes[k] * bonds[k + 1])
        assert bonds[k] == min(wanted[k - 1], full[k - 1], fits)


@quick
@given(shapes, st.integers(1, 10**4))
def test_one_rank_for_all_is_lowered_only_to_full(modes: tuple[int, ...], rank: int) -> None:
    expected = tuple(min(rank, full) for full in full_bonds(modes))
    assert attainable_bonds(modes, (rank,) * (len(modes) - 1)) == expected


def test_the_capped_scales_of_a_matrix_agree() -> None:
    assert attainable_modes((128, 64), (115, 58)) == (58, 58)


@quick
@given(shapes, st.data())
def test_a_split_point_separates_rows_from_columns(
    modes: tuple[int, ...], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(modes) - 1))
    split = split_point(modes, prod(modes[:cut]))
    assert split is not None
    assert prod(modes[:split]) == prod(modes[:cut])


def test_a_straddling_mode_has_no_split_point() -> None:
    assert split_point((32, 32, 8), 128) is None
