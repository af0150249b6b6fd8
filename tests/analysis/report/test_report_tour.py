"""The tour runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_tour_runs_and_ends_with_a_figure_on_disk(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tour = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    NotebookClient(tour, timeout=300, resources={"metadata": {"path": str(DOCS)}}).execute()
    words = _words(tour)
    assert "convolutions is best for a parameter budget?" in words[0]
    assert any("dense" in text and "95 % interval" in text for text in words)
    assert words[-1] == "'front.pdf'"
    pictures = [cell for cell in tour.cells for out in cell.get("outputs", ()) if _is_png(out)]
    assert len(pictures) == 2


def _is_png(output) -> bool:
    return "image/png" in output.get("data", {})


def _words(notebook) -> list[str]:
    """The text that each code cell shows, where it shows some."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return [out.data["text/plain"] for out in outputs if not _is_png(out) and "data" in out]
