"""A study of networks and images that nobody here wrote, from the plan to the exported file.

``python -m benchmarks.your_network FOLDER --data-dir DIR`` makes 3,000 PNG files, 64×64, from
CIFAR-10, then runs the commands of docs/results/your-network.md one after another, kills each
search once and starts it again. Every command, its exit code and its output go to
``FOLDER/log.txt``. An hour and more on two cores; the same command goes on where it was stopped.

``--rehearse`` takes the same steps in a few minutes, with scikit-learn's digits and one network.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image

from trainables.config.installation import CHECKOUT, child_environment
from trainables.data.dataset import Dataset
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest

FAMILIES = {
    "resnet18": ("cp", "tucker2", "tt_conv"),
    "mobilenet_v2": ("low_rank", "tensor_train", "cp"),  # its 1x1 make tucker2 and tt_conv low_rank
}
COMPRESSED = {"resnet18": "tucker2", "mobilenet_v2": "low_rank"}


@dataclass(frozen=True)
class Scale:
    """How much of everything.

    Attributes:
        data: where the images are from.
        side: their rows and columns.
        per_class: how many images of each class each part has.
        families: of each network, those beside the dense one.
        validation_images: how many of the training images are held out.
        seeds: how many choose, as many fresh ones estimate, and as many confirm.
        epochs: of each trial.
        kill_after: how many trials have ended when the search is killed.
    """

    data: str
    side: int
    per_class: dict[str, int]
    families: dict[str, tuple[str, ...]]
    validation_images: int
    seeds: int
    epochs: int
    kill_after: int

    @property
    def training(self) -> dict[str, str]:
        """The keys that all trials share."""
        return {
            "compression": "0.25",
            "image_size": str(self.side),
            "epochs": str(self.epochs),
            "batch_size": "64",
            "learning_rate": "0.03",
            "validation_images": str(self.validation_images),
        }

    @property
    def batchnorm_images(self) -> int:
        """All that are trained on."""
        return 10 * self.per_class["train"] - self.validation_images


WHOLE = Scale("cifar10", 64, {"train": 200, "test": 100}, FAMILIES, 400, 3, 5, 3)
REHEARSAL = Scale("digits", 32, {"train": 20, "test": 5}, {"resnet18": ("tucker2",)}, 40, 1, 1, 1)


def make_tree(data: Dataset, scale: Scale, folder: Path) -> None:
    """``train/`` and ``test/`` with a folder per class, of a data set's first images, enlarged."""
    parts = {
        "train": (data.train_pixels, data.train_labels),
        "test": (data.test_pixels, data.test_labels),
    }
    for part, (pixels, labels) in parts.items():
        for label, name in enumerate(data.classes):
            target = folder / part / name
            target.mkdir(parents=True, exist_ok=True)
            for number in np.flatnonzero(labels == label)[: scale.per_class[part]]:
                rgb = np.ascontiguousarray(pixels[number][..., :3])
                square = (scale.side, scale.side)
                image = Image.fromarray(rgb).resize(square, Image.Resampling.BICUBIC)
                image.save(target / f"{number:05}.png")


class Transcript:
    """Runs commands and writes down what each printed and how long it took."""

    def __init__(self, folder: Path, log: TextIO) -> None:
        self._folder = folder
        self._log = log

    def run(self, *words: str, expected: int = 0) -> str:
        """Runs a Python command to its end.

        Raises:
            RuntimeError: where it ends with another code than expected.
        """
        start = time.monotonic()
        done = subprocess.run(**self._how(words), check=False)
        self._write(words, time.monotonic() - start, done.returncode, done.stdout)
        if done.returncode != expected:
            raise RuntimeError(f"{shlex.join(words)} ended with {done.returncode}")
        return done.stdout

    def kill_once(self, *words: str, study: Path, trials: int) -> None:
        """Starts a search and kills its driver with SIGKILL once so many trials have finished.

        Where they have, it was killed by an earlier run of this program.
        """
        if _finished(study) >= trials:
            return
        start = time.monotonic()
        process = subprocess.Popen(**self._how(words), start_new_session=True)
        while process.poll() is None and _finished(study) < trials:
            time.sleep(1)
        process.kill()  # SIGKILL; nothing where it has ended by itself
        process.communicate()
        killed = f"killed with SIGKILL after {_finished(study)} trials"
        self._write(words, time.monotonic() - start, process.returncode, killed)

    def _how(self, words: tuple[str, ...]) -> dict:
        return {
            "args": [sys.executable, *words],
            "cwd": self._folder,
            "env": child_environment(),
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
        }

    def _write(self, words: tuple[str, ...], seconds: float, code: int, text: str) -> None:
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        self._log.write(f"$ python {shlex.join(words)}\n{text}\n")
        self._log.write(f"[exit code {code}, {seconds:.0f} s, load {load}]\n\n")
        self._log.flush()


