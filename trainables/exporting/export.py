"""A trained network as files that run without this project."""

from __future__ import annotations

import dataclasses
import io
import itertools
import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.architectures.network_size import NetworkSize
from trainables.exporting.difference import largest_difference, run
from trainables.exporting.latency import Latency, measure
from trainables.exporting.limits import Limits, stored
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain, plain_macs
from trainables.files.whole_file import write_whole
from trainables.training.checkpoints.checkpoint import save_tensors

TOLERANCE = 1e-5
"""The most that ``largest_difference`` may be."""

PROGRAM = "model.pt2"
WEIGHTS = "model.safetensors"
PIXELS = 512 * 32 * 32
"""Pixels of the images that are run at once: 512 images of 32×32, fewer if they are larger."""
FASTEST = "fastest"
FORMS = (FACTORS, FOLDED, FASTEST)
UNLIMITED = Limits()


class ExportError(ValueError):
    """The network cannot be exported so that its outputs stay the same."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to run the network.

    Attributes:
        form: FACTORS or FOLDED, see ``make_plain``.
        norm_folded: whether BatchNorm is part of the convolutions.
        module: which the program was exported from.
        program: of torch.export.
        difference: of its logits from the network's, see ``largest_difference``.
    """

    form: str
    norm_folded: bool
    module: nn.Module
    program: torch.export.ExportedProgram
    difference: float

    @property
    def parameters(self) -> int:
        """Number of stored values, without BatchNorm's running statistics."""
        return stored(self.module)


@dataclass(frozen=True, eq=False)
class Exported:
    """The chosen candidate, its latencies, and every candidate's latency at ``batch`` images."""

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
    limits: Limits = UNLIMITED,
    seconds: float = 2.0,
) -> Exported:
    """Makes the candidates, checks their outputs and measures latencies; writes no file.

    Args:
        network: as it was trained.
        size: its size.
        images: real images, normalised, (B, 3, H, W). Outputs are compared on all of them together
            and on one alone. For latencies they are repeated to fill a batch.
        batch: batch size at which the candidates' latencies are compared.
        form: one of FORMS. FASTEST takes FOLDED only where it is faster by more than the spread.
        limits: the study's; a form that exceeds them is not exported.
        seconds: about how long each comparison of latencies takes.

    Raises:
        ExportError: when no candidate has the network's outputs, or the requested form exceeds
            the ``limits``.
    """
    candidates = _make_candidates(network, size, images, form)
    refusals = [limits.refusal(network, size, one.form, one.module) for one in candidates]
    if all(refusals):
        raise ExportError(refusals[0])
    candidates = [one for one, why in zip(candidates, refusals, strict=True) if not why]
    forwards = [candidate.program.module() for candidate in candidates]
    rivals = measure(forwards, _repeat(images, batch), seconds=seconds)
    chosen = _choose(rivals)
    latencies = {batch: rivals[chosen]}
    for other in {1, images_at_once(images.shape[-1])} - {batch}:
        (latencies[other],) = measure([forwards[chosen]], _repeat(images, other), seconds=seconds)
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
        ExportError: when the program that is read back has other outputs than the one in memory.
        OSError: when the disk takes a file not whole.
    """
    with warnings.catch_warnings():
        # torch takes channels_last weights for incomplete, but saves them correctly
        warnings.filterwarnings("ignore", "No complete tensor found", UserWarning)
        # in memory first: torch's own writing ends the process on a full disk, with half a file
        archive = io.BytesIO()
        torch.export.save(exported.chosen.program, archive)
    write_whole(folder / PROGRAM, archive.getvalue())
    state = exported.chosen.module.state_dict()
    # copies, since weights may be tied, and safetensors refuses tensors that share memory
    weights = {name: tensor.clone().contiguous() for name, tensor in state.items()}
    save_tensors(weights, folder / WEIGHTS)
    reloaded = torch.export.load(folder / PROGRAM).module()
    difference = largest_difference(reloaded, images, run(exported.chosen.module, images))
    if difference > TOLERANCE:
        raise ExportError(f"the program, read back, is off by {difference:.2g}")
    return {name: (folder / name).stat().st_size for name in (PROGRAM, WEIGHTS)}


def describe(exported: Exported, size: NetworkSize) -> dict[str, Any]:
    """A description of the export and its measurements, as JSON values; times in seconds."""
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
    """How many square images of this side are run at once: 512 for 32 pixels."""
    return max(1, PIXELS // side**2)


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model name, if the system tells it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _choose(rivals: Sequence[Latency]) -> int:
    """The fastest candidate whose quartiles lie below those of the first, else the first."""
    faster = [
        number
        for number, rival in enumerate(rivals)
        if rival.upper_quartile < rivals[0].lower_quartile
    ]
    return min(faster, key=lambda number: rivals[number].median, default=0)


def _make_candidates(
    network: nn.Module, size: NetworkSize, images: Tensor, form: str
) -> list[Candidate]:
    """One for each form that has the network's outputs, FACTORS first.

    BatchNorm is folded where that is possible. Forms that store the same numbers count as one.
    """
    expected = run(network, images)
    if not expected.isfinite().all():
        raise ExportError(
            "the network's own outputs are not finite: did the trial diverge? name another"
        )
    candidates: dict[str, Candidate] = {}
    nearest = float("inf")
    for candidate_form, norm_folded in itertools.product(
        _forms(network, size, form), (True, False)
    ):
        if candidate_form in candidates:
            continue  # its outputs are right with BatchNorm folded
        module = make_plain(network, size, form=candidate_form, fold_norm=norm_folded)
        difference = largest_difference(module, images, expected)
        if difference <= TOLERANCE:
            program = _export(module, images)
            difference = largest_difference(program.module(), images, expected)
        nearest = min(nearest, difference)
        if difference <= TOLERANCE:
            candidates[candidate_form] = Candidate(
                candidate_form, norm_folded, module, program, difference
            )
    if not candidates:
        reason = ""
        if largest_difference(network, images, expected) > TOLERANCE:
            reason = "; the network itself answers an image differently each time (a dropout that "
            reason += "is always on?) or among others (a BatchNorm with track_running_stats=False?)"
        raise ExportError(
            f"no exported form has the network's outputs: the nearest differs by {nearest:.2g}, "
            f"at most {TOLERANCE:g} is allowed{reason}"
        )
    return list(candidates.values())


def _forms(network: nn.Module, size: NetworkSize, form: str) -> tuple[str, ...]:
    """The forms to try; for FASTEST both, or FACTORS alone where folding changes no shape."""
    if form != FASTEST:
        return (form,)
    forms = (FACTORS, FOLDED)
    plain = [make_plain(network, size, form=candidate_form) for candidate_form in forms]
    shapes = [{name: x.shape for name, x in module.state_dict().items()} for module in plain]
    return forms[:1] if shapes[0] == shapes[1] else forms


def _export(module: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    example = (_repeat(images, 2),)
    try:
        return torch.export.export(module, example, dynamic_shapes=({0: batch},))
    except Exception as problem:  # a network's forward pass may raise anything
        first = str(problem).strip().partition("\n")[0]
        raise ExportError(
            "torch.export cannot write the network as one program for any batch: "
            f"{type(problem).__name__}: {first}"
        ) from problem


def _repeat(images: Tensor, batch: int) -> Tensor:
    """(batch, 3, H, W), channels last: the images, repeated to fill the batch."""
    chosen = torch.arange(batch) % len(images)
    return images[chosen].contiguous(memory_format=torch.channels_last)
