"""Measured latencies of a study's networks, from the cards of ``python -m trainables export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.study.configurations import configuration_ids
from trainables.files.study_folder import LATENCY

if TYPE_CHECKING:
    from analysis.study.study import Study

COLUMNS = {
    "trial_id": "str",
    "configuration": "str",
    "batch": "int64",
    "latency_ms": "float64",
    "machine": "str",
}


def latencies(study: Study) -> pd.DataFrame:
    """A row for each measured trial: ``trial_id, configuration, batch, latency_ms, machine``.

    ``latency_ms`` is the median time of one forward pass, in milliseconds, at the smallest
    ``batch`` (images) that was measured. Only the machine with the most measurements counts, since
    times of two machines cannot be compared. A file that cannot be read is skipped.
    """
    configurations = dict(
        zip(study.trials["trial_id"], configuration_ids(study.trials), strict=True)
    )
    cards = [_card(path) for path in sorted((study.folder / LATENCY).glob("*.json"))]
    rows = [row for card in cards if (row := _row(card, configurations))]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    if frame.empty:
        return frame
    machine = frame["machine"].value_counts().index[0]
    rows = frame[frame["machine"] == machine]
    return rows[rows["batch"] == rows["batch"].min()].reset_index(drop=True)


def _row(card: dict[str, Any], configurations: dict[str, str]) -> tuple[Any, ...] | None:
    """The row of a card; None if it is damaged, has no latencies, or is of an unknown trial."""
    try:
        trial_id = card["trial_id"]
        return trial_id, configurations[trial_id], *_fastest(card), _machine(card)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _fastest(card: dict[str, Any]) -> tuple[int, float]:
    """The smallest batch and its median, in milliseconds."""
    row = min(card["latency"], key=lambda row: row["batch"])
    return int(row["batch"]), 1000 * float(row["median"])


def _machine(card: dict[str, Any]) -> str:
    parts = (card.get(key) for key in ("machine", "device", "threads", "torch"))
    return ", ".join(str(part) for part in parts if part is not None)
