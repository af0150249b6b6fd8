"""The augmentation of training images, and the random draws of one epoch."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import torch
from torch import Tensor

from trainables.config.resolution import with_defaults
from trainables.config.train_config import TrainConfig

ASPECT = (3 / 4, 4 / 3)  # width over height of a resized part (Szegedy et al. 2015; torchvision's)
DRAWS = 3
DRAWS_RESIZED = 7


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How training images of ``side``×``side`` pixels are augmented.

    crop: pixels by which each side is padded, reflected, before a window is cropped; 0: none.
    flip: whether half of the images are mirrored left to right.
    cutout: side in pixels of the square, always inside the image, that is blanked; 0: none.
    area: the smallest share of the image that a random resized crop keeps; 0: no such crop.
    """

    side: int
    crop: int
    flip: bool
    cutout: int
    area: float = 0.0

    @property
    def crops(self) -> int:
        """Positions of the window along each axis."""
        return 2 * self.crop + 1

    @property
    def cuts(self) -> int:
        """Positions of the blanked square along each axis."""
        return self.side - self.cutout + 1

    @property
    def draw_width(self) -> int:
        """Numbers drawn for each image."""
        return DRAWS_RESIZED if self.area else DRAWS


def choose_augmentation(config: TrainConfig, side: int, *, flips: bool) -> Augmentation:
    """The augmentation of a configuration; open values depend on the image's side.

    ``flips`` tells whether mirroring keeps the class of this data set's images. A random resized
    crop replaces padding and cropping.
    """
    keys = with_defaults({**config.to_dict(), "image_size": side}, {"flips": flips})
    return Augmentation(
        side=side,
        crop=keys["crop"],
        flip=keys["flip"],
        cutout=keys["cutout"],
        area=config.random_resized_crop,
    )


def draw_epoch(images: np.ndarray, seed: int, epoch: int, augmentation: Augmentation) -> Tensor:
    """What happens to each image in one epoch: (N, 3 or 7) int64 in the order of training.

    A function of seed, epoch and an image's place alone: a trial resumed in the middle of an epoch
    needs the number of the batch. Columns: index of the image, number of its crop (and flip),
    number of its cutout; with a random resized crop also top, left, height and width of the part.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(images)
    crop = random.integers(augmentation.crops**2, size=len(order)) * 2
    flip = random.integers(2 if augmentation.flip else 1, size=len(order))
    cut = random.integers(augmentation.cuts**2, size=len(order))
    columns = [order, crop + flip, cut]
    if augmentation.area:
        columns += _draw_parts(random, len(order), augmentation)
    return torch.from_numpy(np.stack(columns, axis=1))


def _draw_parts(random: np.random.Generator, count: int, how: Augmentation) -> list[np.ndarray]:
    """Top, left, height, width of each part: a uniform share of the area, log-uniform in shape.

    A part that would be wider or higher than the image is narrowed to it.
    """
    area = random.uniform(how.area, 1, count) * how.side**2
    shape = np.exp(random.uniform(log(ASPECT[0]), log(ASPECT[1]), count))
    width = np.rint(np.sqrt(area * shape)).clip(1, how.side).astype(np.int64)
    height = np.rint(np.sqrt(area / shape)).clip(1, how.side).astype(np.int64)
    top = random.integers(how.side - height + 1)
    left = random.integers(how.side - width + 1)
    return [top, left, height, width]
