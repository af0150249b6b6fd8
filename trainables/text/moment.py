"""Points in time as text."""

from __future__ import annotations

from datetime import UTC, datetime


def format_moment(time: float) -> str:
    """Seconds since 1970 as a date and time, to the minute: 2024-03-09 14:05 UTC."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):  # a clock that was wrong, a damaged ledger
        return f"an impossible time ({time:g} s after 1970)"
