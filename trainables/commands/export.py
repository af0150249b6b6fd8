"""Exports a trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from trainables.commands.columns import lay_out

IMAGES = 512  # real ones on which the outputs are compared

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Trial = Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id.")]
Batch = Annotated[
    int, typer.Option(metavar="N", min=1, help="Images at once that it is made fast for.")
]
Seconds = Annotated[
    float, typer.Option(metavar="S", min=0.01, help="About how long each latency is measured.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the data set lies [default: the study's].")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="[default: STUDY/exports/TRIAL]")]
Threads = Annotated[int, typer.Option(metavar="N", min=1, help="CPU threads.")]
Json = Annotated[bool, typer.Option("--json", help="Print the card instead of a table.")]


def export(
    study: StudyFolder,
    trial: Trial,
    batch: Batch = 1,
    seconds: Seconds = 2.0,
    data_dir: DataDir = None,
    out: Out = None,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Export a trained network: a torch.export program, safetensors and a card, with latencies.

    Example: python -m trainables export STUDY TRIAL --batch 512
    """
    import torch

    from trainables.compression.evaluation import load_data, read_images
    from trainables.compression.trained import find_data_dir, load_trained
    from trainables.exporting.export import describe, write_files
    from trainables.exporting.export import export as make
    from trainables.exporting.export_card import make_card, store_card

    torch.set_num_threads(threads)
    trained = load_trained(study, trial)
    data = load_data(trained, data_dir or find_data_dir(study))
    images = read_images(trained.config, data, IMAGES)
    exported = make(trained.network, trained.size, images, batch=batch, seconds=seconds)
    folder = (out or study / "exports" / trained.trial_id).absolute()
    files = write_files(folder, exported, images)
    card = make_card(trained, data, describe(exported, trained.size), files)
    store_card(folder, study, card)
    print(json.dumps(card, indent=1) if as_json else _report(card, folder))


def _report(card: dict[str, Any], folder: Path) -> str:
    norm = "folded" if card["batchnorm_folded"] else "kept"
    others = [
        f"{name} {candidate['median'] * 1e3:.3g} ms"
        for name, candidate in card["candidates"].items()
    ]
    lines = [
        f"{card['trial_id']} ({card['checkpoint']})",
        f"factors {card['factors']}, BatchNorm {norm}",
        f"the fastest at batch {card['chosen_at_batch']}: {', '.join(others)}",
        "",
        *lay_out(_latencies(card), right={1, 2, 3, 4}),
        f"medians (quartiles) in float32, threads {card['threads']}, {card['machine']}",
        "",
        f"multiply-adds  {card['macs'] / 1e6:,.2f} M an image "
        f"({card['trained_macs'] / 1e6:,.2f} M as trained)",
        f"parameters     {card['exported_parameters']:,} ({card['parameters']:,} as trained)",
        f"outputs        within {card['largest_difference']:.1g} of the network's on "
        f"{card['images_checked']} images",
        *(f"{name:13}  {size:,} bytes" for name, size in card["files"].items()),
        f"in {folder}",
    ]
    return "\n".join(lines)


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
