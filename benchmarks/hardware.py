"""On what a figure was measured."""

from __future__ import annotations

import os
import platform

import psutil

from tune_app.study.provenance import processor
from tune_app.study.study_file import git_revision, versions


def hardware() -> dict:
    """Processor, cores, memory, load when asked, versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_average": [round(one, 1) for one in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "git_revision": git_revision(),
    }
