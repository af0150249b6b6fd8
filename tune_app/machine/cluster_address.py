"""Addresses that Ray uses: checks, without Ray, whether one can be joined or started there."""

from __future__ import annotations

import re
import socket

import psutil

ON_A_NODE = (
    "run the command on a node of the cluster, on its head best, with --address HOST:PORT or auto; "
    "from outside, `ray job submit` runs it there"
)

LOOPBACK = "127.0.0.1"

SECONDS = 10
"""Time limit for a connection to the head; Ray itself would try for ever."""


def address_problem(address: str) -> str:
    """Why no cluster can be joined at an address, in a sentence; "" where that may work."""
    if "://" in address:
        return f"--address {address}: this is a Ray client's address; {ON_A_NODE}"
    reason = _head_problem(address)
    if not reason and not _has_raylet():  # Ray would search for one for a minute
        reason = f"this machine is not a node of a cluster; {ON_A_NODE}"
    return f"--address {address}: no Ray cluster answers there: {reason}" if reason else ""


def loopback_problem() -> str:
    """Why no Ray can be started on this machine alone, in a sentence; "" where that may work."""
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=SECONDS).close()
    except OSError as problem:  # Ray itself would wait for its own processes for ever
        return (
            f"Ray's processes talk to each other at {LOOPBACK}, which nothing reaches here "
            f"({problem}); bring that network up (ip link set lo up), "
            "or name a cluster with --address"
        )
    return ""


def _head_problem(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[\w.-]+:\d+", address):
        return ""
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as problem:  # the latter two: an invalid address
        return str(problem)
    return ""


def _has_raylet() -> bool:
    """Whether Ray runs on this machine, whoever started it."""
    return any(process.info["name"] == "raylet" for process in psutil.process_iter(["name"]))
