"""Where a user's caches lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """The user's home; where there is none, a place in which nothing can be written."""
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry among the users
        return Path(os.devnull)


def user_cache() -> Path:
    """RankTune's folder among the user's caches; it need not exist."""
    if sys.platform == "darwin":
        cache = home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", home() / "AppData" / "Local"))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache")
    return cache / "ranktune"
