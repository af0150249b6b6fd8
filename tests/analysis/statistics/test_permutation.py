"""Permutation tests are offered where they can say something, and are right then."""

import numpy as np
import pytest

from analysis.statistics.permutation import permutation_test
from tests.analysis.statistics.test_contrasts import runs, simulate


@pytest.mark.parametrize(
    ("blocks", "n", "smallest"),
    [
        (1, 4, 2 / 70),
        (1, 5, 2 / 252),
        (3, 2, 2 / 216),
        (6, 1, 2 / 64),
        (6, 5, 2 / 64),
        (8, 3, 2 / 256),
    ],
)
def test_the_smallest_attainable_p_is_attained_and_printed(blocks, n, smallest):
    values = simulate(n, blocks, 0.0, effect=1000.0, studies=1)[0]
    found = permutation_test(runs(values))
    assert found.smallest_p == pytest.approx(smallest)
    assert found.p == pytest.approx(smallest, rel=0.2)
    assert f"smallest attainable {smallest:.4f}" in found.words


@pytest.mark.parametrize(("blocks", "n"), [(1, 3), (5, 5), (5, 1)])
def test_where_p_cannot_fall_below_five_percent_there_is_no_test(blocks, n):
    found = permutation_test(runs(simulate(n, blocks, 0.0, studies=1)[0]))
    assert np.isnan(found.p)
    assert "cannot go below p = " in found.words


@pytest.mark.parametrize(("blocks", "n"), [(2, 4), (7, 2)])
def test_without_an_effect_it_is_wrong_one_time_in_twenty(blocks, n):
    values = simulate(n, blocks, 1.0 if blocks > 5 else 0.0, studies=80)
    p = np.array([permutation_test(runs(study)).p for study in values])
    assert (p < 0.05).mean() < 0.13
    assert p.mean() == pytest.approx(0.5, abs=0.12)


def test_nothing_to_compare_is_said():
    frame = runs(simulate(3, 1, 0.0, studies=1)[0])
    assert "no architecture has both" in permutation_test(frame[frame["treated"]]).words
