"""A trained network as files that run without this project."""

from __future__ import annotations

import dataclasses
import itertools
import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.exporting.latency import Forward, Latency, measure
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain, plain_macs
from trainables.sizes.network import NetworkSize
from trainables.training.checkpoints.checkpoint import save_tensors

TOLERANCE = 1e-5
"""Largest difference of a logit, as a share of the largest logit where that is above 1."""

PROGRAM = "model.pt2"
WEIGHTS = "model.safetensors"
PIXELS = 512 * 32 * 32
"""Of the images that are run at once: 512 of ResNet-9's, fewer where they are larger."""
FASTEST = "fastest"
FORMS = (FACTORS, FOLDED, FASTEST)


class ExportError(ValueError):
    """A network that cannot be exported faithfully, and by how much it is off."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to run the network: a program, and the module it was exported from.

    form: FACTORS or FOLDED, see ``make_plain``. difference: of its logits to the network's, see
    TOLERANCE.
    """

    form: str
    norm_folded: bool
    module: nn.Module
    program: torch.export.ExportedProgram
    difference: float

    @property
    def parameters(self) -> int:
        """Numbers stored, without BatchNorm's running statistics."""
        return sum(weight.numel() for weight in self.module.parameters())


@dataclass(frozen=True, eq=False)
class Exported:
    """The candidate that was chosen; its latencies, and every candidate's at ``batch`` images."""

    chosen: Candidate
    batch: int
    latencies: tuple[Latency, ...]
    candidates: dict[str, Latency]
    images_checked: int


def export(
    network: nn.Module,
    size: NetworkSize,
    images: Tensor,
    *,
    batch: int,
    form: str = FACTORS,
    max_parameters: int | None = None,
    seconds: float = 2.0,
) -> Exported:
    """Makes, checks and measures; nothing is written.

    Args:
        network: as it was trained.
        size: its size.
        images: real, normalised ones, (B, 3, H, W). Outputs are compared on all of them, at once
            and one alone. For the latencies they are repeated as often as a batch needs.
        batch: images at once that latencies are compared at.
        form: one of FORMS. FASTEST is FOLDED only where that was faster beyond the spread of both.
        max_parameters: what the study allowed; a larger form is not exported.
        seconds: about how long each comparison of latencies is measured.

    Raises:
        ExportError: when no candidate's outputs are the network's, or the form asked for is larger
            than ``max_parameters``.
    """
    candidates = _make_candidates(network, size, images, form)
    allowed = [one for one in candidates if one.parameters <= (max_parameters or float("inf"))]
    if not allowed:
        raise ExportError(
            f"the form {candidates[0].form!r} has {candidates[0].parameters:,} parameters, and "
            f"the study allowed {max_parameters:,}; the form {FACTORS!r} keeps to it"
        )
    candidates = allowed
    forwards = [candidate.program.module() for candidate in candidates]
    rivals = measure(forwards, _repeat(images, batch), seconds=seconds)
    chosen = _choose(rivals)
    latencies = {batch: rivals[chosen]}
    for other in {1, images_at_once(images.shape[-1])} - {batch}:
        latencies |= {
            other: measure([forwards[chosen]], _repeat(images, other), seconds=seconds)[0]
        }
    return Exported(
        chosen=candidates[chosen],
        batch=batch,
        latencies=tuple(latencies[key] for key in sorted(latencies)),
        candidates={c.form: rival for c, rival in zip(candidates, rivals, strict=True)},
        images_checked=len(images),
    )


