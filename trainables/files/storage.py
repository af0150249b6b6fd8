"""Places of files: a folder of a disk, or a URI such as ``s3://bucket/folder?region=…``."""

from __future__ import annotations

from urllib.parse import quote


def is_uri(place: str) -> bool:
    """Whether a place is a URI; else it is a folder of this machine's file system."""
    return "://" in place


def join(place: str, *names: str) -> str:
    """A place below a path or URI (whose query, if it has one, stays last).

    ``names`` are those of folders and files as a disk has them; some characters are %XX in a URI.
    """
    if not is_uri(place):
        return "/".join([place.rstrip("/"), *names])
    base, mark, query = place.partition("?")
    return "/".join([base.rstrip("/"), *map(quote, names)]) + mark + query
