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

HOST_AND_PORT = re.compile(r"(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d+)")


def address_problem(address: str, head: str = "") -> str:
    """Why no cluster can be joined at an address, in a sentence; "" where that may work.

    ``head`` is the HOST:PORT that the address stands for, once that is known.
    """
    if "://" in address:
        return f"--address {address}: this is a Ray client's address; {ON_A_NODE}"
    if address != "auto" and not HOST_AND_PORT.fullmatch(address):
        return f"--address {address}: this is no address of a cluster; name HOST:PORT, or auto"
    reason = _head_problem(head or address)
    if not reason and not _has_raylet():  # Ray would search for one for a minute
        reason = f"this machine is not a node of a cluster; {ON_A_NODE}"
    place = f"at {head}" if head and head != address else "there"
    return f"--address {address}: no Ray cluster answers {place}: {reason}" if reason else ""


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


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of HOST:PORT; an IPv6 address is in brackets there.

    Raises:
        ValueError: the address has another form.
    """
    if not (match := HOST_AND_PORT.fullmatch(address)):
        raise ValueError(f"{address} is not HOST:PORT")
    return match[1] or match[2], int(match[3])


def _head_problem(address: str) -> str:
    if address == "auto":
        return ""
    try:
        socket.create_connection(host_and_port(address), timeout=SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as problem:  # the latter two: an invalid address
        return str(problem)
    return ""


def _has_raylet() -> bool:
    """Whether Ray runs on this machine, whoever started it."""
    return any(process.info["name"] == "raylet" for process in psutil.process_iter(["name"]))
