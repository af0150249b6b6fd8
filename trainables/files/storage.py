"""Places of files: a folder of a disk, or a URI such as ``s3://bucket/folder?region=…``."""

from __future__ import annotations


def is_uri(place: str) -> bool:
    """Whether a place is a URI; else it is a folder of this machine's file system."""
    return "://" in place


def join(place: str, *names: str) -> str:
    """A place below a path or URI (whose query, if it has one, stays last)."""
    base, mark, query = place.partition("?") if is_uri(place) else (place, "", "")
    return "/".join([base.rstrip("/"), *names]) + mark + query
