"""Compile the requirement files from pyproject.toml: exact versions, hashes, no address.

The development file is compiled first and bounds the other, so that every package has one version
in both. Each file begins with the digest of what it was compiled from; a test compares it.
"""

import hashlib
import json
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


if __name__ == "__main__":
    uv, *options = sys.argv[1:]  # options: --upgrade, --upgrade-package NAME
    compile_requirements(uv, "requirements-dev.txt", "--extra", "dev", *options)
    compile_requirements(uv, "requirements.txt", "-c", "requirements-dev.txt")