def _finished(study: Path) -> int:
    """How many trials the ledger says have finished."""
    ledger = study / "ledger.jsonl"
    if not ledger.is_file():
        return 0
    lines = ledger.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return sum(row.get("type") == "ended" and row.get("status") == "finished" for row in rows)


def main() -> None:
    """Makes the images where there are none, then runs every step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, help="a copy of CIFAR-10")
    parser.add_argument("--networks", nargs="*", choices=[*FAMILIES])
    parser.add_argument("--rehearse", action="store_true", help="a few minutes, without CIFAR-10")
    chosen = parser.parse_args()
    scale = REHEARSAL if chosen.rehearse else WHOLE
    folder = chosen.folder.absolute()
    if not (folder / "photos").is_dir():
        data = load_dataset(DataRequest(scale.data, data_dir=chosen.data_dir))
        make_tree(data, scale, folder / "photos")
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        for network in chosen.networks or scale.families:
            _study(Transcript(folder, log), scale, folder, network)


def _study(transcript: Transcript, scale: Scale, folder: Path, network: str) -> None:
    script = str(CHECKOUT / "run_tune.py") if CHECKOUT else "run_tune.py"
    settings = {"network": f"torchvision:{network}", **scale.training}
    settings["layer"] = ",".join(("dense", *scale.families.get(network, FAMILIES[network])))
    seeds = str(scale.seeds)
    search = [script, "--space", "shrink", "--dataset", "folder", "--data-dir", "photos"]
    search += ["--name", network, "--seeds", seeds, "--estimating-seeds", seeds]
    for key, value in settings.items():
        search += ["--set", f"{key}={value}"]
    transcript.run(*search, "--plan")
    study = folder / "results" / network
    transcript.kill_once(*search, study=study, trials=scale.kill_after)
    transcript.run(*search)
    transcript.run("-m", "analysis", str(study))
    confirm = [script, "--space", "shrink", "--data-dir", "photos", "--name", network]
    transcript.run(*confirm, "--confirm", seeds, "--max-parameters", "3000000")
    _compress(transcript, scale, study, network)


def _compress(transcript: Transcript, scale: Scale, study: Path, network: str) -> None:
    """A trained dense network of the study becomes a smaller one, tuned again and exported."""
    dense = min(path.name for path in (study / "checkpoints").glob(f"{network}-dense-*"))
    start, small, layer = f"start-{network}", f"small-{network}", COMPRESSED[network]
    words = [str(study), dense, "--layer", layer, "--compression", scale.training["compression"]]
    words += ["--batchnorm-images", str(scale.batchnorm_images), "--out", start]
    if not (study.parents[1] / start / "state.json").is_file():
        transcript.run("-m", "trainables", "compress", *words)
    tuning = {"init": start, "dataset": "folder", "epochs": "2", "learning_rate": "0.0075"}
    tuning |= {"schedule": "cosine"}
    tuning |= {
        key: scale.training[key] for key in ("image_size", "batch_size", "validation_images")
    }
    words = [word for key, value in tuning.items() for word in ("--set", f"{key}={value}")]
    transcript.run("-m", "trainables", "train", *words, "--data-dir", "photos", "--out", small)
    words = [small, "--data-dir", "photos", "--onnx", "--int8", "--seconds", "1"]
    transcript.run("-m", "trainables", "export", *words)


if __name__ == "__main__":
    main()
