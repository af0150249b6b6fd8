"""A file of weights that holds two networks: an average beside the one that was trained."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from trainables.networks.weights import WeightsError, read_weights

BESIDE = {"optimizer": {"state": {}, "param_groups": []}, "epoch": 3, "scale": {"s": torch.ones(1)}}


def same(found: dict[str, Tensor], expected: nn.Module) -> bool:
    own = expected.state_dict()
    return found.keys() == own.keys() and all(torch.equal(found[key], own[key]) for key in own)


@pytest.mark.parametrize(
    ("first", "second"), [("model", "model_ema"), ("state_dict", "state_dict_ema")]
)
def test_it_is_refused_with_what_to_do(tmp_path: Path, first: str, second: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    average = AveragedModel(network).state_dict()
    path = tmp_path / "both.pt"
    torch.save({first: network.state_dict(), second: average, **BESIDE}, path)
    with pytest.raises(WeightsError, match=f"hold several networks, {first} and {second}: write"):
        read_weights(path)
    for name in (first, second):  # as the message says
        torch.save(torch.load(path)[name], tmp_path / "one.pt")
        assert same(read_weights(tmp_path / "one.pt"), network)
    torch.save({first: network.state_dict(), **BESIDE}, path)
    assert same(read_weights(path), network)
