"""Every value that was renamed is still read, and trials keep the ids that they had."""

import pytest

from trainables.config.former_names import (
    FORMER,
    former_name,
    present_name,
    with_present_names,
    with_present_values,
)
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id

PAIRS = [(key, old, new) for key, names in FORMER.items() for old, new in names.items()]
OF_CONFIGURATIONS = [pair for pair in PAIRS if pair[0] != "routes"]


@pytest.mark.parametrize(("key", "old", "new"), PAIRS)
def test_names_go_both_ways(key: str, old: str, new: str) -> None:
    assert (present_name(key, old), present_name(key, new)) == (new, new)
    assert former_name(key, new) == old


@pytest.mark.parametrize(("key", "old", "new"), OF_CONFIGURATIONS)
def test_either_name_makes_the_same_trial(key: str, old: str, new: str) -> None:
    size = {"rank_scale": 0.5} if key == "layer" else {}
    configs = [TrainConfig.from_trial({key: name, **size}) for name in (old, new)]
    assert configs[0] == configs[1]
    assert getattr(configs[0], key) == new


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"layer": "tucker_seed", "rank_scale": 0.5}, "tucker_seed-d3-242k-seed0-e51a3a4cb9"),
        ({"protocol": "seed_a_plain"}, "dense-6.57M-seed0-b797090efb"),
        ({"protocol": "seed_a_scaled"}, "dense-6.57M-seed0-a8428ffc13"),
        ({"protocol": "seed_tt", "seed": 3}, "dense-6.57M-seed3-406fbfd070"),
    ],
)
def test_ids_are_those_of_before_the_names_changed(values: dict, name: str) -> None:
    config = TrainConfig.from_trial({**values, "precision": "fp32"})
    assert trial_id(config, config.network_size()) == name


def test_a_document_has_present_names_at_every_depth_of_these_keys_only() -> None:
    document = {
        "name": "right",
        "space": {
            "keys": {
                "protocol": {"domain": {"values": ["right", "seed_tt"]}},
                "rank_scale": {"when": {"layer": ["tucker_seed"]}},
            },
            "contrast": {"key": "layer", "baseline": "dense", "treatment": "tucker_seed"},
        },
    }
    assert with_present_names(document) == {
        "name": "right",
        "space": {
            "keys": {
                "protocol": {"domain": {"values": ["corrected", "original_tt"]}},
                "rank_scale": {"when": {"layer": ["tucker_original"]}},
            },
            "contrast": {"key": "layer", "baseline": "dense", "treatment": "tucker_original"},
        },
    }


def test_a_configuration_of_present_names_is_not_copied() -> None:
    config = {"layer": "tucker_original", "name": "right"}
    assert with_present_values(config) is config
    assert with_present_values({"layer": "tucker_seed"}) == {"layer": "tucker_original"}
