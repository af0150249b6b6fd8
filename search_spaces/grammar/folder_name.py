"""Names that become a folder's, wherever they are written."""

from __future__ import annotations


def is_folder_name(name: str) -> bool:
    """Whether a name is one folder's: no path, nothing that moves a cursor or ends a text."""
    is_path = name.strip() in ("", ".", "..") or {"/", "\\"} & set(name)
    return name.isprintable() and not is_path
