"""What is measured of a network, and on how many images at once."""

import numpy as np
import pytest
import torch

from tests.trainables.networks.foreign import table_of
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network
from trainables.config.metrics import score
from trainables.data.dataset import make_dataset
from trainables.training.evaluator import ACTIVATION_BYTES, evaluation_batch
from trainables.training.trainer import Trainer


@pytest.fixture(scope="module")
def unequal(digits):
    """Digits of which four classes are rare."""
    order = np.arange(len(digits.train_labels))
    kept = (digits.train_labels > 3) | (order % 5 == 0)
    train = digits.train_images[kept], digits.train_labels[kept]
    test = digits.test_images, digits.test_labels
    return make_dataset("digits", digits.classes, train, test, flips=False)


def test_balanced_accuracy_is_the_mean_of_what_is_right_in_each_class(unequal, tiny):
    trainer = Trainer(tiny, unequal)
    metrics = trainer.train_epoch()
    held_out = trainer.split.held_out
    pixels = torch.from_numpy(unequal.train_images[held_out]).float()
    images = (pixels - torch.tensor(unequal.mean)) / torch.tensor(unequal.std)
    with torch.no_grad():
        logits = trainer.network(images.permute(0, 3, 1, 2).contiguous())
    right = logits.argmax(1).numpy() == unequal.train_labels[held_out]
    labels = unequal.train_labels[held_out]
    expected = np.mean([right[labels == label].mean() for label in np.unique(labels)])
    assert metrics.val_balanced_accuracy == pytest.approx(expected, abs=0.02)  # rounding of bf16
    assert metrics.val_accuracy == pytest.approx(right.mean(), abs=0.02)
    assert metrics.val_balanced_accuracy != metrics.val_accuracy


def test_trials_may_be_judged_by_it(unequal, tiny):
    plain = Trainer(tiny, unequal).train_epoch()
    balanced = Trainer(tiny.with_values(metric="balanced_accuracy"), unequal).train_epoch()
    assert score(balanced) == balanced.val_accuracy == plain.val_balanced_accuracy
    assert balanced.train_accuracy == plain.train_accuracy


def test_of_equal_classes_nothing_more_is_said(digits, tiny):
    assert Trainer(tiny, digits).train_epoch().val_balanced_accuracy is None


@pytest.mark.parametrize("device", ACTIVATION_BYTES)
def test_larger_images_are_evaluated_fewer_at_once_and_fit(device):
    table = table_of("torchvision:resnet18")
    dense = size_network(Architecture("dense", table=table))
    wide = size_network(Architecture("cp", table=table, rank=4000))
    batches = [evaluation_batch(one, device) for one in (dense, wide)]
    assert 1 <= batches[1] <= batches[0]
    # the first convolution reads 3 and writes 64 channels of half the side; its ReLU keeps as many
    assert dense.activations == 3 * 32 * 32 + 64 * 16 * 16
    for one, batch in zip((dense, wide), batches, strict=True):
        assert batch * 8 * one.activations <= ACTIVATION_BYTES[device]


def test_resnet9_is_evaluated_as_ever():
    assert evaluation_batch(size_network(Architecture("dense", width=512)), "cpu") == 256
