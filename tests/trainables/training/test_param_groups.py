"""What really updates each parameter, step by step."""

import pytest
import torch

from trainables.config.train_config import factor_decays
from trainables.networks.substitute import factorized_layers
from trainables.training.trainer import Trainer

MEAN_LOSS_ORIGINAL_DECAY = 9.765625e-07  # the original's 5e-4 on a sum over 512 images

PROTOCOLS = {  # which of (factors, weights, batchnorm) follow the schedule
    "corrected": (True, True, True),
    "original_a_plain": (True, True, True),
    "original_a_scaled": (True, False, False),
    "original_tt": (False, False, False),
}


def group_of(network):
    """The group of each parameter, by what the parameter is."""
    replaced = {id(p) for layer in factorized_layers(network).values() for p in layer.parameters()}
    groups = {}
    for name, parameter in network.named_parameters():
        if id(parameter) in replaced:
            groups[name] = "factors"
        elif ".norm." in name:
            groups[name] = "batchnorm"
        else:
            groups[name] = "weights"
    return groups


def watch(optimizer, before=lambda: None, after=lambda: None):
    """Has something done before and after each step; the step stays what it is."""
    step = optimizer.step

    def watched():
        before()
        step()
        after()

    optimizer.step = watched


def expected_decays(config, size):
    """By group, as the original study and the options say."""
    if config.protocol != "corrected":
        return dict.fromkeys(("factors", "weights", "batchnorm"), MEAN_LOSS_ORIGINAL_DECAY)
    return {
        "factors": 0.0 if config.regularizer == "frobenius" else factor_decays(config, size)[0],
        "weights": config.weight_decay,
        "batchnorm": config.weight_decay if config.batchnorm_decay else 0.0,
    }


def nesterov(before, gradient, momentum, rate, decay):
    """One step in float64: what torch's SGD documents."""
    gradient = gradient + decay * before
    momentum = 0.9 * momentum + gradient
    return before - rate * (gradient + 0.9 * momentum)


@pytest.mark.parametrize(
    "keys",
    [
        *({"protocol": protocol} for protocol in PROTOCOLS),
        {"schedule": "cosine"},
        {"batchnorm_decay": True},
        {"weight_decay": 0.3, "weight_decay_scaling": 0.5},
        {"regularizer": "frobenius"},
    ],
    ids=str,
)
def test_every_parameter_moves_by_its_schedule_and_decay_at_every_step(digits, tiny, keys):
    keys = {"weight_decay": 0.05, **keys}  # large enough to show in a float32 update
    config = tiny.with_values(layer="low_rank", rank=1, **keys)
    trainer = Trainer(config, digits)
    groups, decays = group_of(trainer.network), expected_decays(config, trainer.size)
    annealed = dict(
        zip(("factors", "weights", "batchnorm"), PROTOCOLS[config.protocol], strict=True)
    )
    before, steps = {}, []

    def note():
        for name, p in trainer.network.named_parameters():
            momentum = trainer.optimizer.momentum_buffers[p]
            before[name] = [t.detach().double().clone() for t in (p, p.grad, momentum)]

    def check():
        steps.append(len(steps) + 1)
        progress = steps[-1] / 8
        factor = min(progress / (5 / 24), (1 - progress) / (19 / 24))
        if config.schedule == "cosine":
            factor = (1 + torch.cos(torch.tensor(torch.pi * progress))).item() / 2
        for name, p in trainer.network.named_parameters():
            rate = 0.2 * (factor if annealed[groups[name]] else 1.0)
            expected = nesterov(*before[name], rate, decays[groups[name]])
            torch.testing.assert_close(p.detach().double(), expected, rtol=1e-5, atol=1e-6)

    watch(trainer.optimizer, before=note, after=check)
    trainer.train_epoch()
    metrics = trainer.train_epoch()
    assert len(steps) == 8
    for group, follows in annealed.items():  # what is reported is what was in force
        assert metrics.learning_rates[group] == pytest.approx(0.0 if follows else 0.2)
    if config.regularizer == "weight_decay":
        assert metrics.weight_decays == pytest.approx(decays)


def test_a_scaled_decay_is_lambda_times_the_share_of_parameters_to_alpha(digits, tiny):
    config = tiny.with_values(layer="low_rank", rank=1, weight_decay=0.1, weight_decay_scaling=1.0)
    trainer = Trainer(config, digits)
    dense = sum(p.numel() for p in Trainer(tiny, digits).network.parameters())
    mine = sum(p.numel() for p in trainer.network.parameters())
    assert trainer.train_epoch().weight_decays == pytest.approx(
        {"factors": 0.1 * mine / dense, "weights": 0.1, "batchnorm": 0.0}
    )


def test_decays_by_layer_differ_and_are_reported_as_their_mean(digits, tiny):
    keys = {"weight_decay": 0.1, "weight_decay_scaling": 1.0, "weight_decay_ratio": "layer"}
    trainer = Trainer(tiny.with_values(layer="low_rank", rank=1, **keys), digits)
    decay_of = {
        id(p): group.decay for group in trainer.optimizer.param_groups for p in group.parameters
    }
    total = 0.0
    for layer in factorized_layers(trainer.network).values():
        own = sum(p.numel() for p in layer.parameters())
        spec = layer.size.spec
        share = own / (9 * spec.in_channels * spec.out_channels)
        for p in layer.parameters():
            assert decay_of[id(p)] == pytest.approx(0.1 * share)
        total += own * 0.1 * share
    factors = sum(
        p.numel()
        for layer in factorized_layers(trainer.network).values()
        for p in layer.parameters()
    )
    assert trainer.train_epoch().weight_decays["factors"] == pytest.approx(total / factors)


def test_a_frobenius_penalty_on_whole_kernels_is_weight_decay(digits, tiny):
    def trained(regularizer):
        keys = {"regularizer": regularizer, "weight_decay": 0.02, "learning_rate": 0.02}
        trainer = Trainer(tiny.with_values(**keys), digits)
        metrics = trainer.train_epoch()
        return [p.detach() for p in trainer.network.parameters()], metrics.weight_decays

    plain, plain_decays = trained("weight_decay")
    penalised, penalised_decays = trained("frobenius")
    torch.testing.assert_close(penalised, plain, rtol=1e-3, atol=1e-5)
    assert penalised_decays == plain_decays


def test_a_frobenius_penalty_pulls_on_the_rebuilt_kernel(digits, tiny):
    keys = {"layer": "tensor_train", "rank": 1, "weight_decay": 0.3}
    trainers = [
        Trainer(tiny.with_values(regularizer=name, **keys), digits)
        for name in ("weight_decay", "frobenius")
    ]
    gradients = []
    for trainer in trainers:
        noted = []
        layers = list(factorized_layers(trainer.network).values())
        watch(
            trainer.optimizer,
            before=lambda layers=layers, noted=noted: noted.append(
                [p.grad.clone() for layer in layers for p in layer.parameters()]
            ),
        )
        trainer.train_epoch(iter([False, True]).__next__)  # one batch
        gradients.append(noted[0])
    fresh = Trainer(tiny.with_values(regularizer="frobenius", **keys), digits).network
    layers = list(factorized_layers(fresh).values())
    sum(0.15 * layer.kernel().pow(2).sum() for layer in layers).backward()
    pull = [p.grad for layer in layers for p in layer.parameters()]
    plain, penalised = gradients
    for with_it, without, expected in zip(penalised, plain, pull, strict=True):
        torch.testing.assert_close(with_it - without, expected, rtol=1e-3, atol=1e-5)
