"""The folder of a user's caches."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """The user's home directory; where there is none, a path that cannot be written."""
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry in the password database
        return Path(os.devnull)


def user_cache() -> Path:
    """RankTune's folder in the user's cache directory, which may not exist."""
    if sys.platform == "darwin":
        cache = home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", home() / "AppData" / "Local"))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache")
    return cache / "ranktune"
