"""Values that a space leaves open, settled once per study."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.compiled.precision import read_cpu_flags, resolve_precision
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
    precision = stored.get("precision") or _precision(options)
    try:
        request = data_request(space.fixed, options)
        resolved = {"precision": precision, "classes": count_dataset(request).classes}
        if not stored or "data_digest" in stored:
            resolved |= {"data_digest": content_digest(request) or ""}
    except DatasetError as problem:
        raise UsageError([str(problem)]) from problem
    return {name: value for name, value in resolved.items() if value != ""}


def _precision(options: RunOptions) -> str:
    return resolve_precision("auto", gpu=_on_gpus(options), cpu_flags=read_cpu_flags())


def _on_gpus(options: RunOptions) -> bool:
    if options.gpus_per_trial == 0:
        return False
    # the driver of a cluster need not have a card itself
    return this_machine().gpus > 0 or bool(options.address and options.gpus_per_trial)


def other_content(
    resolved: Mapping[str, Scalar], space: SearchSpace, options: RunOptions
) -> list[str]:
    """Why the images are not those that a study resolved to.

    Empty where they are, or where the study began before their content was part of it.
    """
    known = resolved.get("data_digest")
    if not known:
        return []
    try:
        found = content_digest(data_request(space.fixed, options))
    except DatasetError as problem:
        return [str(problem)]
    if found == known:
        return []
    return [
        f"the study was trained on other images: their content was {known}, that of "
        f"{options.data_dir} is {found}; name its own with --data-dir"
    ]
