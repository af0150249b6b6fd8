"""Frames as plain text, the same on a terminal and in a pipe."""

from __future__ import annotations

import pandas as pd


def table_text(frame: pd.DataFrame) -> str:
    """Aligned columns, or one line for a frame without rows."""
    return frame.to_string(index=False, na_rep="", line_width=None) if len(frame) else "(none)"
