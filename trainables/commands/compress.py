"""Compresses a trained dense network."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainables.commands.arguments import DataDir, StudyFolder, Trial
from trainables.commands.columns import WIDTH, lay_out, shorten
from trainables.config.former_names import present_name
from trainables.config.installation import command_here

if TYPE_CHECKING:  # torch takes seconds, and wrong use is told before
    import torch

MUCH_LOST = 0.05  # of accuracy: then BatchNorm's old statistics are worth a word
ADVISED_IMAGES = 2048
PRECISIONS = ("fp32", "bf16", "fp16")

Layer = Annotated[str, typer.Option(metavar="NAME", help="The family to compress to.")]
Compression = Annotated[
    float | None, typer.Option(metavar="SHARE", help="Of the dense network's parameters, (0, 1].")
]
Parameters = Annotated[
    int | None, typer.Option(metavar="N", help="The most parameters of the whole network.")
]
Rank = Annotated[int | None, typer.Option(metavar="R", help="One rank for every layer.")]
Energy = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="Of each kernel's squared norm, to keep, (0, 1]."),
]
Ranks = Annotated[
    str | None,
    typer.Option(
        metavar="RULE", help="Each layer's rank: uniform, energy, greedy [default: greedy]."
    ),
]
Dims = Annotated[int, typer.Option(metavar="D", help="Dimensions of families that reshape.")]
Precision = Annotated[
    str, typer.Option(metavar="fp32|bf16|fp16", help="Number format of the kernels.")
]
BatchnormImages = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Training images to measure BatchNorm's statistics anew on."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Starting point [default: in STUDY/starting_points]."),
]
Threads = Annotated[int | None, typer.Option(metavar="N", min=1, help="CPU threads.")]
Json = Annotated[bool, typer.Option("--json", help="Print what the starting point's JSON holds.")]


def compress(
    study: StudyFolder,
    layer: Layer,
    trial: Trial = "",
    compression: Compression = None,
    parameters: Parameters = None,
    rank: Rank = None,
    energy: Energy = None,
    ranks: Ranks = None,
    dims: Dims = 3,
    precision: Precision = "fp32",
    data_dir: DataDir = None,
    batchnorm_images: BatchnormImages = 0,
    out: Out = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Decompose a trained dense network and write a starting point for fine-tuning."""
    from trainables.compression.target import Target

    target = Target(
        present_name("layer", layer), parameters, compression, rank, energy, ranks, dims
    )
    dtype = _dtype(precision)
    import torch

    from trainables.compression.compress import compress as decompose
    from trainables.compression.evaluation import evaluate, load_data
    from trainables.compression.fine_tune_space import write_space
    from trainables.compression.start_writer import start_folder, write_start
    from trainables.compression.trained import find_data_dir, load_trained
    from trainables.data.split import split_training_images
    from trainables.training.batchnorm import measure_batchnorm

    if threads:
        torch.set_num_threads(threads)
    trained = load_trained(study, trial)
    compressed = decompose(trained, target, dtype=dtype)
    data_dir = data_dir or find_data_dir(study)
    data = load_data(trained, data_dir)
    if batchnorm_images:
        measure_batchnorm(compressed.network, trained.config, data, batchnorm_images)
    before, after = (
        evaluate(network, trained.config, data) for network in (trained.network, compressed.network)
    )
    folder = out or start_folder(study, trained, compressed)
    start = write_start(
        folder, compressed, trained, target, before, after, batchnorm_images=batchnorm_images
    )
    space = write_space(start, trained)
    state = json.loads((start.folder / "state.json").read_text(encoding="utf-8"))
    held = len(split_training_images(trained.config, data).train)
    command = _fine_tune_command(space, data_dir)
    print(json.dumps(state, indent=1) if as_json else _report(state, space, command, held))


def _dtype(precision: str) -> torch.dtype:
    """The precision's type.

    Raises:
        ValueError: for an unknown precision, and for one that no decomposition takes.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"--precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "fp32":
        raise ValueError(
            f"--precision must be fp32, got {precision}: torch has no QR or eigh in half precision "
            "on the CPU; compress in fp32, and fine-tune in half precision if you like"
        )
    import torch

    return torch.float32


def _fine_tune_command(space: Path, data_dir: Path | None) -> str:
    words = ["--space", str(space), *(["--data-dir", str(data_dir)] if data_dir else [])]
    return f"{command_here()} {shlex.join(words)}"


def _report(state: dict[str, Any], space: Path, command: str, training_images: int) -> str:
    """The table and what came of it; paths and commands alone may be wider than 80 columns."""
    network, source = state["network"], state["source"]
    epochs = f"{source['epochs_done']} of {source['config']['epochs']} epochs"
    lines = [
        f"{source['trial_id']} after {epochs}, as {state['starting_point']['layer']}, "
        f"ranks {state['asked']['rule']}",
        "",
        *_table(state["layers"]),
        "",
        f"parameters     {network['dense_parameters']:,} -> {network['parameters']:,} "
        f"({network['parameters'] / network['dense_parameters']:.1%})",
        f"multiply-adds  {network['dense_macs'] / 1e6:,.2f} M -> {network['macs'] / 1e6:,.2f} M "
        "an image",
        *_judged(**{name: state["held_out"].get(name) for name in ("before", "after")}),
        *_advice(state, training_images),
        "",
        f"starting point in {space.parent}",
        f"fine-tune it: {command}",
    ]
    return "\n".join(lines)


def _judged(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    if before is None or after is None:
        return ["validation     none: the trial held no image out"]
    return [
        f"validation     accuracy {before['accuracy']:.2%} -> {after['accuracy']:.2%}, "
        f"loss {before['loss']:.4f} -> {after['loss']:.4f}",
        f"               (float32, {before['images']:,} held-out images)",
    ]


def _advice(state: dict[str, Any], training_images: int) -> list[str]:
    if images := state["asked"]["batchnorm_images"]:
        return [f"BatchNorm      measured anew on {images:,} training images"]
    before, after = (state["held_out"].get(name) for name in ("before", "after"))
    if before is None or after["accuracy"] > before["accuracy"] - MUCH_LOST:
        return []
    return [
        "               BatchNorm keeps the dense network's statistics;",
        f"               --batchnorm-images {min(ADVISED_IMAGES, training_images)} measures "
        "them anew",
    ]


def _table(layers: list[dict[str, Any]]) -> list[str]:
    header = ["layer", "shape", "ranks", "parameters", "error"]
    rows = [
        [
            layer["name"].removesuffix(".conv"),
            f"{layer['in_channels']}>{layer['out_channels']}",
            shorten("-".join(map(str, layer["ranks"])), 16),
            f"{layer['parameters']:,}",
            f"{layer['relative_error']:.4f}",
        ]
        for layer in layers
    ]
    lines = lay_out([header, *rows], right={3, 4})
    left = WIDTH - len(lines[0])
    spectra = [_spectrum(layer["singular_values"], left) for layer in layers]
    return [
        f"{line}  {spectrum}".rstrip()
        for line, spectrum in zip(lines, ["singular values"[: left - 2], *spectra], strict=True)
    ]


def _spectrum(values: list[float], width: int) -> str:
    """As many leading singular values, over the largest, as fit."""
    words = [f"{value:.2f}".removeprefix("0") for value in values[1 : (width - 3) // 4 + 1]]
    return " ".join(["1", *words])