def write_files(folder: Path, exported: Exported, images: Tensor) -> dict[str, int]:
    """Writes the program and its weights; returns their sizes in bytes by name.

    Raises:
        ExportError: when the program, read back, gives other outputs than the one in memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # it holds channels_last weights for incomplete, and saves them as they are
        warnings.filterwarnings("ignore", "No complete tensor found", UserWarning)
        torch.export.save(exported.chosen.program, folder / PROGRAM)
    state = exported.chosen.module.state_dict()
    # a copy each, since weights may be tied, and safetensors holds no tensor twice
    weights = {name: tensor.clone().contiguous() for name, tensor in state.items()}
    save_tensors(weights, folder / WEIGHTS)
    again = torch.export.load(folder / PROGRAM).module()
    if (off := _difference(again, images, _run(exported.chosen.module, images))) > TOLERANCE:
        for name in (PROGRAM, WEIGHTS):
            (folder / name).unlink()
        raise ExportError(f"the program, read back, is off by {off:.2g}: its files were removed")
    return {name: (folder / name).stat().st_size for name in (PROGRAM, WEIGHTS)}


def describe(exported: Exported, size: NetworkSize) -> dict[str, Any]:
    """What was exported and measured, as plain JSON values; times in seconds."""
    chosen = exported.chosen
    return {
        "form": chosen.form,
        "batchnorm_folded": chosen.norm_folded,
        "parameters": size.parameters,
        "exported_parameters": chosen.parameters,
        "macs": plain_macs(chosen.module, size, exported.batch),
        "trained_macs": size.macs(exported.batch),
        "largest_difference": chosen.difference,
        "tolerance": TOLERANCE,
        "images_checked": exported.images_checked,
        "chosen_at_batch": exported.batch,
        "latency": [dataclasses.asdict(latency) for latency in exported.latencies],
        "candidates": {
            name: dataclasses.asdict(latency) for name, latency in exported.candidates.items()
        },
        "threads": torch.get_num_threads(),
        "device": "cpu",
        "machine": cpu_name(),
        "torch": torch.__version__,
    }


def images_at_once(side: int) -> int:
    """How many square images of that side are run at once: 512 of 32 pixels."""
    return max(1, PIXELS // side**2)


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model name, as far as the system tells."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _choose(rivals: Sequence[Latency]) -> int:
    """The first, or one that is faster than it by more than noise: the quartiles do not overlap."""
    faster = [n for n, one in enumerate(rivals) if one.upper_quartile < rivals[0].lower_quartile]
    return min(faster, key=lambda number: rivals[number].median, default=0)


def _make_candidates(
    network: nn.Module, size: NetworkSize, images: Tensor, form: str
) -> list[Candidate]:
    """One for each form asked for that is faithful, FACTORS first, BatchNorm folded if it can be.

    Two forms that store the same numbers are one.
    """
    wanted = _run(network, images)
    candidates: dict[str, Candidate] = {}
    nearest = float("inf")
    for one, norm_folded in itertools.product(_forms(network, size, form), (True, False)):
        if one in candidates:
            continue  # it was faithful with BatchNorm folded
        module = make_plain(network, size, form=one, fold_norm=norm_folded)
        off = _difference(module, images, wanted)
        if off <= TOLERANCE:
            program = _export(module, images)
            off = _difference(program.module(), images, wanted)
        nearest = min(nearest, off)
        if off <= TOLERANCE:
            candidates[one] = Candidate(one, norm_folded, module, program, off)
    if not candidates:
        raise ExportError(
            f"no exported form gives the network's outputs: the nearest is off by {nearest:.2g}, "
            f"at most {TOLERANCE:g} is allowed; did the trial diverge?"
        )
    return list(candidates.values())


def _forms(network: nn.Module, size: NetworkSize, form: str) -> tuple[str, ...]:
    """The forms to try: of FASTEST both, or FACTORS alone where folding changes no shape."""
    if form != FASTEST:
        return (form,)
    both = (FACTORS, FOLDED)
    plain = [make_plain(network, size, form=one) for one in both]
    shapes = [{name: x.shape for name, x in each.state_dict().items()} for each in plain]
    return both[:1] if shapes[0] == shapes[1] else both


def _export(module: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    example = (_repeat(images, 2),)
    try:
        return torch.export.export(module, example, dynamic_shapes=({0: batch},))
    except Exception as problem:  # whatever somebody's forward pass does
        first = str(problem).strip().partition("\n")[0]
        raise ExportError(
            "torch.export cannot write the network as one program for any batch: "
            f"{type(problem).__name__}: {first}"
        ) from problem


@torch.inference_mode()
def _run(forward: Forward, images: Tensor) -> Tensor:
    return forward(images)


def _difference(forward: Forward, images: Tensor, wanted: Tensor) -> float:
    """The largest difference of the logits of all images and of one alone; NaN is infinite."""
    scale = max(1.0, float(wanted.abs().max()))
    together = (_run(forward, images) - wanted).abs().max()
    alone = (_run(forward, images[:1]) - wanted[:1]).abs().max()
    off = float(torch.maximum(together, alone)) / scale
    return off if off == off else float("inf")


def _repeat(images: Tensor, batch: int) -> Tensor:
    """(batch, 3, H, W), channels last, of as many images as there are."""
    chosen = torch.arange(batch) % len(images)
    return images[chosen].contiguous(memory_format=torch.channels_last)
