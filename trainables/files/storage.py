"""Locations of files: a folder of a disk, or a URI such as ``s3://bucket/folder?region=…``."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs", "file")
"""Of the URIs that pyarrow has a file system for."""


def is_uri(place: str) -> bool:
    """Whether a location is a URI; else it is a folder of this machine's file system."""
    return "://" in place


def unknown_scheme(place: str) -> str | None:
    """What is wrong with a URI that no file system is known for; None of any other place."""
    scheme, mark, _ = place.partition("://")
    if not mark or scheme in SCHEMES:
        return None
    return f"{scheme}:// is no storage; known are a folder and {', '.join(SCHEMES)}"


def is_shortened_uri(path: str) -> bool:
    """Whether a path was a URI, of whose two slashes ``pathlib`` keeps one; URIs are, too."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", path))


def no_study_folder(folder: Path) -> str:
    """Why a path without a folder is no study, and what to do; a URI as pathlib writes it, too."""
    if is_shortened_uri(str(folder)):
        advice = "the study's own command, with its --storage, brings it home"
        return f"{folder} is no folder but a place of a storage; {advice}"
    return f"{folder} is no folder; name a study folder that run_tune.py wrote"


def join(place: str, *names: str) -> str:
    """A location below a path or URI (whose query, if it has one, stays last).

    ``names`` are names of folders and files; in a URI some of their characters become %XX.
    """
    if not is_uri(place):
        return "/".join([place.rstrip("/"), *names])
    base, mark, query = place.partition("?")
    return "/".join([base.rstrip("/"), *map(quote, names)]) + mark + query


def named_place(storage: str) -> str:
    """The name of a storage for the terminal: without secrets and without options."""
    return without_secrets(storage).partition("?")[0]


def without_secrets(text: str) -> str:
    """The text without ``key:secret@`` in its URIs, for the study's files.

    Later readers of the storage take both from the environment (AWS_ACCESS_KEY_ID, …).
    """
    return re.sub(r"(?<=://)[^/@\s\"']*@", "", text)
