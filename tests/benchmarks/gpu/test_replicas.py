"""Replicas that are trained as one network are what each would have become alone."""

import copy

import pytest
import torch
import torch.nn.functional as F

from benchmarks.gpu.concurrency.replica_training import FusedStep, FusedTrainers
from benchmarks.gpu.concurrency.replicas import fuse
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.deviation import deviation, parameters, train_steps
from benchmarks.gpu.networks import some_rank
from benchmarks.gpu.setting import Setting
from trainables.config.train_config import TrainConfig
from trainables.networks.build import build_network
from trainables.sizes.registry import SIZES
from trainables.training.optimizers import Group, Nesterov
from trainables.training.trainer import Trainer

STEPS = 20
BATCH = 16
RATES = (0.1, 0.02, 0.05)  # at .3 a Tucker network of this size diverges, rounding ten times a step
DECAYS = (5e-4, 0.0, 1e-2)


@pytest.fixture
def setting(tmp_path):
    return Setting(torch.device("cpu"), True, tmp_path, Deadline(3600))


def batches(data):
    """For each step, three replicas' own images (3, B, 3, 32, 32) float64 and labels."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        chosen = torch.randint(len(data.train_labels), (3, BATCH), generator=generator).numpy()
        images = torch.from_numpy(data.train_images[chosen]).permute(0, 1, 4, 2, 3)
        yield images.double() / 64 - 2, torch.from_numpy(data.train_labels[chosen])


@pytest.mark.parametrize("layer", SIZES)
def test_twenty_steps_of_replicas_equal_training_each_alone(layer, setting):
    """torch's own SGD, on networks of their own, is what they are held against."""
    size = TrainConfig.from_trial({"width": 4, **some_rank(layer)}).network_size()
    networks = [build_network(size, batch=BATCH, seed=seed).double() for seed in range(3)]
    alone = copy.deepcopy(networks)
    start = copy.deepcopy(networks)
    device = torch.device("cpu")
    optimizers = [
        Nesterov([Group("all", tuple(network.parameters()), decay)], rate, device)
        for network, rate, decay in zip(networks, RATES, DECAYS, strict=True)
    ]
    given = batches(setting.data)
    step = FusedStep(networks, optimizers, lambda: next(given), precision="fp32")
    for _ in range(STEPS):
        step()

    references = [
        torch.optim.SGD(
            network.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=decay
        )
        for network, rate, decay in zip(alone, RATES, DECAYS, strict=True)
    ]
    for images, labels in batches(setting.data):
        for number, (network, reference) in enumerate(zip(alone, references, strict=True)):
            reference.zero_grad()
            F.cross_entropy(network.train()(images[number]), labels[number]).backward()
            reference.step()

    for fused, single, first in zip(networks, alone, start, strict=True):
        expected = dict(single.state_dict())
        for name, tensor in fused.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            assert (tensor - expected[name]).abs().max() <= 1e-9, name
        assert flat(single).sub(flat(first)).norm() > 0.1  # it has trained


def flat(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.fixture
def two_threads():
    """With which trainers run torch's operations, as replicas do: of equal pixels, in which these
    images abound, the compiled pool picks others."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_replicas_of_trainers_see_their_own_images_and_rates(setting, two_threads):
    """The trainers' real steps, in float32: seeds, rates and decays of their own, two epochs."""
    configs = [
        setting.config(seed=seed, learning_rate=rate, weight_decay=decay, epochs=3)
        for seed, (rate, decay) in enumerate(zip((0.02, 0.05), (5e-4, 1e-2), strict=True))
    ]
    alone = [Trainer(config, setting.data) for config in configs]
    members = [Trainer(config, setting.data) for config in configs]
    starts = [parameters(trainer) for trainer in members]
    fused = FusedTrainers(members, setting.data)
    for steps, bound in ((1, 1e-4), (2 * members[0].batches_per_epoch - 1, 0.05)):
        for _ in range(steps):
            fused.train_batch()
        for trainer in alone:
            train_steps(trainer, steps)
        for number, start in enumerate(starts):
            assert deviation(members[number], alone[number], start) < bound
            assert deviation(members[number], alone[1 - number], start) > 0.5


def test_a_network_with_another_kind_of_layer_is_refused():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.PReLU())
    with pytest.raises(TypeError, match="cannot be fused"):
        fuse([network, copy.deepcopy(network)])
