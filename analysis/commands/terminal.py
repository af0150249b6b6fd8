"""Plain text for a terminal of 80 columns, the same when it is piped."""

from __future__ import annotations

import pandas as pd

WIDTH = 80


def duration(seconds: float) -> str:
    """Two units: "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    said = [f"{amount} {unit}" for amount, unit in parts if amount]
    return " ".join(said[:2]) or "0 s"


def table_text(frame: pd.DataFrame) -> str:
    """Aligned columns; one line says that there are no rows."""
    return frame.to_string(index=False, na_rep="", line_width=None) if len(frame) else "(none)"
