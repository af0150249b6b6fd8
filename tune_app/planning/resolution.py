"""Values that a space leaves open, settled once per study."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.resnet9 import RESNET9
from trainables.compiled.measured_precision import choose_precision
from trainables.compiled.precision import read_cpu_flags, resolve_precision
from trainables.config.tables import resolve_network
from trainables.config.torch_process import TorchProcessError
from trainables.data.datasets.registry import content_digest, count_dataset
from trainables.data.sources import DatasetError
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.devices import this_machine
from tune_app.planning.data_request import data_request
from tune_app.record.paths import study_paths
from tune_app.record.study_document import stored_resolution


def resolve_open_values(space: SearchSpace, options: RunOptions) -> dict[str, Scalar]:
    """What stands for ``precision="auto"``, the number of classes, and the content of the data.

    A study that exists keeps what it began with: the same trials on another machine are the same
    trials. One that began before the data's content was part of an id keeps its ids.
    """
    stored = {} if options.fresh else stored_resolution(study_paths(options, space.name))
    try:
        request = data_request(space.fixed, options)
        classes = count_dataset(request).classes
        precision = stored.get("precision") or _precision(space, options, classes)
        resolved = {"precision": precision, "classes": classes}
        if not stored or "data_digest" in stored:
            resolved |= {"data_digest": content_digest(request) or ""}
    except DatasetError as problem:
        raise UsageError([str(problem)]) from problem
    return {name: value for name, value in resolved.items() if value != ""}


def _precision(space: SearchSpace, options: RunOptions, classes: int) -> str:
    """What "auto" stands for: one format for every network of the study."""
    gpu = _on_gpus(options)
    side = data_request(space.fixed, options).image_size
    networks = [space.fixed.get("network", RESNET9)]
    if "network" in space.keys:
        networks = list(space.keys["network"].domain.grid)
    if space.fixed.get("precision", "auto") == "auto":
        with contextlib.suppress(TorchProcessError):  # a wrong network is reported later
            resolved = [
                resolve_network(str(name), image_size=side, classes=classes) for name in networks
            ]
            return choose_precision(resolved, image_size=side, classes=classes, gpu=gpu)
    return resolve_precision("auto", gpu=gpu, cpu_flags=read_cpu_flags())


def _on_gpus(options: RunOptions) -> bool:
    if options.gpus_per_trial == 0:
        return False
    # the driver of a cluster need not have a card itself
    return this_machine().gpus > 0 or bool(options.address and options.gpus_per_trial)


def other_content(
    resolved: Mapping[str, Scalar], keys: Mapping[str, Any], options: RunOptions
) -> list[str]:
    """Why the images that the keys of a trial name are not those that a study resolved to.

    Empty where they are, or where the study began before their content was part of it.
    """
    recorded_digest = resolved.get("data_digest")
    if not recorded_digest:
        return []
    try:
        current_digest = content_digest(data_request(keys, options))
    except DatasetError as problem:
        return [str(problem)]
    if current_digest == recorded_digest:
        return []
    return [
        f"the study was trained on other images: their content was {recorded_digest}, that of "
        f"{options.data_dir} is {current_digest}; name its own with --data-dir"
    ]
