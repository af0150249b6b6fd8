"""The images of a batch: normalised, and for training padded, cropped, mirrored and cut out.

All random numbers of an epoch are drawn before it starts: see ``draw_epoch``. A whole batch is
gathered at once by the same few operations on the CPU and on a GPU, where a graph can capture them.
On one thread of a CPU ``augment.c`` does this in one pass, with the same numbers in a third of the
time. It also leaves out the fourth channel, for which torch's convolution would copy images twice.
"""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.compiled.compiler import Compiled
from trainables.data.augmentation import Augmentation

FUNCTIONS = Compiled(Path(__file__).parents[1] / "compiled" / "augment.c")

CHANNELS = 4  # red, green, blue, nothing: see Dataset
LARGEST_INT32 = 2**31 - 1


class _Batch(NamedTuple):
    """``struct batch`` of augment.c."""

    pixels: Tensor
    draws: Tensor
    draw_width: int
    images: int
    side: int
    cutout: int
    scale: Tensor
    shift: Tensor


class Augmenter:
    """Makes float32 batches of a device's packed images.

    pixels: (N, S·S) int32, four bytes each.
    mean, std: three numbers each, in pixel values.
    augmentation: what ``augmented`` does; None where only ``plain`` is used.
    """

    def __init__(
        self,
        pixels: Tensor,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        augmentation: Augmentation | None = None,
    ) -> None:
        self._pixels = pixels
        self._flat = pixels.view(-1)
        self._count = pixels.shape[1]
        self._side = isqrt(self._count)
        device = pixels.device
        # Constants as whole images, because a broadcast over 3 channels is not vectorised.
        scale = [1 / max(value, 1e-6) for value in std]
        self._scale = torch.tensor([*scale, 0.0]).repeat(self._count).to(device)
        shift = [-m * s for m, s in zip(mean, scale, strict=True)]
        self._shift = torch.tensor([*shift, 0.0]).repeat(self._count).to(device)
        self._how = how = augmentation or Augmentation(self._side, crop=0, flip=False, cutout=0)
        if how.side != self._side:
            raise ValueError(f"images have a side of {self._side}, augmentation of {how.side}")
        self._rows = _crop_rows(how).to(device)
        self._columns = _crop_columns(how).to(device)
        small = pixels.numel() <= LARGEST_INT32
        self._index = torch.int32 if small else torch.int64  # the type of pixel positions

    @property
    def draw_width(self) -> int:
        """The number of values that ``draw_epoch`` draws for each image."""
        return self._how.draw_width

    def plain(self, images: Tensor) -> Tensor:
        """The images at these indices (B,) as they are: (B, 3, S, S), channels last."""
        if FUNCTIONS.is_available(self._pixels):
            return self._plain_at_once(images.to(torch.int64).contiguous())
        return self._normalise(self._to_float(self._pixels.index_select(0, images)))

    def augmented(self, draws: Tensor) -> Tensor:
        """The images of these rows of ``draw_epoch``: (B, 3, S, S), channels last."""
        if FUNCTIONS.is_available(self._pixels):
            return self._augmented_at_once(draws.contiguous())
        values = self._resized(draws) if self._how.area else self._cropped(draws)
        return self._normalise(values, draws[:, 2])

    def _plain_at_once(self, images: Tensor) -> Tensor:
        out = torch.empty(len(images), 3, self._side, self._side, memory_format=torch.channels_last)
        batch = _Batch(
            self._pixels, images, 1, len(images), self._side, 0, self._scale, self._shift
        )
        FUNCTIONS.call("plain", batch, out)
        return out

    def _augmented_at_once(self, draws: Tensor) -> Tensor:
        how, side = self._how, self._side
        shape = len(draws), 3, side, side
        out = torch.empty(shape, memory_format=torch.channels_last)
        sizes = how.draw_width, len(draws), side, how.cutout
        batch = _Batch(self._pixels, draws, *sizes, self._scale, self._shift)
        if how.area:
            scratch = torch.empty(side, dtype=torch.int64), torch.empty(side)
            FUNCTIONS.call("augment_resized", batch, *scratch, out)
        else:
            FUNCTIONS.call("augment", batch, how.crops, self._rows, self._columns, out)
        return out

    def _cropped(self, draws: Tensor) -> Tensor:
        """(B, S·S·4) float32: the window of the padded image, perhaps mirrored."""
        image, crop = draws[:, 0], draws[:, 1]
        place, flip = crop // 2, crop % 2
        rows = self._rows.index_select(0, place // self._how.crops)  # (B, S)
        columns = self._columns.index_select(0, place % self._how.crops * 2 + flip)
        return self._gather(image, rows, columns)

    def _resized(self, draws: Tensor) -> Tensor:
        """(B, S·S·4) float32: the drawn part, resized to the square, perhaps mirrored."""
        image, crop, _, top, left, height, width = draws.unbind(1)
        upper, lower, down = self._neighbours(top, height)
        before, after, right = self._neighbours(left, width)
        mirrored = (crop % 2 == 1).unsqueeze(1)
        before, after, right = (
            torch.where(mirrored, images.flip(1), images) for images in (before, after, right)
        )
        across, along = right[:, None, :, None], down[:, :, None, None]
        shape = len(draws), self._side, self._side, CHANNELS
        high, low = (
            torch.lerp(
                self._gather(image, rows, before).view(shape),
                self._gather(image, rows, after).view(shape),
                across,
            )
            for rows in (upper, lower)
        )
        return torch.lerp(high, low, along).view(len(draws), -1)

    def _neighbours(self, start: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, S) each: the pixels before and after a pixel's place in the part, and its weight.

        Bilinear with half-pixel centres; what lies beyond the part is not seen.
        """
        length, start = length.unsqueeze(1), start.unsqueeze(1)
        at = (torch.arange(self._side, device=start.device) + 0.5) * length / self._side - 0.5
        at = torch.minimum(at.clamp(min=0), length - 1.0)
        before = at.long()
        after = torch.minimum(before + 1, length - 1)
        return before + start, after + start, at - before

    def _gather(self, image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """(B, S·S·4) float32: each image's pixels at those rows and columns, (B, S) each."""
        start = (image * self._count).to(self._index)
        lines = (rows * self._side).to(self._index).add_(start.unsqueeze(1))
        where = lines.unsqueeze(2) + columns.to(self._index).unsqueeze(1)
        words = self._flat.index_select(0, where.view(-1))
        return self._to_float(words.view(-1, self._count))

    def _to_float(self, words: Tensor) -> Tensor:
        return words.view(torch.uint8).to(torch.float32)

    def _normalise(self, values: Tensor, cut: Tensor | None = None) -> Tensor:
        torch.addcmul(self._shift, values, self._scale, out=values)
        if cut is not None and self._how.cutout:  # the mean colour, which is 0 by now
            values.view(-1, CHANNELS).index_fill_(0, self._holes(cut), 0.0)
        images = values.view(-1, self._side, self._side, CHANNELS)
        return images[..., :3].permute(0, 3, 1, 2)

    def _holes(self, cut: Tensor) -> Tensor:
        """The pixels of a batch that its cutouts (B,) blank."""
        span = torch.arange(self._how.cutout, device=cut.device)
        top, left = (cut // self._how.cuts).view(-1, 1, 1), (cut % self._how.cuts).view(-1, 1, 1)
        image = torch.arange(len(cut), device=cut.device).view(-1, 1, 1)
        rows = image * self._side + top + span.view(1, -1, 1)
        return (rows * self._side + left + span).view(-1)


def _crop_rows(how: Augmentation) -> Tensor:
    """(positions, S) int32: for each position of the window, the image's rows in it."""
    last = how.side - 1
    padded = torch.arange(-how.crop, how.side + how.crop)
    source = last - (last - padded.abs()).abs()  # reflected without repeating the edge
    return source.unfold(0, how.side, 1).to(torch.int32).contiguous()


def _crop_columns(how: Augmentation) -> Tensor:
    """(positions · 2, S) int32: the same for columns, as they are and mirrored."""
    windows = _crop_rows(how)
    return torch.stack([windows, windows.flip(1)], dim=1).view(-1, how.side).contiguous()
