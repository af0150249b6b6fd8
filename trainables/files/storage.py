"""Locations of files: a folder of a disk, or a URI such as ``s3://bucket/folder?region=…``."""

from __future__ import annotations

from urllib.parse import quote


def is_uri(place: str) -> bool:
    """Whether a location is a URI; else it is a folder of this machine's file system."""
    return "://" in place


def join(place: str, *names: str) -> str:
    """A location below a path or URI (whose query, if it has one, stays last).

    ``names`` are names of folders and files; in a URI some of their characters become %XX.
    """
    if not is_uri(place):
        return "/".join([place.rstrip("/"), *names])
    base, mark, query = place.partition("?")
    return "/".join([base.rstrip("/"), *map(quote, names)]) + mark + query
