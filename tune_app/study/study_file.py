"""``study.json``: what the study is, and on what it ran."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.space_json import space_json
from trainables.compiled.switch import SWITCH
from trainables.config.installation import CHECKOUT
from trainables.files.storage import without_secrets
from trainables.files.whole_file import write_whole
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, plan_tables
from tune_app.record.study_document import StudyName

AROUND = ("ray", "optuna", "pandas", "tensorboard")
"""Packages that compute nothing of a trial."""

PACKAGES = ("ranktune", "torch", "torchvision", "timm", "pillow", "tntorch", "numpy", *AROUND)


ARITHMETIC = (
    *("CUBLAS_", "CUDNN_", "DNNL_", "GOMP_", "KMP_", "MKL_", "NVIDIA_TF32_OVERRIDE", "OMP_"),
    *("ATEN_", "BLIS_", "GLIBC_TUNABLES", "NPY_", "ONEDNN_", "OPENBLAS_", "PYTORCH_TUNABLEOP_"),
    *(SWITCH, "TORCH_", "TORCHINDUCTOR_", "VECLIB_"),
)
"""How the names of environment variables begin that can change what libraries compute."""


def study_information(
    plan: Plan,
    options: RunOptions,
    name: str,
    study_name: StudyName,
    identity: Mapping[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """Everything that says where the numbers come from, as plain JSON; ``more`` is added."""
    options_with_paths = {
        name: path_value.expanduser().absolute()  # who reads it may stand elsewhere
        for name in ("data_dir", "download")
        if (path_value := getattr(options, name)) is not None
    }
    return {
        "name": name,
        "id": study_name.study_id,
        "shared_name": study_name.shared,
        "space": space_json(plan.space),
        "search": plan.search,
        "scheduler": plan.scheduler,
        "seeds": list(plan.seeds),
        "estimating_seeds": list(plan.estimating_seeds),
        "options": _plain({**dataclasses.asdict(options), **options_with_paths}),
        "command": options.command,
        "directory": _directory(),  # from which the command's paths are meant
        "git_revision": git_revision(),
        "versions": versions(),
        "environment": environment(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "identity": dict(identity),
        "networks": plan_tables(plan),
        **more,
    }


def _directory() -> str:
    with contextlib.suppress(OSError):  # somebody removed it
        return str(Path.cwd())
    return ""


def versions() -> dict[str, str]:
    """Of Python and the packages that numbers depend on, read without importing them."""
    versions_by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions_by_package[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions_by_package


def environment() -> dict[str, str]:
    """The variables that are set here and can change numbers, by name."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith(ARITHMETIC)}


def git_revision() -> str | None:
    """Of this code, "+" where it was changed since; None outside a repository.

    Installed packages may lie inside another project's repository, whose revision says nothing.
    """
    if CHECKOUT is None:
        return None
    try:
        head = _git(CHECKOUT, "rev-parse", "HEAD").strip()
        changed = _git(CHECKOUT, "status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout


def write_information(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces study.json as a whole; a URI's key and secret stay out of it."""
    text = without_secrets(json.dumps(document, indent=2, ensure_ascii=False))
    write_whole(path, text + "\n")


def _plain(value: Any) -> Any:
    """Paths as text and tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
