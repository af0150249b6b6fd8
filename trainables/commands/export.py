"""Exports a trained network."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from trainables.commands.arguments import (
    THREADS,
    DataDir,
    StudyFolder,
    Trial,
    print_notes,
    refuse_unread,
)
from trainables.files.whole_file import whole_files
from trainables.text.table import lay_out

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""They are optional: an extra."""

Batch = Annotated[
    int, typer.Option(metavar="N", min=1, help="Batch size that the export is optimised for.")
]
Seconds = Annotated[
    float, typer.Option(metavar="S", min=0.01, help="Seconds to measure each latency for.")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="[default: STUDY/exports/TRIAL]")]
Threads = Annotated[int, typer.Option(**THREADS, help="CPU threads.")]
Form = Annotated[
    Literal["factors", "folded", "fastest"],
    typer.Option(
        metavar="FORM",
        help="factors: no layer larger than trained; folded: one convolution per kernel; fastest: "
        "folded where it is clearly faster.",
    ),
]
Onnx = Annotated[bool, typer.Option("--onnx", help="Also write an ONNX file.")]
Int8 = Annotated[
    bool, typer.Option("--int8", help="Also write an ONNX file in 8 bits; implies --onnx.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the card instead of a table.")]


def export(
    study: StudyFolder,
    trial: Trial = "",
    form: Form = "factors",
    onnx: Onnx = False,
    int8: Int8 = False,
    batch: Batch = 1,
    seconds: Seconds = 2.0,
    data_dir: DataDir = None,
    out: Out = None,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Export a trained network: a torch.export program, safetensors and a card, with latencies."""
    import torch  # importing torch takes seconds; usage errors are reported before

    from trainables.compression.evaluation import (
        held_out_batches,
        load_data,
        read_images,
        training_images,
    )
    from trainables.compression.study_trials import find_data_dir, find_limits
    from trainables.compression.trained import load_trained
    from trainables.exporting.export import (
        TOLERANCE,
        describe,
        images_at_once,
        write_files,
    )
    from trainables.exporting.export import export as make
    from trainables.exporting.export_card import (
        CARD,
        files_of_another_export,
        make_card,
        store_card,
        write_card,
    )
    from trainables.exporting.limits import Limits
    from trainables.exporting.onnx_file import write_onnx_files

    torch.set_num_threads(threads)
    trained = load_trained(study, trial)
    print_notes(trained)
    refuse_unread(trained.config, data_dir)
    data = load_data(trained, data_dir or find_data_dir(study))
    at_once = images_at_once(data.image_size)
    images = read_images(trained.config, data, at_once)
    exported = make(
        trained.network,
        trained.size,
        images,
        batch=batch,
        form=form,
        limits=Limits(batch=trained.config.images_at_once, **find_limits(study)),
        seconds=seconds,
    )
    folder = (out or study / "exports" / trained.trial_id).absolute()
    with whole_files(folder, last=CARD) as drafts:
        files = write_files(drafts, exported, images)
        description = describe(exported, trained.size)
        if onnx or int8:
            description["onnx"] = write_onnx_files(
                drafts,
                exported.chosen.module,
                images,
                training_images(trained.config, data, at_once) if int8 else None,
                lambda: held_out_batches(trained.config, data, batch=-(-at_once // 2)),
                tolerance=TOLERANCE,
            )
            files |= {name: row["bytes"] for name, row in description["onnx"].items()}
        card = make_card(trained, data, description, files)
        write_card(drafts / CARD, card)
        left_over = files_of_another_export(folder, card)
    for path in left_over:
        path.unlink(missing_ok=True)
    store_card(study, card)
    print(json.dumps(card, indent=1) if as_json else _report(card, folder))


def wrong_export(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the options, whatever the network is."""
    if not math.isfinite(values.get("seconds") or 0.0):
        yield f"--seconds must be a number of seconds, got {values['seconds']}"
    if values.get("onnx") or values.get("int8"):
        missing = [name for name in ONNX_PACKAGES if find_spec(name) is None]
        if missing:
            yield f"ONNX needs {' and '.join(missing)}: pip install {' '.join(ONNX_PACKAGES)}"


def _report(card: dict[str, Any], folder: Path) -> str:
    norm = "folded" if card["batchnorm_folded"] else "kept"
    latencies = [
        f"{name} {candidate['median'] * 1e3:.3g} ms"
        for name, candidate in card["candidates"].items()
    ]
    lines = [
        f"{card['trial_id']} ({card['checkpoint']})",
        f"form {card['form']}, BatchNorm {norm}",
        f"at batch {card['chosen_at_batch']}: {', '.join(latencies)}",
        "",
        *lay_out(_latencies(card), align="<>>>>"),
        f"medians (quartiles) in float32, threads {card['threads']}, {card['machine']}",
        "",
        f"multiply-adds  {card['macs'] / 1e6:,.2f} M per image "
        f"({card['trained_macs'] / 1e6:,.2f} M as trained)",
        f"parameters     {card['exported_parameters']:,} ({card['parameters']:,} as trained)",
        f"outputs        within {card['largest_difference']:.1g} of the network's on "
        f"{card['images_checked']} images",
        *(f"{name:17}  {size:,} bytes" for name, size in card["files"].items()),
        *_accuracies(card),
        f"in {folder}",
    ]
    return "\n".join(lines)


def _accuracies(card: dict[str, Any]) -> list[str]:
    """A line for each ONNX file: its accuracy on the held-out images."""
    return [
        f"{name:17}  accuracy {row['accuracy']:.4f} on the {row['images']:,} held-out images"
        if row["images"]
        else f"{name:17}  accuracy unknown: no image was held out"
        for name, row in card.get("onnx", {}).items()
    ]


def _latencies(card: dict[str, Any]) -> list[list[str]]:
    header = ["batch", "latency ms", "quartiles ms", "images/s", "runs"]
    return [header] + [
        [
            str(row["batch"]),
            f"{row['median'] * 1e3:.3g}",
            f"{row['lower_quartile'] * 1e3:.3g}-{row['upper_quartile'] * 1e3:.3g}",
            f"{row['batch'] / row['median']:,.0f}",
            str(row["runs"]),
        ]
        for row in card["latency"]
    ]
