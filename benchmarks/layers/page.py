"""docs/layers.md: what each layer family stores, how it is counted, and how long it takes.

    python -m benchmarks.layers.page

Counts come from `trainables.sizes`, times from the committed run of `benchmarks.layers`.
"""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.sizes.registry import SIZES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "layers.md"
TIMES = ROOT / "benchmarks" / "results" / "layers.json"
BATCH = 512
SETTINGS: tuple[dict[str, float], ...] = (
    {"rank_scale": 0.25},
    {"rank_scale": 0.5},
    {"compression": 0.05},
)
INTRODUCTION = """\
# Layer families

A family replaces the seven 3×3 convolutions after the first of ResNet-9. A layer runs its factors
one after the other, or reconstructs its kernel once per forward pass, whichever takes fewer
multiply-adds for its shape and batch. A reshaped matrix can only be reconstructed if one of its
modes spans both outputs and inputs. If a cut between modes separates outputs from inputs, the
matrix can also run as two 1×1 convolutions through the bond at the cut.

Layers of other networks may have any window, stride, padding and bias, and may be linear; a bias
stays outside the factors. A 1×1 window and a linear layer have no depthwise stage: there `tucker2`
and `tt_conv` become `low_rank`, and `separable` becomes dense. With a window of one row or column,
`tt_conv` has two ranks. Grouped, depthwise and dilated convolutions stay dense, and so does a layer
whose factors would not have fewer parameters. `python -m trainables layers NETWORK` prints the
sizes that each family has in a network, and why a layer is kept.

Everything below is written by `python -m benchmarks.layers.page`; the times are those of
`python -m benchmarks.layers`."""


def page() -> str:
    """The whole page, as committed."""
    times = json.loads(TIMES.read_text())
    sections = [INTRODUCTION, _formulas(), _counts(), _times(times)]
    return "\n\n".join(sections) + "\n"


def _formulas() -> str:
    head = """\
## Formulas

i input and o output channels, a k×k window, H×W pixels in and h×w out; n₁…n_d are the dimensions of
the reshaped o×i matrix; r, S and R are ranks. Multiply-adds are per image; those of a
reconstruction occur once per forward pass."""
    rows = [
        f"| `{name}` | {' | '.join(dataclasses.astuple(family.formula))} |"
        for name, family in SIZES.items()
    ]
    return _section(head, ["family", "stored", "parameters", "multiply-adds"], rows)


def _counts() -> str:
    head = f"""\
## ResNet-9 at width 64

Parameters of the whole network (11,328 of them are never decomposed), millions of multiply-adds per
image in a forward pass at batch {BATCH}, and the routes of the seven layers; `dims` is 3."""
    titles = [f"`{key}={value}`" for setting in SETTINGS for key, value in setting.items()]
    rows = [
        f"| `{name}` | {' | '.join(_count(name, setting) for setting in SETTINGS)} |"
        for name in SIZES
    ]
    return _section(head, ["family", *titles], rows)


def _count(name: str, setting: dict[str, Any]) -> str:
    try:
        size = size_network(Architecture(name, **setting))
    except InfeasibleError:
        return "no such network"
    narrower = f", width {size.width}" if size.width != 64 else ""
    return f"{size.parameters:,}; {size.macs(BATCH) / 1e6:.1f} M; {_routes(size)}{narrower}"


def _routes(size: NetworkSize) -> str:
    routes = Counter(size.routes(BATCH))
    if len(routes) == 1:
        return next(iter(routes))
    return ", ".join(f"{times}× {route}" for route, times in sorted(routes.items()))


def _times(times: dict[str, Any]) -> str:
    machine = times["machine"]
    head = f"""\
## Time relative to dense

Forward and backward of one layer, fp32, batch 128, rank C/4, `dims` 3: process CPU time over that
of the dense convolution in the same memory format, median of interleaved rounds (quartiles in
`benchmarks/results/layers.json`). {machine["cpu"]}, {machine["instructions"]}, \
{machine["threads"]} thread, torch {machine["torch"]}."""
    columns = list(dict.fromkeys(map(_column, times["rows"])))
    cells = {(row["layer"], row["route"], _column(row)): row["time_ratio"] for row in times["rows"]}
    contestants = dict.fromkeys((layer, route) for layer, route, _ in cells)
    rows = [
        f"| {layer} | {route} | "
        + " | ".join(f"{cells[layer, route, column]:.3f}" for column in columns)
        + " |"
        for layer, route in contestants
    ]
    return _section(head, ["layer", "route", *columns], rows)


def _column(row: dict[str, Any]) -> str:
    return f"{row['channels']} channels {row['side']}×{row['side']}, {row['memory_format']}"


def _section(head: str, titles: list[str], rows: list[str]) -> str:
    table = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles), *rows]
    return head + "\n\n" + "\n".join(table)


if __name__ == "__main__":
    PAGE.write_text(page())
