"""Which update rule moves the parameters, by how much, and that it goes on where it stopped."""

import pytest
import torch

from tests.trainables.networks.foreign import TEN_LINES
from tests.trainables.training.test_foreign import KEYS
from tests.trainables.training.test_param_groups import group_of, watch
from tests.trainables.training.test_trainer import after, assert_same, trained
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import trial_id
from trainables.training.trainer import Trainer

RANKED = {"layer": "low_rank", "rank": 1}


def adamw(before, gradient, average, square, step, rate, decay):
    """One step in float64: algorithm 2 of Loshchilov and Hutter (2019)."""
    average = 0.9 * average + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    first, second = average / (1 - 0.9**step), square / (1 - 0.999**step)
    return before * (1 - rate * decay) - rate * first / (second**0.5 + 1e-8)


def test_adamw_moves_every_parameter_by_its_schedule_and_decay_at_every_step(digits, tiny):
    config = tiny.with_values(
        optimizer="adamw", learning_rate=0.01, weight_decay=0.5, weight_decay_scaling=1.0, **RANKED
    )
    trainer = Trainer(config, digits)
    groups = group_of(trainer.network)
    share = trainer.size.parameters / trainer.size.dense_parameters
    decays = {"factors": 0.5 * share, "weights": 0.5, "batchnorm": 0.0}
    before, steps = {}, []

    def note():
        state = trainer.optimizer.state
        for name, p in trainer.network.named_parameters():
            seen = (p, p.grad, state["exp_avg"][p], state["exp_avg_sq"][p])
            before[name] = [one.detach().double().clone() for one in seen]

    def check():
        steps.append(len(steps) + 1)
        progress = steps[-1] / 8
        rate = 0.01 * min(progress / (5 / 24), (1 - progress) / (19 / 24))
        for name, p in trainer.network.named_parameters():
            expected = adamw(*before[name], steps[-1], rate, decays[groups[name]])
            torch.testing.assert_close(p.detach().double(), expected, rtol=1e-5, atol=1e-6)

    watch(trainer.optimizer, before=note, after=check)
    trainer.train_epoch()
    metrics = trainer.train_epoch()
    assert len(steps) == 8
    assert metrics.weight_decays == pytest.approx(decays)
    assert metrics.learning_rates == pytest.approx(dict.fromkeys(decays, 0.0))


@pytest.mark.parametrize("batches", [2, 4])
def test_adamw_goes_on_bit_for_bit(digits, tiny, tmp_path, batches):
    config = tiny.with_values(optimizer="adamw", learning_rate=0.01, **RANKED)
    stopped = Trainer(config, digits)
    stopped.train_epoch(after(batches))
    stopped.save(tmp_path / "checkpoint")
    resumed = Trainer(config, digits)
    resumed.load(tmp_path / "checkpoint")
    while not resumed.finished:
        resumed.train_epoch()
    assert_same(resumed, trained(config, digits))


def test_adamw_trains_a_foreign_network(digits):
    keys = {**KEYS, "network": TEN_LINES, "optimizer": "adamw", "learning_rate": 0.01, "epochs": 4}
    trainer = Trainer(TrainConfig.from_trial(keys), digits)
    losses = [trainer.train_epoch().train_loss for _ in range(4)]
    assert losses[-1] < losses[0] - 0.2


def test_a_rate_and_a_decay_that_are_not_given_are_the_optimisers_own():
    adam = TrainConfig.from_trial({"optimizer": "adamw"})
    assert (adam.learning_rate, adam.weight_decay) == (0.001, 0.05)
    given = {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": None}
    mixed = TrainConfig.from_trial(given)
    assert (mixed.learning_rate, mixed.weight_decay) == (0.01, 0.05)
    sgd = TrainConfig.from_trial({"learning_rate": None})
    assert (sgd.learning_rate, sgd.weight_decay) == (0.4, 0.0005)
    for config in (adam, mixed, TrainConfig.from_trial({**given, "weight_decay": 0.0005})):
        assert TrainConfig.from_trial(config.to_dict()) == config
        assert TrainConfig.from_trial(config.changed()) == config


def test_the_default_optimiser_names_no_trial_and_another_one_does():
    plain, sgd, adam = (
        TrainConfig.from_trial(keys) for keys in ({}, {"optimizer": "sgd"}, {"optimizer": "adamw"})
    )
    names = [trial_id(one, one.network_size()) for one in (plain, sgd, adam)]
    assert names[0] == names[1] != names[2]


def test_a_rate_that_only_sgd_survives_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match=r"at most 0\.1 with optimizer=adamw, got 0\.4"):
        TrainConfig.from_trial({"optimizer": "adamw", "learning_rate": 0.4})


def test_the_2018_studys_faults_are_those_of_its_optimiser():
    with pytest.raises(ConfigError, match="with sgd, got optimizer=adamw"):
        TrainConfig.from_trial({"optimizer": "adamw", "protocol": "original_tt"})
