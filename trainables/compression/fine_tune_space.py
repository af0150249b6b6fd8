"""Writes a search space that fine-tunes one starting point, as a TOML file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from trainables.architectures.architecture import Architecture
from trainables.compression.trained import Trained
from trainables.config.starting_point import StartingPoint
from trainables.files.whole_file import write_whole

FILE = "fine_tune.toml"
SHARE = 3  # fine-tuning takes a third of the trial's epochs
RATES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)  # shares of the trial's peak rate; cosine starts at its peak

CHOSEN_KEYS = {"learning_rate", "schedule", "epochs", "seed", "init", "protocol", "weights"}
"""Keys whose values fine-tuning chooses anew. The starting point sets those of the network."""


def write_space(start: StartingPoint, trained: Trained) -> Path:
    """Writes ``fine_tune.toml`` into the starting point's folder.

    The space keeps the trial's data and regularisation, and searches the learning rate.
    """
    config = trained.config
    network = {"network", *(field.name for field in dataclasses.fields(Architecture))}
    unchanged = {
        key: value for key, value in config.changed().items() if key not in CHOSEN_KEYS | network
    }
    fixed = {
        "init": str(start.folder),
        "schedule": "cosine",
        "epochs": -(-config.epochs // SHARE),
        **unchanged,
    }
    rates = [round(config.learning_rate * share, 10) for share in RATES]
    path = start.folder / FILE
    write_whole(
        path,
        _SPACE.format(
            question=json.dumps(
                f"How much accuracy does fine-tuning restore to {start.architecture['layer']}, "
                "and at which learning rate?"
            ),
            source=json.dumps(f"compressed from trial {trained.trial_id}, {trained.checkpoint}"),
            name=json.dumps(f"fine_tune_{start.folder.name}"),
            fixed="\n".join(f"{key} = {json.dumps(value)}" for key, value in fixed.items()),
            low=rates[0],
            high=config.learning_rate,
            rates=json.dumps(rates),
        ),
    )
    return path


_SPACE = """\
[space]
question = {question}
source = {source}
name = {name}

[fixed]
{fixed}

[keys.learning_rate]
type = "float"
low = {low}
high = {high}
log = true
grid = {rates}
"""
