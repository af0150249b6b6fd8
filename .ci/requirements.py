"""Compile the requirement files from pyproject.toml: exact versions, hashes, no address.

The development file is compiled first and bounds the others, so that every package has one version
in all. That of `ray job submit` lists what it adds to the development file, to be installed beside
it: Ray starts more processes where it finds these packages. Each file begins with the digest of
what it was compiled from; a test compares it.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = ["pip", "compile", "--universal", "--generate-hashes", "--no-annotate", "--quiet"]
HEADER = "# Compiled from pyproject.toml by `make requirements`; dependencies sha256:"


def dependency_digest(pyproject: Path) -> str:
    """Hexadecimal digest of everything in pyproject.toml that decides which versions are chosen."""
    tables = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = tables["project"]
    decisive = {
        "requires-python": project["requires-python"],
        "dependencies": project["dependencies"],
        "optional-dependencies": project.get("optional-dependencies", {}),
        "uv": tables.get("tool", {}).get("uv", {}),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def compile_requirements(uv: str, output: str, *options: str) -> None:
    """Writes one file, headed by the digest of what it was compiled from."""
    command = [uv, *COMPILE, "--no-header", *options, "-o", output, "pyproject.toml"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    digest = dependency_digest(ROOT / "pyproject.toml")
    path = ROOT / output
    path.write_text(f"{HEADER}{digest}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")


def leave_out(output: str, known: str) -> None:
    """Removes the packages of one file that stand in another."""
    path, other = (ROOT / name for name in (output, known))
    header, *blocks = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8"))
    there = set(re.findall(r"^\S+?==", other.read_text(encoding="utf-8"), re.MULTILINE))
    added = [one.rstrip() for one in blocks if one.partition("==")[0] + "==" not in there]
    path.write_text("\n".join([header, *added]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    uv, *options = sys.argv[1:]  # options: --upgrade, --upgrade-package NAME
    compile_requirements(uv, "requirements-dev.txt", "--extra", "dev", *options)
    compile_requirements(uv, "requirements.txt", "-c", "requirements-dev.txt")
    jobs = "requirements-jobs.txt"
    compile_requirements(uv, jobs, "--extra", "jobs", "-c", "requirements-dev.txt", *options)
    leave_out(jobs, "requirements-dev.txt")
