"""Whether a card computes what it should: graphs, number formats, resumption, memory."""

from __future__ import annotations

import copy
import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.gpu.deviation import deviation, fallback_reasons, parameters, train_steps
from benchmarks.gpu.machine import synchronize
from benchmarks.gpu.networks import some_rank
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Cell, Stage, Summary
from trainables.sizes.registry import SIZES
from trainables.training.cuda_graphs import capture_cuda_graph
from trainables.training.steps import autocast
from trainables.training.trainer import Trainer

PRECISIONS = ("fp32", "bf16", "fp16")
STEPS = 8
RESETS = 50
ROUNDING = {"fp32": 1e-3, "bf16": 2e-2, "fp16": 3e-3}
"""Deviation of two trainings after 8 steps that is still rounding: a few units in the last place of
what a convolution multiplies (TF32 for fp32), carried on by the steps after it. Twins that are
launched alike and yet differ by more set the bound themselves."""
AGAINST_FP64 = 2.0
"""A gradient may be so many times as far from double precision as a CPU's in bf16 is: a pool that
picks another pixel makes half precision's errors large (.12 to .34 at width 4), on any device."""
EXACT_FP32 = 1e-3  # without TF32, of the gradient
GROWTH = 1.02  # of the memory after the first third of the resets


def cells(setting: Setting) -> Iterator[Cell]:
    """Graphs first: without them nothing else is worth measuring."""
    torch.backends.cudnn.deterministic = True  # what is left then is the graph's own doing
    families = some_families(setting)
    for precision in PRECISIONS[: setting.pick(3, 2)]:  # a CPU takes seconds a step in fp16
        for layer in families:
            yield Cell(f"graph {precision} {layer}", 30, partial(graph, setting, layer, precision))
    for layer in families:
        yield Cell(f"fp64 {layer}", 20, partial(against_fp64, setting, layer))
    for layer in families:
        yield Cell(f"resume {layer}", 30, partial(resume, setting, layer))
    yield Cell("fallback", 10, partial(fallback, setting))
    yield Cell("draws", 10, partial(draws, setting))
    yield Cell("memory", 120, partial(memory, setting))


def some_families(setting: Setting) -> list[str]:
    """All of them; in a rehearsal every fourth."""
    return list(SIZES)[:: setting.pick(1, 4)]


def small(setting: Setting, layer: str, **keys: Any) -> Any:
    """A configuration of a few batches an epoch."""
    scale = setting.pick(
        {"width": 16, "batch_size": 128, "train_images": 512, "validation_images": 512}, {}
    )
    return setting.config(**scale, **some_rank(layer), epochs=4, learning_rate=0.1, **keys)


def graph(setting: Setting, layer: str, precision: str) -> dict[str, Any]:
    """Replayed against launched one by one, and two of the latter against each other."""
    config = small(setting, layer, precision=precision)
    trainers = []
    with fallback_reasons() as reasons:
        for graphs in (True, False, False):
            trainers.append(
                Trainer(config, setting.data, device=setting.device, cuda_graphs=graphs)
            )
        start = parameters(trainers[0])
        for trainer in trainers:
            train_steps(trainer, STEPS)
    replayed, launched, twin = trainers
    apart = deviation(replayed, launched, start)
    own = deviation(twin, launched, start)
    losses = [trainer.history[0].val_loss for trainer in (replayed, launched)]
    return {
        "replayed_to_launched": apart,
        "launched_to_launched": own,
        "validation_loss": losses,
        "bit_equal": apart == 0.0 and losses[0] == losses[1],
        "sound": apart <= max(ROUNDING[precision], 2 * own),
        "fallbacks": reasons,
    }


def against_fp64(setting: Setting, layer: str) -> dict[str, Any]:
    """The gradient of one batch in each number format, against double precision.

    "exact fp32" is without TF32, in which cuDNN multiplies fp32 by default.
    """
    config = small(setting, layer, precision="fp32")
    network = Trainer(config, setting.data, device=setting.device).network.train()
    count = config.batch_size
    images = torch.from_numpy(setting.data.train_images[:count].copy())
    x = (images.permute(0, 3, 1, 2).float() - 120) / 60
    labels = torch.from_numpy(setting.data.train_labels[:count].copy())
    reference = _gradient(network, x.double(), labels, "fp32", setting.device)

    def error(precision: str, device: torch.device) -> float:
        gradient = _gradient(network, x, labels, precision, device)
        return float((gradient - reference).norm() / reference.norm())

    found = {name: error(name, setting.device) for name in PRECISIONS[: setting.pick(3, 2)]}
    torch.backends.cudnn.allow_tf32 = False
    found["exact fp32"] = error("fp32", setting.device)
    torch.backends.cudnn.allow_tf32 = True
    yardstick = error("bf16", torch.device("cpu"))
    sound = max(found.values()) <= AGAINST_FP64 * yardstick and found["exact fp32"] <= EXACT_FP32
    return {"gradient_error": found, "bf16_on_the_cpu": yardstick, "sound": sound}


