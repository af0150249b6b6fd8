"""The CPUs and GPUs of this machine, counted without torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where the limits are, in both versions of Linux control groups."""

OWN_GROUPS = Path("/proc/self/cgroup")
"""The groups of this process, a line each: number, controllers, path."""


@dataclass(frozen=True, slots=True)
class Machine:
    """GPUs that a process started here may use, and CPU cores."""

    gpus: int
    cpus: int


def this_machine() -> Machine:
    """Counts GPUs by NVML, within CUDA_VISIBLE_DEVICES; without a driver there are none."""
    return Machine(gpus=_visible(_installed_gpus()), cpus=available_cpus())


def available_cpus(cgroups: Path = CGROUPS, own: Path = OWN_GROUPS) -> int:
    """CPU cores that this process may use at once: its affinity, within its groups' quotas."""
    quotas = [_cpu_quota(group) for group in control_groups("cpu", cgroups, own)]
    return max(1, min([len(os.sched_getaffinity(0)), *map(math.ceil, filter(None, quotas))]))


def control_groups(
    controller: str, cgroups: Path = CGROUPS, own: Path = OWN_GROUPS
) -> Iterator[Path]:
    """The groups of a controller ("cpu", "pids") that limit this process: its own and those around.

    In a container the path is often the host's, of which only the mount's root is visible.
    """
    yield from (cgroups, cgroups / controller)
    try:
        memberships = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return
    for controllers, path in (entry[1:] for entry in memberships if len(entry) == 3):
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controllers if controllers else cgroups  # version 2 names no controller
        group = root / path.lstrip("/")
        yield from (group, *group.parents[: len(group.parents) - len(root.parents)])


def _cpu_quota(group: Path) -> float | None:
    """The CPU quota of a control group, in CPUs; None without a limit."""
    try:
        if (group / "cpu.max").is_file():  # version 2
            quota, period = (group / "cpu.max").read_text().split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((group / name).read_text().strip() for name in names)
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
