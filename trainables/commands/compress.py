"""Compresses a trained dense network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainables.commands.arguments import (
    THREADS,
    DataDir,
    Trial,
    named_dataset,
    print_notes,
    refuse_unread,
)
from trainables.commands.compress_report import compress_report
from trainables.commands.settings import read_settings
from trainables.compression.target import Target
from trainables.config.checkpoint_place import STATE
from trainables.config.former_names import present_name
from trainables.config.installation import command_to_paste
from trainables.sizes.registry import SIZES

if TYPE_CHECKING:  # importing torch takes seconds; usage errors are reported before
    from trainables.compression.trained import Trained
    from trainables.data.dataset import Dataset

PRECISIONS = ("fp32", "bf16", "fp16")

StudyFolder = Annotated[
    Path | None, typer.Argument(metavar="[STUDY]", help="A study folder; not with --network.")
]
Layer = Annotated[str, typer.Option(metavar="NAME", help="The layer family to compress to.")]
Compression = Annotated[
    float | None, typer.Option(metavar="SHARE", help="Share of the dense parameters, in (0, 1].")
]
Parameters = Annotated[
    int | None, typer.Option(metavar="N", help="Maximum number of parameters of the whole network.")
]
Rank = Annotated[int | None, typer.Option(metavar="R", help="One rank for all layers.")]
Energy = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="Share of each kernel's squared norm to keep, in (0, 1]."),
]
Ranks = Annotated[
    str | None,
    typer.Option(
        metavar="RULE", help="How ranks are chosen: uniform, energy, greedy [default: greedy]."
    ),
]
Dims = Annotated[
    int | None,
    typer.Option(metavar="D", help="Dimensions, for families that reshape [default: 3]."),
]
Precision = Annotated[
    str, typer.Option(metavar="fp32|bf16|fp16", help="Number format of the kernels.")
]
BatchnormImages = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Training images to measure BatchNorm's statistics on again."
    ),
]
Network = Annotated[
    str, typer.Option(metavar="NAME", help="A network trained elsewhere, such as my.py:make.")
]
Weights = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its state dict: safetensors or torch.save.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of that network: image_size, classes; or dataset, to evaluate it.",
    ),
]
Replace = Annotated[str | None, typer.Option(metavar="PATTERNS", help="Which layers to replace.")]
Keep = Annotated[str | None, typer.Option(metavar="PATTERNS", help="Which layers to keep.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where to write it [default: STUDY/starting_points/NAME]."),
]
Threads = Annotated[int | None, typer.Option(**THREADS, help="CPU threads.")]
Json = Annotated[bool, typer.Option("--json", help="Print the starting point's JSON file.")]


def compress(
    context: typer.Context,
    layer: Layer,
    study: StudyFolder = None,
    trial: Trial = "",
    network: Network = "",
    weights: Weights = None,
    settings: Settings = None,
    replace: Replace = None,
    keep: Keep = None,
    compression: Compression = None,
    parameters: Parameters = None,
    rank: Rank = None,
    energy: Energy = None,
    ranks: Ranks = None,
    dims: Dims = None,
    precision: Precision = "fp32",
    data_dir: DataDir = None,
    batchnorm_images: BatchnormImages = 0,
    out: Out = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Decompose a trained dense network and write a starting point for fine-tuning.

    The network is a trial of a study, or any other with --network and --weights.
    """
    import torch

    from trainables.compression.compress import compress as decompose
    from trainables.compression.evaluation import evaluate, load_data
    from trainables.compression.fine_tune_space import write_space
    from trainables.compression.start_writer import start_folder, write_start
    from trainables.compression.study_trials import find_data_dir, skips_files
    from trainables.compression.trained import load_trained
    from trainables.data.split import split_training_images
    from trainables.training.batchnorm import measure_batchnorm

    size = (parameters, compression, rank, energy, ranks)
    target = Target(present_name("layer", layer), *size, dims=3 if dims is None else dims)
    if threads:
        torch.set_num_threads(threads)
    if study is not None:
        trained = load_trained(study, trial)
        print_notes(trained)
        refuse_unread(trained.config, data_dir)
        data_dir = data_dir or find_data_dir(study)
        data: Dataset | None = load_data(trained, data_dir)
    else:
        assert weights is not None
        trained, data = _from_weights(network, weights, settings or [], data_dir, context.command)
    if replace is not None or keep is not None:
        trained = _with_selection(trained, replace, keep)
    training_images = (
        len(split_training_images(trained.config, data).train) if data is not None else 0
    )
    if batchnorm_images > training_images:
        raise ValueError(
            f"--batchnorm-images must be at most {training_images}, the number of training images, "
            f"got {batchnorm_images}"
        )
    compressed = decompose(trained, target)
    if data is not None and batchnorm_images:
        measure_batchnorm(compressed.network, trained.config, data, batchnorm_images)
    before, after = (
        evaluate(evaluated, trained.config, data) if data is not None else None
        for evaluated in (trained.network, compressed.network)
    )
    folder = out or start_folder(study or Path("results"), trained, compressed)
    start = write_start(
        folder, compressed, trained, target, before, after, batchnorm_images=batchnorm_images
    )
    space = write_space(start, trained)
    state = json.loads((start.folder / STATE).read_text(encoding="utf-8"))
    command = _fine_tune_command(space, data_dir, skips=study is not None and skips_files(study))
    print(
        json.dumps(state, indent=1)
        if as_json
        else compress_report(state, space, command, training_images)
    )


