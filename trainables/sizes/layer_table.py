"""A network as a table of layers: integers, from which every size follows without torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import prod
from typing import Any, Literal

from trainables.sizes.read_files import without_place
from trainables.sizes.spec import ConvSpec, Pair


@dataclass(frozen=True)
class LayerRow:
    """One Conv2d or Linear of a network.

    name: where it is in the network, as torch names modules.
    kernel, stride, padding, dilation: of rows and columns; a Linear is a 1x1 window.
    inputs: rows and columns of its input, one pair for each call in a forward pass; of a Linear
        how many vectors of an image it meets, and 1.
    position: the place of its first call among all layers; -1 where it is never called.
    obstacle: why no factors can stand for it, beside what its shape says; "" for nothing.
    """

    name: str
    kind: Literal["conv", "linear"]
    in_channels: int
    out_channels: int
    inputs: tuple[Pair, ...]
    position: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair | Literal["same"] = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False
    padding_mode: str = "zeros"
    obstacle: str = ""

    @property
    def parameters(self) -> int:
        """Of the weight; a bias counts among the others of the network."""
        return prod(self.kernel) * self.in_channels // self.groups * self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-adds per image of all calls."""
        return sum(self.parameters * prod(self._output(*hw)) for hw in self.inputs)

    @property
    def activations(self) -> int:
        """Numbers that its largest call reads and writes for one image."""
        return max((self._numbers(*hw) for hw in self.inputs), default=0)

    @property
    def outputs(self) -> int:
        """Numbers per image that all calls put out."""
        return sum(self.out_channels * prod(self._output(*hw)) for hw in self.inputs)

    @property
    def reason(self) -> str:
        """Why it stays dense whatever is asked for; "" where factors can stand for it."""
        if self.obstacle:
            return self.obstacle
        if not self.inputs:
            return "weights used without a call"
        if self.groups > 1:
            depthwise = self.groups == self.in_channels
            return "depthwise" if depthwise else f"groups {self.groups}"
        if self.dilation != (1, 1):
            rows, columns = self.dilation
            return f"dilation {rows}" if rows == columns else f"dilation {rows}x{columns}"
        return ""

    @cached_property
    def spec(self) -> ConvSpec:
        """The convolution that factors stand for; of a row without a `reason`."""
        return ConvSpec(
            self.in_channels,
            self.out_channels,
            self.kernel,
            self.stride,
            self.padding,
            self.bias,
            self.padding_mode,
        )

    @property
    def shape(self) -> str:
        """As a person writes it: 64>128 3x3 /2."""
        rows, columns = self.kernel
        window = "" if self.kind == "linear" else f" {rows}x{columns}"
        step = "" if self.stride == (1, 1) else f" /{max(self.stride)}"
        return f"{self.in_channels}>{self.out_channels}{window}{step}"

    def _numbers(self, height: int, width: int) -> int:
        read = self.in_channels * height * width
        return read + self.out_channels * prod(self._output(height, width))

    def _output(self, height: int, width: int) -> Pair:
        if self.padding == "same":
            return height, width
        rows, columns = (
            (length + 2 * pad - dilation * (side - 1) - 1) // step + 1
            for length, pad, dilation, side, step in zip(
                (height, width), self.padding, self.dilation, self.kernel, self.stride, strict=True
            )
        )
        return rows, columns


@dataclass(frozen=True, eq=False)
class LayerTable:
    """A network, traced for one image size and one number of classes.

    network: as a person names it. image: channels, rows, columns.
    rows: in the order of their first call, those that are never called last.
    default: names of the layers that are replaced unless something else is asked for.
    other_parameters: those of no row: biases, normalisation, embeddings.
    sources: of a network in a file the text of that file, by its name.
    arguments: what else the function that makes the network is called with.
    """

    network: str
    image: tuple[int, int, int]
    classes: int
    rows: tuple[LayerRow, ...]
    default: tuple[str, ...]
    other_parameters: int
    sources: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def parameters(self) -> int:
        """Of the whole network."""
        return self.other_parameters + sum(row.parameters for row in self.rows)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds per image of its convolutions and matrix products."""
        return sum(row.macs for row in self.rows)

    @cached_property
    def outputs(self) -> int:
        """Numbers per image that its convolutions and matrix products put out."""
        return sum(row.outputs for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """Of everything that decides what is trained, wherever its file lies."""
        sources = {name: without_place(text) for name, text in self.sources.items()}
        network = self.network.rpartition("/")[2]
        content = {**self._document(), "network": network, "sources": sources}
        return hashlib.blake2b(_dump(content).encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """As it is stored; `from_json` reads it."""
        return _dump(self._document())

    @staticmethod
    def from_json(text: str) -> "LayerTable":
        """The table that `to_json` wrote; raises ValueError for anything else."""
        try:
            document = json.loads(text)
            rows = tuple(_row(one) for one in document.pop("rows"))
            image = tuple(document.pop("image"))
            return LayerTable(
                **{**document, "rows": rows, "image": image, "default": tuple(document["default"])}
            )
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise ValueError(f"no table of layers: {problem}") from problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerTable) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def _document(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "image": self.image,
            "classes": self.classes,
            "rows": [asdict(row) for row in self.rows],
            "default": self.default,
            "other_parameters": self.other_parameters,
            "sources": dict(self.sources),
            "arguments": dict(self.arguments),
        }


def _row(document: dict[str, Any]) -> LayerRow:
    pairs = ("kernel", "stride", "dilation", "padding")
    for name in pairs:
        if isinstance(document.get(name), list):
            document[name] = tuple(document[name])
    document["inputs"] = tuple(map(tuple, document["inputs"]))
    return LayerRow(**document)


def _dump(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
