"""Names that are used for folders."""

from __future__ import annotations


def is_folder_name(name: str) -> bool:
    """Whether a name can be that of one folder: no path, no control characters."""
    is_path = name.strip() in ("", ".", "..") or {"/", "\\"} & set(name)
    return name.isprintable() and not is_path
