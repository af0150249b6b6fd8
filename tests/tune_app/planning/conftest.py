"""Plans are made in an empty working directory."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _empty_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No study of an earlier run lies in the working directory."""
    monkeypatch.chdir(tmp_path)