def wrong_target(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the options, whatever the network is: its source, and what it becomes."""
    study, data_dir, dims = (values.get(name) for name in ("study", "data_dir", "dims"))
    settings = values.get("settings") or ()
    named = values.get("network"), values.get("weights")
    if study is None and not all(named):
        yield "name a STUDY folder, or a network with --network NAME --weights FILE"
    if (file := values.get("weights")) is not None and not file.is_file():
        yield f"--weights {file} cannot be read: No such file or directory"
    if study is not None and (any(named) or settings):
        yield (
            f"{study} contains its network and weights: drop --network, --weights and --set, or "
            "drop the folder"
        )
    names_data = bool(named_dataset(values))
    if study is None and data_dir is not None and not names_data:
        yield (
            f"--data-dir {data_dir} has no effect without a data set: add --set dataset=NAME, or "
            "drop it"
        )
    if study is None and values.get("batchnorm_images") and not names_data:
        yield "--batchnorm-images needs images: name them with --set dataset=NAME"
    yield from _wrong_precision(values.get("precision") or "fp32")
    if (layer := values.get("layer")) is None:
        return  # which is told as an option that is missing
    family = present_name("layer", layer)
    sizes = {name: values.get(name) for name in ("parameters", "compression", "rank", "energy")}
    try:
        Target(family, **sizes, rule=values.get("ranks"), dims=3 if dims is None else dims)
    except ValueError as problem:
        yield str(problem)
    if dims is not None and family in SIZES and not SIZES[family].reshapes:
        yield f"--dims {dims} has no effect on {family}, which reshapes nothing"


def _from_weights(
    network: str, weights: Path, settings: list[str], data_dir: Path | None, command: Any
) -> tuple[Trained, Dataset | None]:
    """The network with its weights, and the images of the setting ``dataset``, if it is given."""
    from trainables.compression.evaluation import load_data
    from trainables.compression.trained import from_weights
    from trainables.data.datasets.registry import count_dataset
    from trainables.data.sources import requested_data

    config = read_settings([f"network={network}", *settings], command)
    refuse_unread(config, data_dir)
    keys = {text.partition("=")[0].strip() for text in settings}
    if "dataset" not in keys:
        return from_weights(config, weights), None
    classes = count_dataset(requested_data(config, data_dir)).classes
    if "classes" in keys and config.classes != classes:
        raise ValueError(f"--set classes={config.classes}: {config.dataset} has {classes} classes")
    trained = from_weights(config.with_values(classes=classes), weights)
    return trained, load_data(trained, data_dir)


def _with_selection(trained: Trained, replace: str | None, keep: str | None) -> Trained:
    """The same network with another selection of layers to replace."""
    selection = {"replace": replace, "keep": keep}
    config = trained.config.with_values(**{k: v for k, v in selection.items() if v is not None})
    return dataclasses.replace(trained, config=config, size=config.network_size())


def _wrong_precision(precision: str) -> Iterator[str]:
    if precision not in PRECISIONS:
        yield f"--precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
    elif precision != "fp32":
        yield (
            f"--precision must be fp32, got {precision}: torch has no QR or eigh in half precision "
            "on the CPU; compress in fp32, and fine-tune in half precision if you like"
        )


def _fine_tune_command(space: Path, data_dir: Path | None, *, skips: bool) -> str:
    """The command that runs the space; ``skips`` tells that the trial skipped unreadable files."""
    arguments: list[str | Path] = ["--space", space]
    arguments += ["--data-dir", data_dir] if data_dir else []
    return command_to_paste("", *arguments, *["--skip-unreadable"] * skips)
