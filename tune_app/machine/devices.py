"""The CPUs and GPUs of this machine, counted without torch."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where a container's limits are, in both versions of Linux control groups."""


@dataclass(frozen=True, slots=True)
class Machine:
    """GPUs that a process started here may use, and CPU cores."""

    gpus: int
    cpus: int


def this_machine() -> Machine:
    """Counts GPUs by NVML, within CUDA_VISIBLE_DEVICES; without a driver there are none."""
    return Machine(gpus=_visible(_installed_gpus()), cpus=available_cpus())


def available_cpus(cgroups: Path = CGROUPS) -> int:
    """CPU cores that this process may use at once: its affinity, within a container's quota."""
    cores = len(os.sched_getaffinity(0))
    quota = _cpu_quota(cgroups)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _cpu_quota(cgroups: Path) -> float | None:
    """The CPU quota of the control group, in CPUs; None without a limit."""
    try:
        if (cgroups / "cpu.max").is_file():  # version 2
            quota, period = (cgroups / "cpu.max").read_text().split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((cgroups / "cpu" / name).read_text().strip() for name in names)
        return int(quota) / int(period) if quota.isdigit() else None  # "max" and -1: no limit
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _installed_gpus() -> int:
    import pynvml  # imported only where a driver is installed

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0
    return int(count)


def _visible(installed: int) -> int:
    """Number of visible GPUs; CUDA ignores the list from the first missing device on."""
    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    if variable is None:
        return installed
    usable = 0
    for device in filter(None, (entry.strip() for entry in variable.split(","))):
        if device.lstrip("-").isdigit() and not 0 <= int(device) < installed:
            break
        usable += 1
    return min(usable, installed)
