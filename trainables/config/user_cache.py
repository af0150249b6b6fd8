"""Where a user's caches lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """RankTune's folder among the user's caches; it need not exist."""
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ranktune"
