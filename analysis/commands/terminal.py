"""Frames as plain text, the same on a terminal and when it is piped."""

from __future__ import annotations

import pandas as pd


def table_text(frame: pd.DataFrame) -> str:
    """Aligned columns; one line says that there are no rows."""
    return frame.to_string(index=False, na_rep="", line_width=None) if len(frame) else "(none)"
