"""Whole-batch augmentation equals the obvious one, image by image."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.config.train_config import TrainConfig
from trainables.data.augment import FUNCTIONS, Augmenter
from trainables.data.augmentation import Augmentation, choose_augmentation, draw_epoch
from trainables.data.dataset import make_dataset
from trainables.data.device_data import copy_to_device

CPU = torch.device("cpu")


USUAL = Augmentation(side=32, crop=4, flip=True, cutout=8)
AUGMENTATIONS = [
    USUAL,
    Augmentation(side=32, crop=0, flip=False, cutout=0),
    Augmentation(side=20, crop=7, flip=True, cutout=3),
    Augmentation(side=20, crop=0, flip=True, cutout=20),
    Augmentation(side=20, crop=0, flip=True, cutout=5, area=0.08),
    Augmentation(side=33, crop=0, flip=False, cutout=0, area=0.5),
]


@pytest.fixture(params=[1, 2], ids=["compiled", "torch"])
def make_augmenter(request):
    """With one thread the compiled function's, with two torch's operations."""
    if request.param == 1 and FUNCTIONS.library is None:
        pytest.skip("there is no C compiler")
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)

    def make(data, how=USUAL):
        return Augmenter(copy_to_device(data, CPU).train_pixels, data.mean, data.std, how)

    yield make
    torch.set_num_threads(before)


@pytest.fixture
def augmenter(digits, make_augmenter):
    return make_augmenter(digits)


def pictures(side):
    """Forty images of noise."""
    images = np.random.default_rng(side).integers(0, 256, (40, side, side, 3), np.uint8)
    labels = np.arange(40) % 2
    return make_dataset("noise", "ab", (images, labels), (images[:2], labels[:2]))


def by_hand(image, draw, mean, std, how):
    """Crop or resize, flip, normalise, cut out: (S, S, 3) uint8 → (3, S, S), in numpy and PIL."""
    values = image.astype(np.float64)
    place_in_pad, flip = divmod(draw[1], 2)
    if how.area:
        top, left, height, width = draw[3:]
        part = values[top : top + height, left : left + width].astype(np.float32)
        channels = [
            Image.fromarray(part[..., c]).resize((how.side, how.side), Image.Resampling.BILINEAR)
            for c in range(3)
        ]
        values = np.stack([np.asarray(channel) for channel in channels], axis=2)
    else:
        top, left = divmod(place_in_pad, 2 * how.crop + 1)
        padding = ((how.crop,) * 2, (how.crop,) * 2, (0, 0))
        padded = np.pad(values, padding, mode="reflect")
        values = padded[top : top + how.side, left : left + how.side]
    values = values[:, ::-1] if flip else values
    values = (values - mean) / std
    hole_top, hole_left = divmod(draw[2], how.side - how.cutout + 1)
    values[hole_top : hole_top + how.cutout, hole_left : hole_left + how.cutout] = 0
    return values.transpose(2, 0, 1)


@pytest.mark.parametrize("how", AUGMENTATIONS, ids=str)
def test_images_of_any_size_are_varied_as_drawn(make_augmenter, how):
    data = pictures(how.side)
    draws = draw_epoch(np.arange(40), seed=3, epoch=1, augmentation=how)
    batch = make_augmenter(data, how).augmented(draws).numpy()
    for image, draw in zip(batch, draws.tolist(), strict=True):
        expected = by_hand(data.train_images[draw[0]], draw, data.mean, data.std, how)
        np.testing.assert_allclose(image, expected, atol=2e-5)


def test_a_resized_part_lies_in_the_image_and_has_the_area_and_shape_asked_for():
    how = Augmentation(side=200, crop=0, flip=True, cutout=0, area=0.25)
    draws = draw_epoch(np.arange(5_000), seed=0, epoch=0, augmentation=how).numpy()
    top, left, height, width = draws[:, 3:].T
    assert (np.minimum(top, left) >= 0).all()
    assert (np.maximum(top + height, left + width) <= 200).all()
    share = height * width / 200**2
    assert 0.24 < share.min() < 0.28
    assert abs(np.median(share[(height < 200) & (width < 200)]) - 0.6) < 0.1
    assert 0.74 < (width / height).min() < (width / height).max() < 1.35


def test_the_draws_of_padding_and_cropping_are_those_of_before():
    """They decide the numbers of every trial on record."""
    draws = draw_epoch(np.arange(1000), seed=5, epoch=2, augmentation=USUAL)
    assert draws[:2].tolist() == [[824, 85, 420], [589, 132, 174]]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, Augmentation(32, 4, True, 8)),
        ({"crop": 2, "flip": False, "cutout": 0}, Augmentation(32, 2, False, 0)),
        ({"random_resized_crop": 0.25}, Augmentation(32, 0, True, 8, 0.25)),
        ({"image_size": 224}, Augmentation(224, 28, True, 56)),
    ],
)
def test_what_a_configuration_leaves_open_suits_the_size(keys, expected):
    config = TrainConfig(**keys)
    assert choose_augmentation(config, config.image_size, flips=True) == expected
    if "flip" not in keys:
        assert not choose_augmentation(config, config.image_size, flips=False).flip


def test_every_image_is_padded_cropped_flipped_and_cut_as_drawn(digits, augmenter):
    draws = draw_epoch(np.arange(200), seed=3, epoch=1, augmentation=USUAL)
    batch = augmenter.augmented(draws).numpy()
    for image, draw in zip(batch, draws.tolist(), strict=True):
        expected = by_hand(digits.train_images[draw[0]], draw, digits.mean, digits.std, USUAL)
        np.testing.assert_allclose(image, expected, atol=2e-6)


def test_evaluation_sees_the_image_as_it_is_but_for_its_scale(digits, augmenter):
    chosen = torch.tensor([5, 0, 1432])
    expected = (digits.train_images[chosen] - np.array(digits.mean)) / np.array(digits.std)
    batch = augmenter.plain(chosen)
    np.testing.assert_allclose(batch.numpy(), expected.transpose(0, 3, 1, 2), atol=2e-6)


def test_an_epoch_shows_each_image_once_in_an_order_of_its_own():
    images = np.arange(50, 450)
    epochs = [draw_epoch(images, seed=0, epoch=epoch, augmentation=USUAL) for epoch in range(3)]
    for draws in epochs:
        assert sorted(draws[:, 0].tolist()) == images.tolist()
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(epochs[2], draw_epoch(images, seed=0, epoch=2, augmentation=USUAL))
    assert not torch.equal(epochs[2], draw_epoch(images, seed=1, epoch=2, augmentation=USUAL))


def test_crops_flips_and_cutouts_are_uniform():
    draws = draw_epoch(np.arange(100_000), seed=0, epoch=0, augmentation=USUAL).numpy()
    for column, kinds in ((1, 162), (2, 625)):
        counts = np.bincount(draws[:, column], minlength=kinds)
        assert len(counts) == kinds
        chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert abs(chi_square - kinds) < 5 * np.sqrt(2 * kinds)


def test_nothing_is_mirrored_where_that_would_change_the_class():
    draws = draw_epoch(
        np.arange(1000), seed=0, epoch=0, augmentation=dataclasses.replace(USUAL, flip=False)
    )
    assert (draws[:, 1] % 2 == 0).all()


def test_a_cut_out_is_the_mean_colour_exactly(augmenter):
    draws = draw_epoch(np.arange(100), seed=0, epoch=0, augmentation=USUAL)
    zeros = (augmenter.augmented(draws) == 0).flatten(1).sum(1)
    assert (zeros >= 8 * 8 * 3).all()


def test_a_batch_comes_in_the_layout_that_convolutions_want(augmenter):
    draws = draw_epoch(np.arange(10), seed=0, epoch=0, augmentation=USUAL)
    assert augmenter.augmented(draws).stride(1) == 1  # channels last
