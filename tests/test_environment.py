"""The requirement files are what pyproject.toml asks for, and the Makefile says what it does.

Compiling again needs a package index, so the tests hold the files to what can be known without one:
the digest of the tables they were compiled from, a hashed pin inside each range, no address.
"""

import re
import runpy
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNTIME = PROJECT["dependencies"]
DEVELOPMENT = RUNTIME + PROJECT["optional-dependencies"]["dev"]
FILES = {"requirements.txt": RUNTIME, "requirements-dev.txt": DEVELOPMENT}
COMPILED = [*FILES, "requirements-jobs.txt"]
DECLARED = [(file, dependency) for file, declared in FILES.items() for dependency in declared]


@cache
def logical_lines(file: str) -> list[str]:
    """The file's requirements, one a line, with continuations joined and comments left out."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def pins(file: str) -> dict[str, set[str]]:
    """The pinned versions of each package: several where Python versions need different ones."""
    versions: dict[str, set[str]] = {}
    for line in logical_lines(file):
        requirement = Requirement(line.split(" --hash=")[0])
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        versions.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    return versions


@pytest.mark.parametrize(("file", "dependency"), DECLARED)
def test_every_declared_dependency_has_pins_within_its_range(file: str, dependency: str) -> None:
    requirement = Requirement(dependency)
    versions = pins(file).get(canonicalize_name(requirement.name), set())
    assert versions, f"{requirement.name} is not pinned in {file}; run `make requirements`"
    outside = {version for version in versions if not requirement.specifier.contains(version)}
    assert not outside, f"{dependency} is pinned to {outside} in {file}; run `make requirements`"


@pytest.mark.parametrize("file", COMPILED)
def test_the_files_were_compiled_from_the_tables_that_stand_in_pyproject(file: str) -> None:
    compiler = runpy.run_path(str(ROOT / ".ci" / "requirements.py"))
    header = (ROOT / file).read_text(encoding="utf-8").splitlines()[0]
    expected = compiler["HEADER"] + compiler["dependency_digest"](ROOT / "pyproject.toml")
    assert header == expected, "pyproject.toml has changed since; run `make requirements`"


@pytest.mark.parametrize("file", COMPILED)
def test_every_pin_carries_a_hash(file: str) -> None:
    hashed = re.compile(r" --hash=sha256:[0-9a-f]{64}( |$)")
    assert [line for line in logical_lines(file) if not hashed.search(line)] == []


@pytest.mark.parametrize("file", COMPILED)
def test_no_address_path_or_option_stands_in_the_file(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|git\+| @ |^\s*-(?!-hash=)\S*", text, re.MULTILINE) == []
    assert "/" not in text


def test_the_file_of_jobs_adds_to_the_development_file_and_repeats_nothing() -> None:
    added = pins("requirements-jobs.txt")
    assert "aiohttp-cors" in added
    assert added.keys() & pins("requirements-dev.txt").keys() == set()


def test_both_files_pin_the_same_versions() -> None:
    development = pins("requirements-dev.txt")
    differing = {
        name: (versions, development.get(name))
        for name, versions in pins("requirements.txt").items()
        if versions != development.get(name)
    }
    assert differing == {}


def test_torch_comes_with_what_a_linux_gpu_needs() -> None:
    assert {"triton", "nvidia-cudnn-cu13", "nvidia-cublas"} <= pins("requirements.txt").keys()


def test_torch_2_11_and_newer_is_accepted() -> None:
    (torch,) = (Requirement(line) for line in RUNTIME if Requirement(line).name == "torch")
    accepted = [
        v for v in ("2.10.0", "2.11.0", "2.12.1", "2.14.1") if Version(v) in torch.specifier
    ]
    assert accepted == ["2.11.0", "2.12.1", "2.14.1"]


def test_make_without_a_target_lists_every_public_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    public = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert {"quickstart", "test", "lint", "bench", "requirements", "help"} <= public
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", listing, re.MULTILINE))
    assert listed.keys() == public


def test_make_refuses_an_old_python_with_one_clear_line(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    (tmp_path / "requirements.txt").touch()
    command = ["make", "quickstart", f"PYTHON={old}"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith(
        f"RankTune needs Python 3.11 or newer; {old} is Python 3.9.2."
    )
    assert not (tmp_path / ".venv").exists()