def _gradient(
    network: nn.Module, x: Tensor, labels: Tensor, precision: str, device: torch.device
) -> Tensor:
    """Of the mean loss, every parameter's in one float64 vector on the CPU."""
    network = copy.deepcopy(network).to(device, x.dtype)
    x, labels = x.to(device).contiguous(memory_format=torch.channels_last), labels.to(device)
    with autocast(device, precision):
        logits = network(x)
    loss = F.cross_entropy(logits if x.dtype == torch.float64 else logits.float(), labels)
    scale = len(labels) if precision == "fp16" else 1  # as the training step does
    (loss * scale).backward()
    gradients = [parameter.grad.double().flatten() for parameter in network.parameters()]
    return torch.cat(gradients).cpu() / scale


def resume(setting: Setting, layer: str) -> dict[str, Any]:
    """Stopped in the middle of an epoch, saved, loaded into a fresh trainer, and not stopped."""
    config = small(setting, layer)

    def make() -> Trainer:
        return Trainer(config, setting.data, device=setting.device)

    straight, twin, stopped, resumed = make(), make(), make(), make()
    start = parameters(straight)
    for trainer in (straight, twin):
        train_steps(trainer, STEPS)
    train_steps(stopped, STEPS - 3)
    with tempfile.TemporaryDirectory() as folder:
        stopped.save(Path(folder))
        resumed.load(Path(folder))
    train_steps(resumed, 3)
    apart, own = deviation(resumed, straight, start), deviation(twin, straight, start)
    return {
        "resumed_to_straight": apart,
        "straight_to_straight": own,
        "bit_equal": apart == 0.0,
        "sound": apart <= max(ROUNDING[config.precision], 2 * own),
    }


def fallback(setting: Setting) -> dict[str, Any]:
    """Steps that a graph would change run as they are and say why; a sound one is recorded after.

    One reads a number back, one draws on the host; the sound one draws on the device.
    """
    total = torch.zeros((), device=setting.device)
    steps: tuple[Callable[[], object], ...] = (
        total.item,
        lambda: torch.rand(()),
        lambda: torch.rand((), device=setting.device),
    )
    reasons, counts = [], []
    on_card = setting.device.type == "cuda"
    stream = torch.cuda.current_stream(setting.device) if on_card else None
    for other in steps:

        def step(other: Callable[[], object] = other) -> None:
            total.add_(1.0)
            other()

        total.zero_()
        with fallback_reasons() as told:
            again = capture_cuda_graph(step, [total], setting.device)
        untouched = float(total)
        again()
        counts.append((untouched, float(total)))
        reasons.append(told)
    expected = [1, 1, 0] if on_card else [0, 0, 0]
    same_stream = not on_card or torch.cuda.current_stream(setting.device) == stream
    told_as_expected = [len(told) for told in reasons] == expected
    sound = counts == 3 * [(0.0, 1.0)] and told_as_expected and same_stream
    return {"reasons": reasons, "counts": counts, "same_stream": same_stream, "sound": sound}


def draws(setting: Setting) -> dict[str, Any]:
    """A replayed graph draws what a launched step draws from the same seed, and goes on from it."""
    drawn = torch.zeros(64, device=setting.device)

    def step() -> None:
        drawn.copy_(F.dropout(torch.rand_like(drawn), 0.5))

    again = capture_cuda_graph(step, [drawn], setting.device)
    found = []
    for call in (again, step):
        torch.manual_seed(1)  # of every device
        for _ in range(2):
            call()
            found.append(drawn.tolist())
    replayed, launched = found[:2], found[2:]
    sound = replayed == launched and replayed[0] != replayed[1]
    return {"replayed": replayed, "launched": launched, "sound": sound}


def memory(setting: Setting) -> dict[str, Any]:
    """What the process holds as one trial takes the place of another, family after family."""
    held = []
    trainer = None
    families = some_families(setting)
    for number in range(setting.pick(RESETS, 12)):
        layer = families[number % len(families)]
        del trainer  # as a reused worker does
        trainer = Trainer(small(setting, layer), setting.data, device=setting.device)
        train_steps(trainer, 3)
        synchronize(setting.device)
        held.append(_held_bytes(setting.device))
    early = max(held[: len(held) // 3])
    late = max(held[-len(families) :])
    return {"bytes": held, "early_peak": early, "late_peak": late, "sound": late <= GROWTH * early}


def _held_bytes(device: torch.device) -> int:
    """Of the card, kept by torch; of the process, on a CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def summarise(found: Mapping[str, Any]) -> Summary:
    """Each kind of check, how many hold, and the worst figure."""
    rows = []
    for kind, figure in (
        ("graph", "replayed_to_launched"),
        ("fp64", "bf16_on_the_cpu"),
        ("resume", "resumed_to_straight"),
        ("fallback", None),
        ("draws", None),
        ("memory", None),
    ):
        mine = [cell for key, cell in found.items() if key.split()[0] == kind]
        sound = sum(cell["sound"] for cell in mine)
        equal = sum(cell.get("bit_equal", False) for cell in mine)
        worst = f"{max(cell[figure] for cell in mine):.1e}" if figure and mine else ""
        rows.append([kind, str(len(mine)), str(sound), str(equal) if figure else "", worst])
    reasons = {reason for cell in found.values() for reason in cell.get("fallbacks", ())}
    misses = [f"{key} is not sound" for key, cell in found.items() if not cell["sound"]]
    misses += [f"no graph: {reason}" for reason in sorted(reasons)]
    headers = ("check", "done", "sound", "bit-equal", "worst deviation")
    return Summary(headers, rows, {"fallbacks": sorted(reasons)}, misses)


STAGE = Stage("check", "does the card compute what it should?", cells, summarise)
