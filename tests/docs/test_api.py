"""The examples in docstrings run, and the pages made from them name what is public."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import analysis

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", ["analysis", "search_spaces", "trainables"])
def test_the_examples_of_a_package_run(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(importlib.import_module(package))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.slow
def test_the_pages_name_what_is_public(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / ".ci" / "api.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "analysis.html").read_text(encoding="utf-8")
    assert [name for name in analysis.__all__ if f'id="{name}"' not in page] == []
    assert "load_study" in (tmp_path / "analysis" / "study" / "study.html").read_text()
