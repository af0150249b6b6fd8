"""Wide residual networks (Zagoruyko and Komodakis 2016, arXiv 1605.07146): WRN-depth-width."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from trainables.architectures.layer_table import LayerRow
from trainables.networks.origin import Call, Origin, Sources
from trainables.networks.reference import Reference


class Block(nn.Module):
    """BatchNorm, ReLU, 3×3, BatchNorm, ReLU, 3×3, added to the input or a 1×1 of it."""

    def __init__(self, before: int, after: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut = None
        if before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) → (B, after, H/stride, W/stride)."""
        active = F.relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        out = self.conv2(self.dropout(F.relu(self.norm2(self.conv1(active)))))
        return beside + out


class WideResNet(nn.Module):
    """Three groups of (depth - 4) / 6 blocks with 16, 32 and 64 times ``width`` channels."""

    def __init__(self, depth: int, width: int, classes: int, dropout: float = 0.0) -> None:
        """Raise ValueError for a depth that is not 6n + 4."""
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"the depth of a WRN is 6n + 4 and at least 10, got {depth}")
        blocks, channels = (depth - 4) // 6, [16, 16 * width, 32 * width, 64 * width]
        self.stem = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
        groups = zip(channels[:-1], channels[1:], (1, 2, 2), strict=True)
        self.groups = nn.Sequential(*(_group(blocks, *group, dropout) for group in groups))
        self.norm = nn.BatchNorm2d(channels[-1])
        self.classifier = nn.Linear(channels[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → logits (B, classes)."""
        x = F.relu(self.norm(self.groups(self.stem(x))))
        return self.classifier(x.mean((2, 3)))


def _group(blocks: int, before: int, after: int, stride: int, dropout: float) -> nn.Sequential:
    rest = [Block(after, after, 1, dropout) for _ in range(blocks - 1)]
    return nn.Sequential(Block(before, after, stride, dropout), *rest)


def block_convolutions(rows: tuple[LayerRow, ...]) -> tuple[str, ...]:
    """The 3×3 convolutions of the blocks; stem and shortcuts stay, as in arXiv 1906.00859."""
    return tuple(row.name for row in rows if row.name.rpartition(".")[2] in ("conv1", "conv2"))


def _wide_resnet(reference: Reference, classes: int, sources: Sources) -> Call:
    _, depth, width = reference.name.split("-")
    return partial(WideResNet, int(depth), int(width), classes)


ORIGIN = Origin(
    r"wrn-\d+-\d+",
    "wrn-DEPTH-WIDTH",
    "a wide residual network (Zagoruyko 2016), such as wrn-28-10",
    _wide_resnet,
    default=block_convolutions,
)
