"""A batch in parts, and classes that are not equally many."""

import pytest
import torch
import torch.nn.functional as F

from tests.trainables.training.test_foreign import KEYS
from tests.trainables.training.test_trainer import assert_same, trained
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import canonical, trial_id
from trainables.training.steps import balanced_weights
from trainables.training.trainer import Trainer

NO_NORM = """
from torch import nn


def make_net(classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4), nn.GELU(), nn.Conv2d(8, 16, 3), nn.GELU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, classes),
    )
"""


@pytest.fixture
def no_norm(tmp_path):
    path = tmp_path / "no_norm.py"
    path.write_text(NO_NORM)
    return f"{path}:make_net"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("micro_batch", [32, 24, 1])  # 24: the last part has 16 images
def test_without_batchnorm_parts_train_as_the_whole_batch(digits, no_norm, micro_batch, precision):
    keys = {**KEYS, "network": no_norm, "epochs": 1, "precision": precision, "train_images": 128}
    if micro_batch == 1:
        keys["regularizer"] = "frobenius"  # a penalty counts once a batch, not once a part
        keys |= {"layer": "low_rank", "rank": 2, "weight_decay": 0.05}
    whole = TrainConfig.from_trial(keys)
    one = trained(whole, digits)
    other = trained(whole.with_values(micro_batch=micro_batch), digits)
    rounding = {"rtol": 1e-3, "atol": 1e-5} if precision == "fp32" else {"rtol": 0.1, "atol": 5e-3}
    for mine, theirs in zip(one.network.parameters(), other.network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, **rounding)
    assert one.history[0].train_loss == pytest.approx(other.history[0].train_loss, rel=1e-2)
    assert one.history[0].learning_rates == other.history[0].learning_rates


def test_parts_are_another_trial_and_the_whole_batch_is_none(digits, tiny):
    names = []
    for micro_batch in (None, tiny.batch_size, 16):
        config = canonical(tiny.with_values(micro_batch=micro_batch))
        names.append(trial_id(config, config.network_size()))
    assert names[0] == names[1] != names[2]
    assert_same(
        trained(tiny.with_values(micro_batch=tiny.batch_size), digits), trained(tiny, digits)
    )
    with pytest.raises(ConfigError, match="micro_batch must be at most batch_size"):
        tiny.with_values(micro_batch=tiny.batch_size + 1)


def test_balanced_weights_give_every_class_the_same_sum():
    labels = torch.tensor([0] * 6 + [2] * 3 + [3])
    weights = balanced_weights(labels, 5)
    assert weights[labels].mean() == pytest.approx(1)
    sums = labels.bincount(minlength=5) * weights
    assert sums.tolist() == pytest.approx([10 / 3, 0, 10 / 3, 10 / 3, 0])


def test_classes_are_weighed_in_the_loss_that_is_trained_on(digits, tiny):
    config = tiny.with_values(class_weights="balanced", label_smoothing=0.1)
    trainer = Trainer(config, digits)
    labels = torch.from_numpy(digits.train_labels[trainer.split.train])
    counts = labels.bincount(minlength=10)
    expected = len(labels) / (10 * counts)
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([3, 0, 7, 3])
    losses = F.cross_entropy(logits, target, label_smoothing=0.1, reduction="none")
    loss = trainer._step._loss(logits, target)
    assert float(loss) == pytest.approx(float((losses * expected[target]).mean()))
    assert trainer.train_epoch().train_loss > 0
    names = [trial_id(one, one.network_size()) for one in (config, tiny)]
    assert names[0] != names[1]
