"""Whether seeds pair is found out, and never assumed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims.pairing import pairing
from tests.analysis.statistics.test_contrasts import runs, simulate


def test_seeds_that_pair_are_seen_to():
    found = pairing(runs(simulate(5, 6, 0.0, seed_share=0.8, studies=1)[0]))
    assert found.low < 0.8 < found.high
    assert found.words.startswith("equal seeds give correlated results (r = ")


def test_chaotic_seeds_are_called_so_nineteen_times_in_twenty():
    values = simulate(5, 4, 1.0, studies=120)
    found = [pairing(runs(study)) for study in values]
    assert stats.kstest([one.p for one in found], "uniform").pvalue > 0.01
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.9 < covered < 0.99
    assert sum("not shown to give correlated" in one.words for one in found) > 106


def test_differences_between_architectures_are_no_pairing():
    values = simulate(5, 6, 0.0, studies=60)  # their means differ by 5 standard deviations
    assert np.mean([pairing(runs(study)).correlation for study in values]) == pytest.approx(
        0, abs=0.1
    )


def test_a_correlation_of_nothing_has_no_sign():
    frame = pd.DataFrame(
        {"block": 0, "seed": np.tile(np.arange(4), 2), "treated": np.repeat([False, True], 4),
         "value": [0.1, 0.2, 0.3, 0.4, 0.2, 0.1, 0.1, 0.1995]}
    )  # fmt: skip
    found = pairing(frame)
    assert -0.005 < found.correlation < 0
    assert "r = 0.00," in found.words


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_too_few_pairs_tell_nothing(blocks):
    frame = runs(simulate(2, max(blocks, 1), 0.0, studies=1)[0])
    found = pairing(frame if blocks else frame.iloc[:0])
    assert np.isnan(found.p)
    assert "cannot be told" in found.words


def test_runs_without_a_partner_are_left_out():
    frame = runs(simulate(6, 1, 0.0, studies=1)[0])
    assert pairing(frame).pairs == 6
    assert pairing(frame.iloc[1:]).pairs == 5
    assert isinstance(frame, pd.DataFrame)
