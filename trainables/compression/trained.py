"""A trained network: the furthest checkpoint of a study's trial, or what ``train`` wrote."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from trainables.architectures.network_size import NetworkSize
from trainables.compression.study_trials import (
    TrialError,
    find_storage,
    only_trial,
    study_information,
    unknown_trial,
)
from trainables.config.checkpoint_place import STATE, CheckpointName
from trainables.config.starting_point import StartingPoint, read_starting_point
from trainables.config.tables import register_tables
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.python_file import PATTERN
from trainables.files.study_folder import TRAINED_ALONE
from trainables.networks.build import build_network
from trainables.networks.weights import load_weights, read_weights
from trainables.training.checkpoints.checkpoint import (
    CheckpointError,
    UnreachableCheckpointError,
    read_checkpoint,
)
from trainables.training.checkpoints.checkpoint_store import CheckpointStore

ANSWER_SECONDS = 15.0
"""For how long a storage that is away is asked where someone waits at a terminal."""

SIZES_ASKED = ("rank", "rank_scale", "rank_divisor", "parameters", "compression")
"""Keys of the network that was compressed; of what it became, the ranks are known."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, in float32 on the CPU, in evaluation mode.

    Attributes:
        trial_id: of its trial; for weights from elsewhere, the name of their file without suffix.
        config: what it was trained with.
        size: its layers with their ranks.
        network: the module.
        checkpoint: its name in the trial's folder, such as e24-a0; for weights from elsewhere, the
            name of their file.
        epochs_done: how many epochs it was trained for.
        dataset_checksum: of the images that it was trained on; "" where that is not known.
        damaged: what is wrong with each later checkpoint, which was passed over.
    """

    trial_id: str
    config: TrainConfig
    size: NetworkSize
    network: nn.Module
    checkpoint: str
    epochs_done: int
    dataset_checksum: str
    damaged: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What a user should know: that it is not the furthest that the trial got."""
        return [f"{problem}: {self.checkpoint} is used instead" for problem in self.damaged]


def from_weights(config: TrainConfig, weights: Path) -> Trained:
    """A network that was trained elsewhere, from the file of its weights.

    Args:
        config: the dense network, the images that it takes, and the settings for fine-tuning it.
        weights: a file that ``read_weights`` accepts.

    Raises:
        WeightsError: where the file cannot be read, or holds the weights of another network.
    """
    size = config.network_size()
    network = build_network(size, batch=config.batch_size, seed=config.seed)
    load_weights(network, read_weights(weights), str(weights))
    return Trained(
        trial_id=weights.stem,
        config=config,
        size=size,
        network=network.eval(),
        checkpoint=weights.name,
        epochs_done=0,
        dataset_checksum="",
    )


def load_trained(study: Path, trial_id: str = "") -> Trained:
    """Loads the trial's furthest whole checkpoint; its data set is named as found from here.

    Args:
        study: a study folder, a folder that ``trainables train``, ``compress`` or ``analysis best``
            wrote, or one that holds what ``train`` wrote.
        trial_id: may be left out where the folder holds one trial.

    Raises:
        TrialError: where the study has no such trial; names the nearest.
    """
    trained = _load(study, trial_id)
    dataset = _found(study, trained.config.dataset)
    return dataclasses.replace(trained, config=dataclasses.replace(trained.config, dataset=dataset))


def _found(study: Path, dataset: str) -> str:
    """The name of a data set; a function's file may lie where the study was begun, or above it."""
    if (match := PATTERN.fullmatch(dataset)) is None:
        return dataset
    begun = Path(str(study_information(study).get("directory") or ""))
    file = Path(match["path"]).expanduser()
    places = (Path(), begun, *study.absolute().parents)
    return next((str(place / dataset) for place in places if (place / file).is_file()), dataset)


