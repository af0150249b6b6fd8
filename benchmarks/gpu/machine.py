"""On what a stage ran: the card, its driver, the versions, and what the card can do at most."""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchvision", "numpy", "pandas", "pyarrow", "safetensors")
ROOT = Path(__file__).resolve().parents[2]
MEASURED_CODE = ("trainables", "search_spaces", "benchmarks/gpu")
QUERY = "name,driver_version,memory.total,power.limit,clocks.max.sm,compute_mode,mig.mode.current"
SIDE = {"cuda": 8192, "cpu": 512}  # of the matrices that are multiplied
COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 24}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def about(device: torch.device) -> dict[str, Any]:
    """Card, driver, versions, processor."""
    return {
        "card": card_name(device),
        "nvidia_smi": nvidia_smi() if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if device.type == "cuda" else None,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": versions(),
    }


def origin(device: torch.device, rehearse: bool) -> dict[str, Any]:
    """What has to be the same for an earlier measurement to stand beside one of now."""
    return {
        "card": card_name(device),
        "torch": torch.__version__,
        "code": code_digest(),
        "rehearsal": rehearse,
    }


def card_name(device: torch.device) -> str:
    """As the driver names it; the processor's architecture where there is none."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"no card, {platform.machine()}"


def nvidia_smi() -> dict[str, str] | str:
    """What the driver's own tool says of the first card, or why it says nothing."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as problem:
        return f"nvidia-smi: {problem}"
    values = [value.strip() for value in done.stdout.strip().split(",")]
    return dict(zip(QUERY.split(","), values, strict=False))


def versions() -> dict[str, str]:
    """Of the packages that a stage uses, read without importing them."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def is_installed(module: str) -> bool:
    """Whether it could be imported; it is not."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@functools.cache
def code_digest() -> str:
    """Of every source that decides a figure: a checkout copied without its history has it too."""
    digest = hashlib.blake2b(digest_size=6)
    for place in MEASURED_CODE:
        for path in sorted((ROOT / place).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def peaks(device: torch.device) -> dict[str, float]:
    """TFLOP/s of matrix products by number format, and GB/s read and written by a copy.

    Measured once in a process. The highest of several groups of calls: what the card can do, not
    what it does under load.
    ``tf32`` is what fp32 convolutions use where ``torch.backends.cudnn.allow_tf32`` says so.
    """
    found = {f"{name}_tflops": _matmul(device, name) for name in DTYPES}
    if device.type == "cuda":
        allowed = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = True
        found["tf32_tflops"] = _matmul(device, "fp32")
        torch.backends.cuda.matmul.allow_tf32 = allowed
    source = torch.zeros(COPIED_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = best_seconds(lambda: target.copy_(source), device)
    found["copy_gb_per_second"] = 2 * source.numel() / seconds / 1e9
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def _matmul(device: torch.device, name: str) -> float:
    side = SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(DTYPES[name]) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * side**3 / best_seconds(lambda: torch.mm(left, right, out=out), device) / 1e12


def best_seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Seconds of one call: the best of 8 groups, after a warm-up."""
    calls = 10 if device.type == "cuda" else 1
    found = []
    for _ in range(9):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(calls):
            call()
        synchronize(device)
        found.append((time.perf_counter() - start) / calls)
    return min(found[1:])


def synchronize(device: torch.device) -> None:
    """Waits for a card; a CPU has nothing to wait for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_memory(device: torch.device) -> None:
    """Gives back what no object holds, to other processes on a card too.

    A trainer in a cycle of references would stay until Python happens to look for such cycles.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
