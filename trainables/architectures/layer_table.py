"""A network as a table of its layers' shapes, from which every size follows without torch."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, Literal

from trainables.architectures.read_files import without_place
from trainables.sizes.spec import Call, ConvSpec, Pair


@dataclass(frozen=True)
class LayerRow:
    """One Conv2d or Linear of a network.

    Attributes:
        name: the module's name in the network, as torch gives it.
        kind: "conv" or "linear".
        in_channels: channels, or features, of its input.
        out_channels: likewise of its output.
        inputs: one entry for each call that an image causes: rows and columns of the input, and how
            many such inputs an image becomes if more than one. For a Linear: the number of vectors
            per image, and 1.
        position: of its first call among those of all layers; -1 where it is never called.
        kernel: rows and columns; (1, 1) for a Linear. Likewise stride, padding and dilation.
        obstacle: why it cannot be factorised, apart from reasons that its shape gives; "" if
            nothing prevents it.
        counted: multiply-adds per image, where they do not follow from its shape: a layer with an
            obstacle may compute something of its own.
        owned: parameters of its weight that no earlier row has, where they do not follow from its
            shape: a weight may be shared, or computed from other parameters.
        shared_with: the layers that share its weight, "" where none does.
    """

    name: str
    kind: Literal["conv", "linear"]
    in_channels: int
    out_channels: int
    inputs: tuple[Call, ...]
    position: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair | Literal["same"] = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False
    padding_mode: str = "zeros"
    obstacle: str = ""
    counted: int | None = None
    owned: int | None = None
    shared_with: str = ""

    @property
    def weights(self) -> int:
        """Numbers in the weight."""
        return prod(self.kernel) * self.in_channels // self.groups * self.out_channels

    @property
    def parameters(self) -> int:
        """Parameters of the weight. A bias counts among the network's other parameters.

        A parameter that several rows share counts in the first one alone.
        """
        return self.weights if self.owned is None else self.owned

    @property
    def macs(self) -> int:
        """Multiply-adds per image of all calls."""
        if self.counted is not None:
            return self.counted
        return sum(self.weights * self._positions(*call) for call in self.inputs)

    @property
    def activations(self) -> int:
        """Numbers that its largest call reads and writes per image."""
        return max((self._numbers(*call) for call in self.inputs), default=0)

    @property
    def outputs(self) -> int:
        """Numbers per image in the outputs of all calls."""
        return sum(self.out_channels * self._positions(*call) for call in self.inputs)

    @property
    def reason(self) -> str:
        """Why it cannot be factorised, and so stays dense; "" where it can."""
        if self.obstacle:
            return self.obstacle
        if not self.inputs:
            return "its weights are used without calling it"
        if self.groups > 1:
            depthwise = self.groups == self.in_channels
            return "depthwise" if depthwise else f"groups {self.groups}"
        if self.dilation != (1, 1):
            rows, columns = self.dilation
            return f"dilation {rows}" if rows == columns else f"dilation {rows}x{columns}"
        return ""

    @cached_property
    def spec(self) -> ConvSpec:
        """The shape of the convolution, for a row that can be factorised (no `reason`)."""
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
        """The shape in short: "64>128 3x3 /2"."""
        rows, columns = self.kernel
        window = "" if self.kind == "linear" else f" {rows}x{columns}"
        step = "" if self.stride == (1, 1) else f" /{max(self.stride)}"
        return f"{self.in_channels}>{self.out_channels}{window}{step}"

    def _numbers(self, *call: int) -> int:
        return self.in_channels * prod(call) + self.out_channels * self._positions(*call)

    def _positions(self, height: int, width: int, parts: int = 1) -> int:
        """Places of its output, for an image."""
        return parts * prod(self._output(height, width))

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

    Attributes:
        network: its name, as given on the command line.
        image: channels, rows, columns.
        classes: number of classes.
        rows: its layers in the order of their first call; those never called come last.
        default: names of the layers that are replaced unless others are asked for.
        other_parameters: those of no row: biases, normalisation, embeddings.
        sources: for a network defined in a file, the text of that file by its name.
        arguments: further arguments of the function that makes the network.
        folder: for a network defined in a file, where that lies, or lay; "" if it is not known.
        defaults: the arguments that the function takes where none are given, as far as they are
            plain values.
        caveat: what keeps its answer to an image from being the image's alone, if anything does.
        other_macs: multiply-adds per image of no row: of other kinds of layers, and of matrix
            products such as attention's. None where they were not counted.
    """

    network: str
    image: tuple[int, int, int]
    classes: int
    rows: tuple[LayerRow, ...]
    default: tuple[str, ...]
    other_parameters: int
    sources: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    other_macs: int | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    caveat: str = ""

    @cached_property
    def parameters(self) -> int:
        """Parameters of the whole network."""
        return self.other_parameters + sum(row.parameters for row in self.rows)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds per image of all convolutions and matrix products, as far as counted."""
        return sum(row.macs for row in self.rows) + (self.other_macs or 0)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What lies in no row, of parameters and of multiply-adds as far as counted; the caveat."""
        notes = []
        if self.other_parameters:
            share = f"{self.other_parameters / self.parameters:.1%}"
            notes.append(
                f"{self.other_parameters:,} ({share}) of the parameters in no layer that is "
                "listed: biases and normalisation, say"
            )
        if self.other_macs is None:
            notes.append(
                "only its layers' multiply-adds are counted, no other kinds of layers and no "
                "matrix products"
            )
        elif self.other_macs:
            share = f"{self.other_macs / self.macs:.1%}"
            notes.append(
                f"{self.other_macs:,} ({share}) of the multiply-adds in no layer that is listed: "
                "attention, say"
            )
        return (*notes, *([self.caveat] if self.caveat else []))

    @cached_property
    def outputs(self) -> int:
        """Numbers per image in the outputs of its layers."""
        return sum(row.outputs for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """A hash of everything that decides what is trained; a file's location does not."""
        sources = {name: without_place(text) for name, text in self.sources.items()}
        network = self.network.rpartition("/")[2]
        # what was counted decides nothing that is trained
        rows = [replace(row, counted=None, owned=None, shared_with="") for row in self.rows]
        content = {
            **self._document(rows),
            "network": network,
            "sources": sources,
            "other_parameters": self.parameters - sum(row.weights for row in rows),
        }
        return hashlib.blake2b(_dump(content).encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """The table as JSON text, which `from_json` reads."""
        known = {
            "folder": self.folder or None,
            "other_macs": self.other_macs,
            "defaults": dict(self.defaults) or None,
            "caveat": self.caveat or None,
        }
        own = {key: value for key, value in known.items() if value is not None}
        return _dump({**self._document(self.rows), **own})

    @staticmethod
    def from_json(text: str) -> "LayerTable":
        """The table that `to_json` wrote.

        Raises:
            ValueError: for any other text.
        """
        try:
            document = json.loads(text)
            rows = tuple(_row(row) for row in document.pop("rows"))
            image = tuple(document.pop("image"))
            table = LayerTable(
                **{**document, "rows": rows, "image": image, "default": tuple(document["default"])}
            )
            _ = table.digest  # which looks at every part
            return table
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise ValueError(f"this is not a table of layers: {problem}") from problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerTable) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def _document(self, rows: Iterable[LayerRow]) -> dict[str, Any]:
        return {
            "network": self.network,
            "image": self.image,
            "classes": self.classes,
            "rows": [_row_document(row) for row in rows],
            "default": self.default,
            "other_parameters": self.other_parameters,
            "sources": dict(self.sources),
            "arguments": dict(self.arguments),
        }


def _row_document(row: LayerRow) -> dict[str, Any]:
    document = asdict(row)
    observed = {"counted": None, "owned": None, "shared_with": ""}
    return {
        key: value
        for key, value in document.items()
        if key not in observed or value != observed[key]
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