def _load(study: Path, trial_id: str) -> Trained:
    storage = find_storage(study)
    for folder in (study / TRAINED_ALONE, study / trial_id / TRAINED_ALONE):
        if (folder / STATE).is_file():
            return _trained_alone(folder, trial_id)
    if (study / STATE).is_file():
        return _compressed(study, trial_id)
    if not trial_id:
        trial_id = only_trial(study, storage)
    names = CheckpointStore(storage, trial_id, retry_seconds=ANSWER_SECONDS).names()
    if not names:
        raise TrialError(unknown_trial(study, storage, trial_id))
    store, damaged = CheckpointStore(storage, trial_id), list[str]()
    for name in names:
        try:
            return dataclasses.replace(_open(store, name), damaged=tuple(damaged))
        except UnreachableCheckpointError as problem:
            raise TrialError(str(problem)) from problem
        except CheckpointError as problem:
            damaged.append(str(problem))
    raise TrialError(f"no checkpoint of {trial_id} can be read: {'; '.join(damaged)}")


def _trained_alone(folder: Path, trial_id: str) -> Trained:
    try:
        trained = _read(folder, TRAINED_ALONE)
    except CheckpointError as problem:
        raise TrialError(f"the checkpoint cannot be read: {problem}") from problem
    if trial_id not in ("", trained.trial_id):
        raise TrialError(f"{folder} holds {trained.trial_id}, not {trial_id!r}")
    return trained


def _compressed(folder: Path, trial_id: str) -> Trained:
    """What ``compress`` wrote, as it is before any training."""
    try:
        tensors, state = read_checkpoint(folder)
        if "trial_id" in state:  # a trial's checkpoint, which ``analysis best`` copied
            return _trained_alone(folder, trial_id)
        start = read_starting_point(folder)
        with _of_this_version(folder):
            trained = _rebuilt_start(start, tensors, state["source"])
    except (CheckpointError, ValueError) as problem:
        raise TrialError(f"{folder} holds no network: {problem}") from problem
    if trial_id not in ("", trained.trial_id):
        raise TrialError(f"{folder} holds one network, not {trial_id!r}: leave that out")
    return trained


def _rebuilt_start(
    start: StartingPoint, tensors: dict[str, Tensor], source: dict[str, Any]
) -> Trained:
    settings = {key: value for key, value in source["config"].items() if key not in SIZES_ASKED}
    config = TrainConfig.from_trial({**settings, **start.architecture})
    size = config.network_size()
    network = build_network(size, batch=config.images_at_once, seed=config.seed)
    network.load_state_dict(tensors)
    return Trained(
        trial_id=start.folder.resolve().name,
        config=config,
        size=size,
        network=network.eval(),
        checkpoint=start.folder.name,
        epochs_done=0,
        dataset_checksum=source["dataset_checksum"],
    )


def _open(store: CheckpointStore, name: CheckpointName) -> Trained:
    with store.read(name) as folder:
        return _read(folder, str(name))


def _read(folder: Path, name: str) -> Trained:
    tensors, state = read_checkpoint(folder)
    with _of_this_version(folder):
        return _rebuilt(tensors, state, name)


@contextlib.contextmanager
def _of_this_version(folder: Path) -> Iterator[None]:
    """Raises CheckpointError where something in a checkpoint is missing or of another kind."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, RuntimeError) as problem:  # edited by hand, say
        reason = str(problem).partition("\n")[0]
        raise CheckpointError(
            f"{folder} holds no checkpoint that this version can read: "
            f"{type(problem).__name__}: {reason}"
        ) from problem


def _rebuilt(tensors: dict[str, Tensor], state: dict[str, Any], name: str) -> Trained:
    register_tables(state.get("tables", ()))
    config = TrainConfig.from_trial(state["config"])
    size = config.network_size()
    network = build_network(size, batch=config.images_at_once, seed=config.seed)
    prefix = "network."
    weights = {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
    network.load_state_dict(weights)
    return Trained(
        trial_id=state["trial_id"],
        config=config,
        size=size,
        network=network.eval(),
        checkpoint=name,
        epochs_done=state["epochs_done"],
        dataset_checksum=state["dataset_checksum"],
    )
