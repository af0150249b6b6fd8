"""The number format of a trial. Standard library only, as plans use it."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

NATIVE_BF16 = ("avx512_bf16", "amx_bf16")
"""CPU flags of native bf16 arithmetic; elsewhere it is emulated and slower than fp32."""


def resolve_precision(name: str, *, gpu: bool, cpu_flags: Container[str]) -> str:
    """Resolves "auto": bf16 where the device computes in it natively, else fp32."""
    if name != "auto":
        return name
    return "bf16" if gpu or any(flag in cpu_flags for flag in NATIVE_BF16) else "fp32"


def read_cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The flags of the first CPU; empty where the system does not list them."""
    return frozenset(_entry(cpuinfo, "flags", "Features").split())


def read_cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """The model of the first CPU; "" where the system does not tell."""
    return _entry(cpuinfo, "model name")


def _entry(cpuinfo: Path, *names: str) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    entry = next((line for line in lines if line.startswith(names)), ":")
    return entry.partition(":")[2].strip()
