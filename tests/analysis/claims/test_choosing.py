"""What an arm chooses comes of choosing seeds alone, and each question has its own arms."""

import pandas as pd
import pytest

from analysis.claims.choosing import choose
from analysis.study.configurations import grid
from analysis.study.study import load_study
from search_spaces.grammar.question import Carry, Contrast, Select, Smallest, Trend
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import Fate, write_study
from trainables.config.train_config import TrainConfig

RATES = (0.1, 0.4, 1.6)


def tuned(*roles: str) -> dict:
    """A space of families at two budgets, its rate to be tuned."""
    keys = {
        "layer": spaces._choice("low_rank", "tensor_train", "tucker"),
        "compression": spaces._choice(0.05, 0.1),
        "dims": spaces._choice(2, 3, layer=("tensor_train", "tucker")),
        "learning_rate": spaces._choice(*RATES, role="nuisance"),
    }
    return {**spaces.FAMILIES, "keys": keys}


def budgets(seeds=(0, 1)) -> list[dict]:
    return [
        {
            "layer": layer,
            "compression": share,
            **({"dims": dims} if dims else {}),
            "learning_rate": rate,
            "epochs": 2,
            "seed": seed,
        }
        for layer, dims in (
            ("low_rank", None),
            ("tensor_train", 2),
            ("tensor_train", 3),
            ("tucker", 3),
        )
        for share in (0.05, 0.1)
        for rate in RATES
        for seed in seeds
    ]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choosing")
    return load_study(write_study(folder, budgets(), space=tuned(), model=Model(noise=0.0005)))


def test_a_select_chooses_once_for_each_arm_and_budget(families):
    chosen = choose(Select(("layer", "dims"), "compression"), families.space, grid(families))
    arms = {(one.arm["layer"], one.arm["dims"], one.arm["compression_budget"]) for one in chosen}
    assert len(chosen) == len(arms) == 8
    assert ("low_rank", None, 0.05) in arms  # it has no dims, and not the default 3
    assert {one.configuration["learning_rate"] for one in chosen} == {0.4}
    assert {one.candidates for one in chosen} == {3}
    for one in chosen:  # it can be planned as it is
        assert "seed" not in one.configuration
        assert TrainConfig.from_trial({**one.configuration, "seed": 1000}).seed == 1000


def test_a_network_that_two_families_share_is_chosen_for_both(families):
    trials = families.trials
    low_rank = trials[(trials["layer"] == "low_rank") & (trials["compression_budget"] == 0.05)]
    twin = low_rank.assign(layer="tensor_train", dims=4)
    grid = pd.concat([trials, twin], ignore_index=True)
    chosen = choose(Select("layer", "compression"), families.space, grid)
    means = {one.arm["layer"]: one.mean for one in chosen if one.arm["compression_budget"] == 0.05}
    assert means["tensor_train"] >= means["low_rank"]


def test_estimating_seeds_choose_nothing(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": rank, "epochs": 2, "seed": seed}
        for rank, seeds in ((8, (0, 1, 1000, 1001)), (32, (1000, 1001)))
        for seed in seeds
    ]
    study = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    (best,) = choose(None, study.space, study.trials)
    assert (best.configuration["rank"], best.runs, best.candidates) == (8, 2, 1)


def test_a_run_that_diverged_counts_at_chance_in_its_own_mean(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": 8, "learning_rate": rate, "epochs": 6, "seed": seed}
        for rate in (0.3, 0.4)
        for seed in (0, 1)
    ]
    fates = [(Fate(),)] * 3 + [(Fate("diverged", 5),)]
    space = {**spaces.FAMILIES, "keys": {**spaces.RATES["keys"]}}
    study = load_study(write_study(tmp_path, configs, space=space, fates=lambda i: fates[i]))
    (best,) = choose(None, study.space, study.trials)
    assert best.configuration["learning_rate"] == 0.3


def decays(tmp_path, model=None):
    values = (5e-5, 5e-4, 5e-3)
    keys = {
        "rank": spaces._choice(8, 32),
        "weight_decay_scaling": spaces._choice(0.0, 1.0),
        "weight_decay": spaces._choice(*values, role="carried"),
    }
    configs = [
        {
            "layer": "low_rank",
            "rank": rank,
            "weight_decay_scaling": alpha,
            "weight_decay": decay,
            "epochs": 2,
            "seed": seed,
        }
        for rank in (8, 32)
        for alpha in (0.0, 1.0)
        for decay in values
        for seed in (0, 1)
    ]
    space = {**spaces.DECAY, "keys": keys, "contrast": None}
    return load_study(write_study(tmp_path, configs, space=space, model=model or Model()))


def test_a_carry_chooses_each_architectures_own_value_and_one_for_all(tmp_path):
    study = decays(tmp_path, Model(noise=0.0))
    chosen = choose(Carry("weight_decay", "weight_decay_scaling"), study.space, study.trials)
    one_for_all = [one for one in chosen if one.arm.get("carried")]
    assert len(chosen) - len(one_for_all) == 4
    assert len(one_for_all) == 4
    for alpha in (0.0, 1.0):
        ours = [one for one in one_for_all if one.arm["weight_decay_scaling"] == alpha]
        assert len({one.configuration["weight_decay"] for one in ours}) == 1


class Alike(Model):
    """All networks and decays are equally accurate, in sums whose last digits differ."""

    def draw(self, config, size, rng):
        return 0.9 + (0.1 + 0.2 - 0.3) * (config.rank == 32) * (config.weight_decay > 5e-4)


def test_of_equal_values_a_carry_takes_the_same_as_each_architecture(tmp_path):
    study = decays(tmp_path, Alike())
    backwards = study.trials.iloc[::-1].reset_index(drop=True)
    for trials in (study.trials, backwards):
        chosen = choose(Carry("weight_decay", "weight_decay_scaling"), study.space, trials)
        assert len({one.configuration["weight_decay"] for one in chosen}) == 1


def test_a_contrast_tunes_both_arms_on_each_architecture(tmp_path):
    study = decays(tmp_path)
    question = Contrast("weight_decay_scaling", 0.0, 1.0)
    chosen = choose(question, study.space, study.trials)
    assert sorted((one.arm["block"], one.arm["weight_decay_scaling"]) for one in chosen) == [
        (0, 0.0),
        (0, 1.0),
        (1, 0.0),
        (1, 1.0),
    ]
    assert {one.candidates for one in chosen} == {3}


def test_where_nothing_is_tuned_nothing_is_chosen(study):
    question = Contrast("weight_decay_scaling", 0.0, 1.0)
    assert choose(question, study("seeds").space, study("seeds").trials) == ()
    assert choose(Trend("weight_decay"), study("seeds").space, study("seeds").trials) == ()
    assert choose(None, study("all_failed").space, study("all_failed").trials) == ()


def test_the_smallest_network_is_sought_below_its_reference(study):
    families = study("one_seed")
    question = Smallest(0.05, {"layer": "dense"})
    reference, *small = choose(question, families.space, families.trials)
    assert reference.configuration["layer"] == "dense"
    assert small
    assert all(one.configuration["layer"] != "dense" for one in small)
    assert all(one.mean >= reference.mean - 0.05 for one in small)
