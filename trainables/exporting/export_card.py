"""The card of an exported network: what it is, where it comes from, how fast it is, as JSON.

It is written to `card.json` beside the exported files, to `export.json` beside the trial's
checkpoints, and to `<study>/latency/<trial_id>.json` for the study's report. Fields:

trial_id, checkpoint, epochs_done, config: the trial and the state that was exported; notes: later
    checkpoints of it that are damaged.
input: shape, channel order, mean and std (in pixel values, 0 to 255) of the images the program
    takes, already normalised; preprocess is Python code that makes one from an image file; notes
    tell how the data were read; classes: the meaning of its outputs, in order.
form ("factors", "folded"), batchnorm_folded: how it was exported, see ``plain_convs``.
parameters, exported_parameters: number of stored values as trained, and as exported.
macs, trained_macs: multiply-adds per image of the exported program, and of the network as trained,
    at that batch.
onnx: by file name its bytes, accuracy on the held-out images (and how many), difference.
files: bytes by name. latency: a row for each batch: batch (images), median, lower_quartile,
    upper_quartile (seconds of a whole forward pass), runs. candidates: the same at chosen_at_batch,
    by form. threads, device, machine, torch: of the measurement.
largest_difference: of a logit from the network's, over the largest logit where that is above 1;
    tolerance: the largest allowed; images_checked: number of images compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainables.compression.study_trials import find_storage
from trainables.compression.trained import Trained
from trainables.data.dataset import Dataset
from trainables.data.reading.preprocess_code import preprocess_code
from trainables.files.storage import is_uri
from trainables.files.study_folder import LATENCY
from trainables.files.whole_file import write_whole

FORMAT = 1
CARD = "card.json"
BESIDE_CHECKPOINTS = "export.json"


def make_card(
    trained: Trained, data: Dataset, measured: dict[str, Any], files: dict[str, int]
) -> dict[str, Any]:
    """The card; ``measured`` comes from ``export.describe``, ``files`` has bytes by name."""
    return {
        "format": FORMAT,
        "trial_id": trained.trial_id,
        "checkpoint": trained.checkpoint,
        "epochs_done": trained.epochs_done,
        **({"notes": trained.notes} if trained.notes else {}),
        **measured,
        "files": files,
        "input": {
            "shape": ["batch", 3, data.image_size, data.image_size],
            "channels": ["red", "green", "blue"],
            "dtype": "float32",
            "mean": list(data.mean),
            "std": list(data.std),
            "preprocess": preprocess_code(
                data.image_size, trained.config.resize, data.mean, data.std
            ),
            **({"notes": list(data.notes)} if data.notes else {}),
        },
        "classes": list(data.classes),
        "config": trained.config.to_dict(),
    }


def store_card(study: Path, card: dict[str, Any]) -> list[Path]:
    """Writes the card into the study, and beside its checkpoints unless these are remote."""
    targets = [study / LATENCY / f"{card['trial_id']}.json"]
    storage = find_storage(study)
    if not is_uri(storage):
        targets.append(Path(storage).expanduser() / card["trial_id"] / BESIDE_CHECKPOINTS)
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_card(target, card)
    return targets


def files_of_another_export(folder: Path, card: dict[str, Any]) -> list[Path]:
    """The files of an export of another state that lies in ``folder``, if ``card`` lacks them.

    An ONNX file of the network before would lie beside the card of this one.
    """
    try:
        before = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if all(before[key] == card[key] for key in ("trial_id", "epochs_done")):
            return []
        return [folder / Path(name).name for name in before["files"] if name not in card["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Writes the card as JSON."""
    write_whole(path, json.dumps(card, indent=1) + "\n")
