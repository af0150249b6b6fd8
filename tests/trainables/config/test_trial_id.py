"""What two families write as one network is one network: shapes, matrices and first draw."""

import itertools

import pytest
import torch

from trainables.config.tables import resolve_network
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id, twin
from trainables.networks.build import build_network
from trainables.sizes.registry import SIZES

RANKED = [name for name, family in SIZES.items() if family.ranked]


def config(**values) -> TrainConfig:
    return TrainConfig.from_trial({"width": 8, "epochs": 1, "precision": "fp32", **values})


@pytest.mark.parametrize("rank", [1, 3, 8, 10**6])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_tensor_train_over_two_sides_is_the_low_rank_network(rank: int, seed: int) -> None:
    train = config(layer="tensor_train", dims=2, rank=rank, seed=seed)
    other = twin(train, train.network_size())
    assert other is not None
    written = config(layer="low_rank", rank=rank, seed=seed)
    size = written.network_size()
    assert trial_id(other, other.network_size()) == trial_id(written, size)
    ours, theirs = (
        build_network(one.network_size(), batch=8, seed=seed).eval() for one in (train, written)
    )
    shapes = [sorted(tuple(p.squeeze().shape) for p in net.parameters()) for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("rank", [2, 40])
def test_it_is_so_in_another_network_where_no_side_is_split(rank: int) -> None:
    """40 exceeds the full rank of some layers."""
    network = resolve_network("wrn-10-1", image_size=32, classes=10)
    keys = {"network": network, "rank": rank, "epochs": 1, "precision": "fp32"}
    train = TrainConfig.from_trial({**keys, "layer": "tensor_train", "dims": 2})
    size = train.network_size()
    other = twin(train, size)
    assert other is not None
    written = TrainConfig.from_trial({**keys, "layer": "low_rank"})
    assert trial_id(other, other.network_size()) == trial_id(written, written.network_size())
    nets = [build_network(one.network_size(), batch=2, seed=0).eval() for one in (train, written)]
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(*(net(images) for net in nets))


def test_what_has_no_twin() -> None:
    for values in (
        {"layer": "tensor_train", "dims": 3, "rank": 4},
        {"layer": "tensor_train", "dims": 2, "rank": 4, "protocol": "original_tt"},
        {"layer": "tucker", "dims": 2, "rank": 4},
        {"layer": "cp", "dims": 2, "rank": 4},  # its factors are drawn at random
        {"layer": "low_rank", "rank": 4},
        {"layer": "dense"},
    ):
        written = config(**values)
        assert twin(written, written.network_size()) is None


def test_no_other_two_families_build_one_network() -> None:
    """For every two families and reshapings of one rank: equal outputs, or no twins."""
    cells = [(name, dims) for name in RANKED for dims in ((2, 3) if SIZES[name].reshapes else (3,))]
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    outputs, twins = {}, {}
    for name, dims in cells:
        written = config(layer=name, dims=dims, rank=2)
        size = written.network_size()
        outputs[name, dims] = build_network(size, batch=8, seed=0).eval()(images)
        other = twin(written, size)
        twins[name, dims] = other.layer if other else ""
    for one, two in itertools.combinations(cells, 2):
        equal = torch.equal(outputs[one], outputs[two])
        assert equal == (twins[one] == two[0] or twins[two] == one[0])
