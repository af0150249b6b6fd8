"""What an exported network is, where it came from and how fast it is: one JSON object.

It is written three times: `card.json` beside the exported files, `export.json` beside the trial's
checkpoints, and `<study>/latency/<trial_id>.json` for whoever reads the study. Fields:

trial_id, checkpoint, epochs_done, config: the trial and the state that was exported.
input: shape, channel order, mean and std (in pixel values, 0 to 255) of the images the program
    takes, already normalised; preprocess is Python code that makes one of an image file, notes say
    how the data were read; classes: the meaning of its outputs, in order.
form ("factors", "folded"), batchnorm_folded: how it was exported, see ``plain_convs``.
parameters, exported_parameters: numbers stored as trained, as exported.
macs, trained_macs: multiply-adds per image of the exported program, of the network as trained at
    that batch.
onnx: by file name its bytes, accuracy on the held-out images (and how many), difference.
files: bytes by name. latency: a row for each batch: batch (images), median, lower_quartile,
    upper_quartile (seconds of a whole forward pass), runs. candidates: the same at chosen_at_batch,
    by form. threads, device, machine, torch: what they were measured on.
largest_difference: of a logit to the network's, over the largest logit where that is above 1;
    tolerance: what is allowed; images_checked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainables.compression.trained import Trained, find_storage
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
    """``measured`` is ``exporting.export.describe``'s, ``files`` the bytes of each by name."""
    return {
        "format": FORMAT,
        "trial_id": trained.trial_id,
        "checkpoint": trained.checkpoint,
        "epochs_done": trained.epochs_done,
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


def store_card(folder: Path, study: Path, card: dict[str, Any]) -> list[Path]:
    """Writes the card to its places; storage that is no folder (``s3://…``) is left alone."""
    places = [folder / CARD, study / LATENCY / f"{card['trial_id']}.json"]
    storage = find_storage(study)
    if not is_uri(storage):
        places.append(Path(storage).expanduser() / card["trial_id"] / BESIDE_CHECKPOINTS)
    text = json.dumps(card, indent=1) + "\n"
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, text)
    return places
