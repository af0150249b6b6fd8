"""What ``compress`` prints: each layer, the sizes, and the accuracy before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.text.table import WIDTH, lay_out, shorten, shorten_apart

LARGE_LOSS = 0.05
"""Of accuracy: from here on the report advises to measure BatchNorm's statistics again."""
ADVISED_IMAGES = 2048


def compress_report(state: dict[str, Any], space: Path, command: str, training_images: int) -> str:
    """The report as text; only paths and commands may be wider than 80 columns."""
    network, source = state["network"], state["source"]
    done, epochs = source["epochs_done"], source["config"]["epochs"]
    when = f"after {done} of {epochs} epochs" if done else f"({source['checkpoint']})"
    lines = [
        str(source["trial_id"]),
        f"{when}, as {state['starting_point']['layer']}, ranks {state['asked']['rule']}",
        "",
        *_table(state["layers"]),
        "",
        f"parameters     {network['dense_parameters']:,} -> {network['parameters']:,} "
        f"({network['parameters'] / network['dense_parameters']:.1%})",
        f"multiply-adds  {network['dense_macs'] / 1e6:,.2f} M -> {network['macs'] / 1e6:,.2f} M "
        "per image",
        *_validation_lines(**{name: state["held_out"].get(name) for name in ("before", "after")}),
        *_advice(state, training_images),
        "",
        f"starting point in {space.parent}",
        f"fine-tune it: {command}",
    ]
    return "\n".join(lines)


def _validation_lines(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    if before is None or after is None:
        return ["validation     none: no image was held out or named"]
    return [
        f"validation     accuracy {before['accuracy']:.2%} -> {after['accuracy']:.2%}, "
        f"loss {before['loss']:.4f} -> {after['loss']:.4f}",
        f"               (float32, {before['images']:,} held-out images)",
    ]


def _advice(state: dict[str, Any], training_images: int) -> list[str]:
    images = state["asked"]["batchnorm_images"]
    if not state["network"]["batchnorms"]:
        return ["BatchNorm      the network has none to measure"] if images else []
    if images:
        return [f"BatchNorm      measured again on {images:,} training images"]
    before, after = (state["held_out"].get(name) for name in ("before", "after"))
    if before is None or after["accuracy"] > before["accuracy"] - LARGE_LOSS:
        return []
    return [
        "               BatchNorm keeps the dense network's statistics;",
        f"               --batchnorm-images {min(ADVISED_IMAGES, training_images)} measures "
        "them again",
    ]


def _table(layers: list[dict[str, Any]]) -> list[str]:
    header = ["layer", "shape", "ranks", "parameters", "error"]
    names = shorten_apart([layer["name"].removesuffix(".conv") for layer in layers], 26)
    rows = [
        [
            name,
            f"{layer['in_channels']}>{layer['out_channels']}",
            shorten("-".join(map(str, layer["ranks"])), 16) or layer["family"],
            f"{layer['parameters']:,}",
            f"{layer['relative_error']:.4f}",
        ]
        for name, layer in zip(names, layers, strict=True)
    ]
    lines = lay_out([header, *rows], align="<<<>>")
    width = WIDTH - len(lines[0])
    spectra = [_spectrum(layer["singular_values"], width) for layer in layers]
    return [
        f"{line}  {spectrum}".rstrip()
        for line, spectrum in zip(lines, ["singular values"[: width - 2], *spectra], strict=True)
    ]


def _spectrum(values: list[float], width: int) -> str:
    """As many leading singular values as fit, divided by the largest."""
    count = max((width - 3) // 4, 0)
    texts = [f"{value:.2f}".removeprefix("0")[:3] for value in values[1 : count + 1]]
    return " ".join(["1", *texts])
