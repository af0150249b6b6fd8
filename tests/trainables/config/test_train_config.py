"""A trial's configuration refuses what cannot be trained, and its name says what is trained."""

import dataclasses

import pytest

from trainables.config.parsing import parse_value, scalar
from trainables.config.train_config import ConfigError, TrainConfig, factor_decays
from trainables.config.trial_id import trial_id


def name(**keys) -> str:
    config = TrainConfig.from_trial(keys)
    return trial_id(config, config.network_size())


def test_every_problem_is_told_at_once():
    with pytest.raises(ConfigError) as error:
        TrainConfig.from_trial(
            {"layer": "tuker", "epochs": 0, "learning_rate": "fast", "lr": 0.1, "rank_scale": 1.5}
        )
    told = "\n".join(error.value.problems)
    assert len(error.value.problems) == 5
    for part in (
        "did you mean 'tucker'",
        "epochs must lie in [1",
        "learning_rate must be of type float",
        "'lr'",
        "(0, 1]",
    ):
        assert part in told


NUMBERS = [
    field.name
    for field in dataclasses.fields(TrainConfig)
    if {"int", "float"} & set(field.type.split(" | "))
]


@pytest.mark.parametrize(
    "number",
    [2**63, 10**20, -(2**63) - 1, 10**400],
    ids=lambda number: f"{str(number)[:3]}_{len(str(number))}",
)
@pytest.mark.parametrize("key", NUMBERS)
def test_a_whole_number_that_fits_no_column_is_refused(key, number):
    with pytest.raises(ConfigError, match=rf"\b{key} must"):
        TrainConfig.from_trial({"layer": "dense", key: number})


def test_two_ways_of_giving_a_size_are_refused():
    with pytest.raises(ConfigError, match="rank_scale and rank"):
        TrainConfig.from_trial({"layer": "tucker", "rank": 3, "rank_scale": 0.5})


def test_a_decomposed_layer_without_a_size_is_refused():
    with pytest.raises(ConfigError, match="needs one of rank_divisor"):
        TrainConfig.from_trial({"layer": "cp"})


@pytest.mark.parametrize("layer", ["dense", "separable"])
def test_a_rank_for_a_layer_without_one_is_refused(layer):
    with pytest.raises(ConfigError, match="has no rank"):
        TrainConfig.from_trial({"layer": layer, "rank": 3})


@pytest.mark.parametrize("ranks", ["5,5", "5/-1", "five", "5//5"])
def test_ranks_that_are_not_numbers_between_slashes_are_refused(ranks):
    with pytest.raises(ConfigError, match=r"ranks must be written as 8-8-4/8-8-4/…"):
        TrainConfig.from_trial({"layer": "low_rank", "ranks": ranks})


def test_a_starting_point_and_a_protocol_with_its_own_initialisation_exclude_each_other():
    init = f"/somewhere#{'0' * 32}"
    with pytest.raises(ConfigError, match="draws its own initialisation, got an init too"):
        TrainConfig.from_trial({"init": init, "protocol": "original_tt"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "0.1"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(ConfigError, match="learning_rate"):
        TrainConfig.from_trial({"learning_rate": value})


def test_whole_numbers_pass_as_floats_and_back():
    config = TrainConfig.from_trial({"learning_rate": 1, "epochs": 8.0})
    assert (config.learning_rate, config.epochs) == (1.0, 8)
    assert isinstance(config.epochs, int)


def test_a_configuration_survives_the_trip_through_plain_values():
    config = TrainConfig.from_trial(
        {"layer": "tensor_train", "rank_scale": 0.25, "dims": 4, "seed": 3}
    )
    assert TrainConfig.from_trial(config.to_dict()) == config


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"rank_divisor": 29}, {"rank_divisor": 30}),
        ({"rank_divisor": 29, "dims": 3}, {"rank_divisor": 29, "dims": 7}),
        ({"rank": 10**6}, {"rank": 10**7}),
        ({"rank": 5}, {"ranks": "5/5/5/5/5/5/5"}),
        (
            {"rank": 4, "weight_decay_reference": "dense"},
            {"rank": 4, "weight_decay_reference": "separable"},
        ),
    ],
)
def test_two_ways_to_write_one_network_have_one_name(one, other):
    assert name(layer="low_rank", **one) == name(layer="low_rank", **other)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": 0.2},
        {"weight_decay_scaling": 1.0},
        {"rank": 5},
        {"data_seed": 1},
        {"data_seed": -1},
        {"width": 32},
    ],
)
def test_a_change_that_trains_to_other_numbers_changes_the_name(change):
    base = {"layer": "low_rank", "rank": 4}
    assert name(**base) != name(**{**base, **change})


def test_scaling_changes_nothing_where_nothing_is_compressed():
    assert name(layer="dense") == name(layer="dense", weight_decay_scaling=1.0)


def test_appropriate_decay_is_the_share_of_parameters_kept():
    keys = {"layer": "tensor_train", "rank_scale": 0.25, "weight_decay_scaling": 1.0}
    config = TrainConfig.from_trial(keys)
    # 79,248 of 6,573,120 parameters (reference counts of the original code)
    assert factor_decays(config, config.network_size()) == pytest.approx(
        [5e-4 * 79_248 / 6_573_120] * 7
    )


def test_the_name_can_be_read():
    assert name(layer="tensor_train", rank_scale=0.25, seed=1).startswith(
        "tensor_train-d3-79.2k-seed1-"
    )


def test_minus_zero_is_zero() -> None:
    """They train alike, and would be hashed apart."""
    config = TrainConfig.from_trial({"weight_decay": -0.0})
    assert str(config.weight_decay) == "0.0"


def test_every_choice_is_taken_as_it_is_typed() -> None:
    for key, field in TrainConfig.__dataclass_fields__.items():
        for choice in field.metadata.get("choices", ()):
            assert parse_value(key, scalar(choice), (str,), field.metadata) == choice
