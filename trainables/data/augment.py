"""The images of a batch: normalised, and for training padded, cropped, mirrored and cut out.

Everything random about an epoch is drawn before it starts, from its seed and number alone, so that
a trial resumed in the middle of one needs only the batch's number. Whole batches at once, by
gathering: the same few operations on the CPU and on a GPU, where they can be captured in a graph.
On one thread of a CPU ``augment.c`` does them in one pass, to the same numbers in 4 µs an image
instead of 11, and leaves out the fourth channel: to do that, torch's convolution copied them twice.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trainables.compiled.compiler import Compiled

FUNCTIONS = Compiled(Path(__file__).parents[1] / "compiled" / "augment.c")

SIDE = 32  # pixels, every image is square
PAD = 4  # pixels, reflected
CROPS = 2 * PAD + 1  # positions along each axis
CUTOUT = 8  # pixels, square; always inside the image
CUTS = SIDE - CUTOUT + 1
PIXELS = SIDE * SIDE
CHANNELS = 4  # red, green, blue, nothing: see Dataset


def draw_epoch(images: np.ndarray, seed: int, epoch: int, *, flips: bool) -> Tensor:
    """What happens to each image in one epoch: (N, 3) int64 in the order they are trained on.

    Columns: index of the image, number of its crop (and flip), number of its cutout.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(images)
    crop = random.integers(CROPS * CROPS, size=len(order)) * 2
    flip = random.integers(2 if flips else 1, size=len(order))
    cut = random.integers(CUTS * CUTS, size=len(order))
    return torch.from_numpy(np.stack([order, crop + flip, cut], axis=1))


class Augmenter:
    """Makes float32 batches of a device's packed images.

    pixels: (N, 1024) int32, four bytes each.
    mean, std: three numbers each, in pixel values.
    """

    def __init__(self, pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self._pixels = pixels
        self._flat = pixels.view(-1)
        device = pixels.device
        self._crops = _crop_table().to(device)
        self._cuts = _cut_table().to(device)
        # A whole image of constants each: a broadcast over 3 channels is not vectorised.
        scale = [1 / max(value, 1e-6) for value in std]
        self._scale = torch.tensor([*scale, 0.0]).repeat(PIXELS).to(device)
        shift = [-m * s for m, s in zip(mean, scale, strict=True)]
        self._shift = torch.tensor([*shift, 0.0]).repeat(PIXELS).to(device)

    def plain(self, images: Tensor) -> Tensor:
        """The images at these indices (B,) as they are: (B, 3, 32, 32), channels last."""
        return self._normalise(self._pixels.index_select(0, images))

    def augmented(self, draws: Tensor) -> Tensor:
        """The images of these rows of ``draw_epoch``: (B, 3, 32, 32), channels last."""
        if FUNCTIONS.is_available(self._pixels):
            return self._augmented_at_once(draws.contiguous())
        image, crop, cut = draws.unbind(1)
        start = (image * PIXELS).to(torch.int32).unsqueeze(1)
        where = self._crops.index_select(0, crop).add_(start)
        words = self._flat.index_select(0, where.view(-1))
        return self._normalise(words.view(-1, PIXELS), cut)

    def _augmented_at_once(self, draws: Tensor) -> Tensor:
        shape = len(draws), 3, SIDE, SIDE
        out = torch.empty(shape, memory_format=torch.channels_last)
        tables = self._crops, self._cuts, self._scale, self._shift
        FUNCTIONS.call("augment", self._pixels, draws, len(draws), *tables, out)
        return out

    def _normalise(self, words: Tensor, cut: Tensor | None = None) -> Tensor:
        values = words.view(torch.uint8).to(torch.float32)  # (B, 4096)
        torch.addcmul(self._shift, values, self._scale, out=values)
        if cut is not None:  # the mean colour, which is 0 by now
            rows = torch.arange(len(values), device=values.device).unsqueeze(1)
            holes = self._cuts.index_select(0, cut).add_(rows * PIXELS)
            values.view(-1, CHANNELS).index_fill_(0, holes.view(-1), 0.0)
        images = values.view(-1, SIDE, SIDE, CHANNELS)
        return images[..., :3].permute(0, 3, 1, 2)


@functools.cache
def _crop_table() -> Tensor:
    """(162, 1024) int32: for each crop and flip, which pixel of the image comes where."""
    padded = torch.arange(-PAD, SIDE + PAD)
    source = (SIDE - 1) - ((SIDE - 1) - padded.abs()).abs()  # reflected without repeating the edge
    windows = source.unfold(0, SIDE, 1)  # (9, 32)
    columns = torch.stack([windows, windows.flip(1)], dim=1)  # (9, 2, 32)
    table = windows[:, None, None, :, None] * SIDE + columns[None, :, :, None, :]
    return table.reshape(-1, PIXELS).to(torch.int32)


@functools.cache
def _cut_table() -> Tensor:
    """(625, 64) int64: for each cutout, the pixels of the image that it blanks."""
    span = torch.arange(CUTS)[:, None] + torch.arange(CUTOUT)  # (25, 8)
    pixels = span[:, None, :, None] * SIDE + span[None, :, None, :]  # (25, 25, 8, 8)
    return pixels.reshape(CUTS * CUTS, -1)
