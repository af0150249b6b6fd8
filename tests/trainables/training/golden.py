"""The numbers that a few steps of every family and protocol come to.

    python -m tests.trainables.training.golden

writes them anew. That is due when RECIPE_VERSION was raised, and only then: a trial's id promises
its numbers.
"""

import json
from pathlib import Path
from typing import Any

from trainables.config.train_config import RECIPE_VERSION, TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest
from trainables.sizes.registry import SIZES
from trainables.training.trainer import Trainer

FILE = Path(__file__).with_name("golden.json")
FEW_STEPS = {
    "width": 4,
    "batch_size": 64,
    "epochs": 1,
    "learning_rate": 0.1,
    "dataset": "digits",
    "train_images": 256,
    "validation_images": 100,
    "precision": "fp32",
}
RANKED = {"layer": "tucker2", "rank": 3}
CASES: dict[str, dict[str, Any]] = {
    **{name: {"layer": name, "rank": 3 if one.ranked else None} for name, one in SIZES.items()},
    **{
        f"{protocol} {layer}": {"protocol": protocol, "layer": layer, "rank": 3}
        for protocol in ("original_a_plain", "original_a_scaled", "original_tt")
        for layer in ("low_rank", "tensor_train")
    },
    "schedule": {"schedule": "cosine"},
    "label_smoothing": {"label_smoothing": 0.1},
    "frobenius": {**RANKED, "regularizer": "frobenius", "weight_decay": 0.05},
    "decay of layers": {
        **RANKED,
        "weight_decay": 0.05,
        "weight_decay_scaling": 1.0,
        "weight_decay_ratio": "layer",
    },
    "decay of networks": {**RANKED, "weight_decay": 0.05, "weight_decay_scaling": 0.5},
    "wrn-10-1": {"network": "wrn-10-1", "width": 64, **RANKED},
}


def numbers(case: str, digits: Dataset) -> dict[str, float]:
    """Of one epoch of four batches, on one thread, in fp32."""
    config = TrainConfig.from_trial({**FEW_STEPS, **CASES[case]})
    trainer = Trainer(config, digits, threads=1)
    metrics = trainer.train_epoch()
    assert metrics is not None
    assert metrics.val_loss is not None or metrics.test_loss is not None
    after = metrics.val_loss if metrics.val_loss is not None else metrics.test_loss
    norm = sum(float(one.detach().double().square().sum()) for one in trainer.network.parameters())
    return {"train_loss": metrics.train_loss, "loss_after": float(after or 0), "norm": norm**0.5}


def write() -> None:
    """Replaces the file."""
    digits = load_dataset(DataRequest("digits"))
    cases = {case: numbers(case, digits) for case in CASES}
    FILE.write_text(json.dumps({"recipe": RECIPE_VERSION, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    write()
