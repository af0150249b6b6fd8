"""The message about memory that the system does not give."""

from __future__ import annotations

import resource

SIGNS = ("can't allocate memory", "failed to map segment")
"""What torch's allocator says, and the loader of a library's code."""


def memory_problem(problem: BaseException) -> str | None:
    """What was refused and the remedy; None where it is not about memory."""
    told = str(problem)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    is_limited = limit != resource.RLIM_INFINITY
    is_library = isinstance(problem, ImportError)  # which a disk that runs no code refuses as well
    has_sign = any(sign in told for sign in SIGNS) and (is_limited or not is_library)
    if not isinstance(problem, MemoryError) and not has_sign:
        return None
    remedies = [] if is_library else ["take smaller batches, images or networks"]
    if is_limited:
        size = f"{limit / 1e9:.1f} GB"
        remedies.append(f"raise the shell's limit of addresses (ulimit -v), which is {size}")
    what = told.partition("Error code")[0].rpartition("err == 0. ")[2].strip().rstrip(".")
    return f"there is not enough memory{f' ({what})' if what else ''}: {', or '.join(remedies)}"
