"""What this machine has, asked without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """GPUs that a process started here may use, and CPU cores."""

    gpus: int
    cpus: int


def this_machine() -> Machine:
    """Counts through NVML, within CUDA_VISIBLE_DEVICES; no driver means no GPU."""
    return Machine(gpus=_visible(_installed_gpus()), cpus=len(os.sched_getaffinity(0)))


def _installed_gpus() -> int:
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0
    return int(count)


def _visible(installed: int) -> int:
    """CUDA stops reading the list at the first device that is not there."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return installed
    usable = 0
    for device in filter(None, (entry.strip() for entry in listed.split(","))):
        if device.lstrip("-").isdigit() and not 0 <= int(device) < installed:
            break
        usable += 1
    return min(usable, installed)
