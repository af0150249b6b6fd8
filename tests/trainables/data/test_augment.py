"""Whole-batch augmentation equals the obvious one, image by image."""

import numpy as np
import pytest
import torch

from trainables.data.augment import FUNCTIONS, Augmenter, draw_epoch
from trainables.data.device_data import place

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2], ids=["compiled", "torch"])
def augmenter(digits, request):
    """With one thread the compiled function's, with two torch's operations."""
    if request.param == 1 and FUNCTIONS.library is None:
        pytest.skip("there is no C compiler")
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield Augmenter(place(digits, CPU).train_pixels, digits.mean, digits.std)
    torch.set_num_threads(before)


def by_hand(image, draw, mean, std):
    """Normalise, pad, crop, flip, cut out: (32, 32, 3) uint8 → (3, 32, 32), in numpy."""
    _, crop, cut = draw
    place_in_pad, flip = divmod(crop, 2)
    top, left = divmod(place_in_pad, 9)
    hole_top, hole_left = divmod(cut, 25)
    values = (image.astype(np.float64) - mean) / std
    values = np.pad(values, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    values = values[top : top + 32, left : left + 32]
    values = values[:, ::-1] if flip else values
    values = values.copy()
    values[hole_top : hole_top + 8, hole_left : hole_left + 8] = 0
    return values.transpose(2, 0, 1)


def test_every_image_is_padded_cropped_flipped_and_cut_as_drawn(digits, augmenter):
    draws = draw_epoch(np.arange(200), seed=3, epoch=1, flips=True)
    batch = augmenter.augmented(draws).numpy()
    for image, draw in zip(batch, draws.tolist(), strict=True):
        expected = by_hand(digits.train_images[draw[0]], draw, digits.mean, digits.std)
        np.testing.assert_allclose(image, expected, atol=2e-6)


def test_evaluation_sees_the_image_as_it_is_but_for_its_scale(digits, augmenter):
    chosen = torch.tensor([5, 0, 1432])
    expected = (digits.train_images[chosen] - np.array(digits.mean)) / np.array(digits.std)
    batch = augmenter.plain(chosen)
    np.testing.assert_allclose(batch.numpy(), expected.transpose(0, 3, 1, 2), atol=2e-6)


def test_an_epoch_shows_each_image_once_in_an_order_of_its_own():
    images = np.arange(50, 450)
    epochs = [draw_epoch(images, seed=0, epoch=epoch, flips=True) for epoch in range(3)]
    for draws in epochs:
        assert sorted(draws[:, 0].tolist()) == images.tolist()
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(epochs[2], draw_epoch(images, seed=0, epoch=2, flips=True))
    assert not torch.equal(epochs[2], draw_epoch(images, seed=1, epoch=2, flips=True))


def test_crops_flips_and_cutouts_are_uniform():
    draws = draw_epoch(np.arange(100_000), seed=0, epoch=0, flips=True).numpy()
    for column, kinds in ((1, 162), (2, 625)):
        counts = np.bincount(draws[:, column], minlength=kinds)
        assert len(counts) == kinds
        chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert abs(chi_square - kinds) < 5 * np.sqrt(2 * kinds)


def test_nothing_is_mirrored_where_that_would_change_the_class():
    draws = draw_epoch(np.arange(1000), seed=0, epoch=0, flips=False)
    assert (draws[:, 1] % 2 == 0).all()


def test_a_cut_out_is_the_mean_colour_exactly(augmenter):
    draws = draw_epoch(np.arange(100), seed=0, epoch=0, flips=True)
    zeros = (augmenter.augmented(draws) == 0).flatten(1).sum(1)
    assert (zeros >= 8 * 8 * 3).all()


def test_a_batch_comes_in_the_layout_that_convolutions_want(augmenter):
    draws = draw_epoch(np.arange(10), seed=0, epoch=0, flips=True)
    assert augmenter.augmented(draws).stride(1) == 1  # channels last
