"""``python -m trainables layers NETWORK``: lists its layers, and its size in each family."""

from __future__ import annotations

from textwrap import wrap
from typing import Annotated

import typer

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import floor_and_ceiling, layer_at
from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.architectures.resnet9 import IMAGE_SIDE, RESNET9
from trainables.architectures.selection import why_kept
from trainables.config.resolution import WIDTH as RESNET9_WIDTH
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.text.table import WIDTH, lay_out, shorten, shorten_apart

Network = Annotated[
    str, typer.Argument(metavar="[NETWORK]", help="For example torchvision:resnet18, my.py:make.")
]
ImageSize = Annotated[
    int, typer.Option(metavar="N", min=8, max=1024, help="Side of its input images, in pixels.")
]
Classes = Annotated[int, typer.Option(metavar="N", min=2, help="Number of classes.")]
Width = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=8192, help="Channels of resnet9's first layer [default: 64]."
    ),
]
Replace = Annotated[str, typer.Option(metavar="PATTERNS", help="Which layers to replace.")]
Keep = Annotated[str, typer.Option(metavar="PATTERNS", help="Which layers to keep.")]
RankScale = Annotated[
    float | None,
    typer.Option(metavar="S", help="The rank_scale to show sizes for [default: 0.25]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the table of layers as JSON.")]


def layers(
    network: Network = "resnet9",
    image_size: ImageSize = 32,
    classes: Classes = 10,
    width: Width = None,
    replace: Replace = "",
    keep: Keep = "",
    rank_scale: RankScale = None,
    json: AsJson = False,
) -> None:
    """Print the layers of a network, and which of them a family would replace.

    Names: resnet9, wrn-28-10, torchvision:NAME, timm:NAME, FILE.py:FUNCTION. PATTERNS are names
    with *, and the words first, last, linear, downsample, separated by spaces.
    """
    shown = {"--replace": replace, "--keep": keep, "--rank-scale": rank_scale}
    idle = [flag for flag, value in shown.items() if json and value not in (None, "")]
    if idle:
        raise ValueError(
            f"--json prints the network as it is, and {' and '.join(idle)} would have no effect: "
            "leave one out"
        )
    _check_sides(network, image_size, width)
    from trainables.networks.registry import make_table  # imports torch

    table = make_table(
        network, image_size=image_size, classes=classes, width=width or RESNET9_WIDTH
    )
    print(table.to_json() if json else "\n".join(_text(table, replace, keep, rank_scale)))


def _check_sides(network: str, image_size: int, width: int | None) -> None:
    """Raises ValueError for a side or a width that would have no effect on the network."""
    if network == RESNET9 and image_size != IMAGE_SIDE:
        raise ValueError(
            f"resnet9 takes images of {IMAGE_SIDE} pixels, got --image-size {image_size}: drop it, "
            "or name a network that takes any size"
        )
    if network != RESNET9 and width is not None:
        raise ValueError(f"--width is resnet9's, got {width} for {network}; drop it")


def _text(table: LayerTable, replace: str, keep: str, rank_scale: float | None) -> list[str]:
    rank_scale = 0.25 if rank_scale is None else rank_scale
    architecture = Architecture("dense", table=table, replace=replace, keep=keep)
    skeleton = architecture.skeleton
    reasons = {row.name: why_kept(table, row, replace, keep) for row in table.rows}
    chosen = sum(not reason for reason in reasons.values())
    channels, height, width = table.image
    names = shorten_apart([row.name for row in table.rows], 32)
    remarks = [
        f"{table.network}: {table.parameters:,} parameters, {table.macs:,} multiply-adds (MACs) "
        f"per image of {channels} x {height} x {width}, {table.classes} classes",
        *table.remarks,
        f"replaced {chosen} of {len(table.rows)} layers; the rest of the network has "
        f"{skeleton.fixed:,} parameters",
    ]
    return [
        *(line for remark in remarks for line in _wrapped(remark)),
        "",
        *lay_out(
            [
                ["layer", "shape", "input", "parameters", "MACs", ""],
                *(
                    [name, *_row(table, row, reasons[row.name])]
                    for name, row in zip(names, table.rows, strict=True)
                ),
            ],
            align="<<<>><",
        ),
        "",
        f"parameters of each family, and layers kept dense at rank_scale={rank_scale:g}:",
        *lay_out(
            [
                ["family", "smallest", "largest", f"at {rank_scale:g}", "layers kept dense"],
                *(_family(architecture, name, rank_scale) for name in SIZES if name != "dense"),
            ],
            align="<>>>>",
        ),
    ]


def _wrapped(remark: str) -> list[str]:
    return wrap(remark, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _row(table: LayerTable, row: LayerRow, reason: str) -> list[str]:
    inputs = " ".join(dict.fromkeys(_extent(row, *call) for call in row.inputs))
    return [
        row.shape,
        shorten(inputs, 16),
        f"{row.parameters / max(table.parameters, 1):.1%}",
        f"{row.macs / max(table.macs, 1):.1%}",
        f"kept: {reason}" if reason else "",
    ]


def _extent(row: LayerRow, height: int, width: int, parts: int = 1) -> str:
    times = f"{parts}·" if parts > 1 else ""
    return f"{times}{height}x{width}" if row.kind == "conv" else f"{height}"


def _family(architecture: Architecture, name: str, rank_scale: float) -> list[str]:
    skeleton, rule = architecture.skeleton, RankRule(rank_scale=rank_scale)
    smallest, largest = floor_and_ceiling(name, skeleton)
    sizes = [
        (layer_at(name, spec, rule, may_stay_dense=skeleton.may_stay_dense), times)
        for spec, times in skeleton.distinct
    ]
    parameters = skeleton.fixed + sum(size.parameters * times for size, times in sizes)
    dense = sum(times for size, times in sizes if size.family == "dense")
    return [name, f"{smallest:,}", f"{largest:,}", f"{parameters:,}", f"{dense}"]
