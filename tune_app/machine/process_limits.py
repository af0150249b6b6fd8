"""Limits of this process (``ulimit``) under which Ray does not start, or only seems to."""

from __future__ import annotations

import resource

import humanize

LEAST_FILE_BYTES = 500_000_000
"""Ray's object store is one file, of 300 MB unless the images are larger."""

LEAST_ADDRESS_SPACE = 8_000_000_000
"""Ray and torch reserve far more addresses than memory: with 5 GB Ray's workers fail one after the
other, with 3 GB this process is aborted, with 8 GB trials finish."""


def limit_problems() -> list[str]:
    """What is limited too far, and the command that lifts it."""
    limits = (
        (resource.RLIMIT_FSIZE, LEAST_FILE_BYTES, "files", "ulimit -f"),
        (resource.RLIMIT_AS, LEAST_ADDRESS_SPACE, "the addresses of a process", "ulimit -v"),
    )
    problems = []
    for kind, least, limited, command in limits:
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and soft < least:
            problems.append(
                f"{limited} are limited to {humanize.naturalsize(soft)} here ({command}), and Ray "
                f"takes {humanize.naturalsize(least)}: {command} unlimited"
            )
    return problems
