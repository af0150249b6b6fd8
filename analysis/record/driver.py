"""Whether a driver works on a study, by the lease that it renews in the study's folder."""

from __future__ import annotations

import json
import math
import socket
import time
from pathlib import Path
from typing import Any

from trainables.files.study_folder import LEASE

HELD_SECONDS = 30.0
"""A lease that was renewed so long ago is a driver's that has ended, by one clock."""

WATCHED_SECONDS = 5.0
"""For how long another machine's lease is watched for a renewal, which comes every 2 s."""

FURTHEST_CLOCK_SECONDS = 86400.0
"""An older lease is not waited for: no clock of a machine in use is off by a day."""


def is_held(folder: Path) -> bool:
    """Whether a driver works on the study.

    The clock of another machine may be off: where its lease seems old, or of the future, it is
    watched for a renewal.
    """
    first = _lease(folder)
    age = abs(time.time() - _renewed(first))
    # that of a driver that has ended, by a clock that was ahead, would hold it for long
    if age < HELD_SECONDS:
        return True
    if first.get("host") in (None, socket.gethostname()) or not age < FURTHEST_CLOCK_SECONDS:
        return False
    end = time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < end:
        time.sleep(0.25)
        if (now := _lease(folder)) != first:
            return bool(now)  # it is removed by a driver that ends
    return False


def driver_time(folder: Path) -> float:
    """When the lease was last renewed, by its driver's clock, in seconds since 1970; else NaN."""
    return _renewed(_lease(folder))


def _renewed(lease: dict[str, Any]) -> float:
    renewed = lease.get("renewed")
    return float(renewed) if isinstance(renewed, int | float) else math.nan


def _lease(folder: Path) -> dict[str, Any]:
    """The lease; empty where there is none, or a damaged one."""
    try:
        lease = json.loads((folder / LEASE).read_bytes())
    except (OSError, ValueError):
        return {}
    return lease if isinstance(lease, dict) else {}
