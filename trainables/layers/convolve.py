"""A convolution with any padding mode."""

import torch.nn.functional as F
from torch import Tensor

from trainables.sizes.spec import Extent, Pair


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Extent = 1,
    padding: Extent | str = 0,
    padding_mode: str = "zeros",
    groups: int = 1,
) -> Tensor:
    """(batch, in, H, W) -> (batch, out, h, w), as torch.nn.Conv2d with these arguments."""
    if padding_mode != "zeros" and padding not in (0, (0, 0)):
        x = F.pad(x, _sides(padding, (weight.shape[2], weight.shape[3])), mode=padding_mode)
        padding = 0
    return F.conv2d(x, weight, bias, stride, padding, 1, groups)


def _sides(padding: Extent | str, window: Pair) -> list[int]:
    """Pixels of padding on the left, right, top and bottom."""
    if isinstance(padding, str):  # "same": of an odd total, the larger half comes last
        totals = [side - 1 for side in reversed(window)]
        return [half for total in totals for half in (total // 2, total - total // 2)]
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return [columns, columns, rows, rows]
