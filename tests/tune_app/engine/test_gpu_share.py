"""How many trials share a card follows from what was measured."""

import pytest

from tune_app.command.errors import UsageError
from tune_app.engine.gpu_share import ShareCache, ShareMeasurement, best, search_share, table_text

GIB = 2**30


def card(throughput, peak_gib=1.0, most=100):
    """A card by its law of throughput; more than ``most`` trainings run out of memory."""
    tried = []

    def measure(together):
        tried.append(together)
        if together > most:
            return None
        return ShareMeasurement(together, throughput(together), int(peak_gib * GIB))

    return measure, tried


def test_small_networks_share_until_throughput_levels_off():
    measure, tried = card(lambda together: min(together, 4) * 1000.0)
    fraction, _ = search_share(measure, 80 * GIB)
    assert fraction == 1 / 4
    assert max(tried) <= 8


def test_a_network_that_fills_the_card_has_it_alone():
    measure, tried = card(lambda together: 1000.0 - together)
    fraction, table = search_share(measure, 80 * GIB)
    assert fraction == 1
    assert len(table) == len(tried) == 3


def test_memory_limits_the_number_with_a_margin():
    measure, tried = card(lambda together: together * 1000.0, peak_gib=2.0)
    fraction, _ = search_share(measure, 8 * GIB)
    assert fraction == 1 / 3  # four would leave nothing
    assert max(tried) == 3


def test_running_out_of_memory_ends_the_search_for_a_fraction():
    measure, _ = card(lambda together: together * 1000.0, peak_gib=0.1, most=2)
    assert search_share(measure, 80 * GIB)[0] == 1 / 2


def test_one_that_does_not_fit_alone_is_refused():
    measure, _ = card(lambda together: 1.0, most=0)
    with pytest.raises(UsageError, match="does not fit into the GPU"):
        search_share(measure, 80 * GIB)


def test_the_fewest_trials_within_reach_of_the_best_are_chosen():
    table = [
        ShareMeasurement(1, 500.0, 1),
        ShareMeasurement(2, 990.0, 1),
        ShareMeasurement(3, 1000.0, 1),
    ]
    assert best(table).together == 2
    assert "990" in table_text(table)


def test_a_measurement_is_remembered_by_device_and_network(tmp_path):
    memory = ShareCache(tmp_path / "shares.json")
    assert memory.get("card, 100 parameters") is None
    memory.put("card, 100 parameters", 0.25, [ShareMeasurement(4, 1.0, 1)])
    memory.put("card, 200 parameters", 0.5, [])
    assert ShareCache(tmp_path / "shares.json").get("card, 100 parameters") == 0.25
    (tmp_path / "shares.json").write_text("{")
    assert memory.get("card, 100 parameters") is None
