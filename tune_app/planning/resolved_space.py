"""A space as this run searches it: after --preset, --dataset and --set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.grammar.answerable import design_problems
from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.key import Key
from search_spaces.grammar.seeds import (
    ESTIMATING_SEEDS_FROM,
    MOST_CHOOSING_SEEDS,
    estimating_seeds,
    is_choosing,
)
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.resnet9 import RESNET9
from trainables.config.former_names import with_present_names
from trainables.data.datasets.registry import DATASETS, count_dataset, one_spelling
from trainables.data.sources import DatasetError
from trainables.sizes.size_keys import SIZE_KEYS
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.data_request import DATA_KEYS, are_functions, data_request
from tune_app.planning.rewritten import space_in_present_names
from tune_app.record.paths import study_paths
from tune_app.record.study_document import planned_configs, stored_identity, stored_resolution

ONE_STAGE = (
    "one stage: the best of several is not run again on fresh seeds, so that nothing is claimed "
    "about it (--estimating-seeds 5 adds them)"
)

QUICK: Mapping[str, Scalar] = {
    # at 8 epochs dense > separable > low-rank shows; half of that is a first look
    "width": 8,
    "epochs": 4,
    "batch_size": 128,
    "learning_rate": 0.2,
}
FEWER_IMAGES: Mapping[str, Scalar] = {"train_images": 10_240, "validation_images": 2_000}
"""Of a data set that has more."""


@dataclass(frozen=True, slots=True)
class ResolvedSpace:
    """The space that is searched, its seeds, and notes on what was changed.

    ``seeds`` are the choosing seeds of each point, ``estimating_seeds`` those of what is chosen.
    """

    space: SearchSpace
    seeds: tuple[int, ...]
    estimating_seeds: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def apply_overrides(space: SearchSpace, options: RunOptions) -> ResolvedSpace:
    """Applies the preset, then the dataset, then every --set.

    Raises:
        UsageError: with every setting that contradicts another or the space.
    """
    problems = _contradictions(space, options)
    if problems:
        raise UsageError(problems)
    space = space_in_present_names(space)
    settings = {
        name: tuple(dict.fromkeys(values))
        for name, values in with_present_names(options.settings).items()
        if name != "seed"
    }
    if options.dataset is not None:
        settings["dataset"] = (options.dataset,)
    seeds = tuple(int(seed) for seed in _seeds(space, options))
    requested, space = space, _without_width(space, settings)
    quick = _quick(space, settings, options) if options.preset == "quick" else {}
    changed = _apply(_fixing(_without_seed(space), quick), settings)
    if isinstance(named := changed.fixed.get("dataset"), str):
        changed = _fixing(changed, {"dataset": _as_begun(named, options, space.name)})
    quick_values = ", ".join(f"{name}={value}" for name, value in quick.items())
    notes = [f"preset quick: {quick_values}"] * bool(quick) + _unasked(requested, changed)
    count = options.estimating_seeds
    estimating = estimating_seeds(space.estimating_seeds if count is None else count)
    notes += [ONE_STAGE] * (not estimating)
    return ResolvedSpace(changed, seeds, estimating, tuple(notes))


def _as_begun(dataset: str, options: RunOptions, name: str) -> str:
    """One spelling of a data set's name; that of the study, where it began with another."""
    if dataset in DATASETS:
        return dataset
    spelled, begun = one_spelling(dataset), _begun(options, name)[0]
    return begun if one_spelling(begun) == spelled else spelled


def data_as_begun(
    space: SearchSpace, resolved: Mapping[str, Scalar], options: RunOptions, name: str
) -> SearchSpace:
    """The same space; a function of images is named as the study has it, if it returns the same.

    The file may have been moved, or lie in another place as seen from here. ``name`` is the
    space's, before a preset.
    """
    begun, digest = _begun(options, name)
    same = digest and resolved.get("data_digest") == digest
    if same and are_functions(space.fixed.get("dataset"), begun):
        return _fixing(space, {"dataset": begun})
    return space


def _begun(options: RunOptions, name: str) -> tuple[str, str]:
    """The data set that the study began with, and the digest of its images; "" where unknown."""
    paths = study_paths(options, name)
    if options.fresh:
        return "", ""
    known = stored_identity(paths) or next(iter(planned_configs(paths)), {})
    digest = stored_resolution(paths).get("data_digest")
    return str(known.get("dataset") or ""), str(digest or "")


def _unasked(space: SearchSpace, changed: SearchSpace) -> list[str]:
    """The questions that the changed design cannot answer, and why."""
    notes = []
    for question in space.questions:
        for _, reason in design_problems(question, changed.keys, changed.fixed):
            notes.append(f"its question ({question.kind}) is not asked: {reason}")
            break
    return notes


def _seeds(space: SearchSpace, options: RunOptions) -> Sequence[Scalar]:
    """Those of --set; else of --seeds; else those that the space names, or as many as it asks."""
    if "seed" in options.settings:
        return options.settings["seed"]
    if options.seeds is None and "seed" in space.keys:
        return space.keys["seed"].domain.grid
    if options.seeds is None and "seed" in space.fixed:
        return (space.fixed["seed"],)
    return range(options.seeds or space.seeds)


def _seed_problems(space: SearchSpace, options: RunOptions) -> list[str]:
    reserved = f"those from {ESTIMATING_SEEDS_FROM} on estimate what the others chose"
    if (options.seeds or 0) > MOST_CHOOSING_SEEDS:
        return [f"--seeds takes 1 to {MOST_CHOOSING_SEEDS}, got {options.seeds:,}: {reserved}"]
    wrong = [
        seed for seed in _seeds(space, options) if type(seed) is not int or not is_choosing(seed)
    ]
    if not wrong:
        return []
    origin = "--set seed=" if "seed" in options.settings else f"space {space.name!r}: seed"
    most = MOST_CHOOSING_SEEDS - 1
    return [
        f"{origin} takes whole numbers from 0 to {most} ({reserved}), got {_words(tuple(wrong))}"
    ]


def _without_seed(space: SearchSpace) -> SearchSpace:
    """The seed replicates points; it is never one of their coordinates."""
    keys = {name: key for name, key in space.keys.items() if name != "seed"}
    fixed = {name: value for name, value in space.fixed.items() if name != "seed"}
    return space.with_keys(keys, fixed)


def _contradictions(space: SearchSpace, options: RunOptions) -> list[str]:
    """Settings that contradict each other."""
    settings, problems = options.settings, []
    if options.dataset is not None and settings.get("dataset", (options.dataset,)) != (
        options.dataset,
    ):
        problems.append("--dataset and --set dataset= say different things; keep one of them")
    if options.seeds is not None and "seed" in settings:
        problems.append("--seeds and --set seed= both choose the seeds; keep one of them")
    problems += _seed_problems(space, options)
    for name, values in settings.items():
        if None in values and len(values) > 1:
            problems.append(f"--set {name}=none drops the key from the space; give no other value")
    return problems + _two_sizes(space, settings)


def _two_sizes(space: SearchSpace, settings: Mapping[str, tuple]) -> list[str]:
    """A size given while the space already has another way of giving it."""
    space_keys = [name for name in SIZE_KEYS if name in space.keys or name in space.fixed]
    remaining = [name for name in space_keys if settings.get(name) != (None,)]
    set_keys = [name for name in SIZE_KEYS if name in settings and settings[name] != (None,)]
    both = sorted(set(remaining) | set(set_keys), key=SIZE_KEYS.index)
    if len(both) < 2 or not set_keys:
        return []
    if len(set_keys) > 1:
        ways = f"{len(set_keys)} ways, {' and '.join(set_keys)}"
        return [f"--set gives a size in {ways}; keep one of them"]
    space_key = next(name for name in both if name != set_keys[0])
    return [
        f"space {space.name!r} gives the size by {space_key}, and --set gives it by {set_keys[0]} "
        f"too; to use {set_keys[0]} alone add --set {space_key}=none"
    ]


def _quick(
    space: SearchSpace, settings: Mapping[str, tuple], options: RunOptions
) -> dict[str, Scalar]:
    """What the quick preset fixes: nothing that is searched or set by hand."""
    quick_values = {**QUICK, **_fewer_images(space, settings, options)}
    if not _has_width(space, settings):
        del quick_values["width"]
    return {
        name: value
        for name, value in quick_values.items()
        if name not in space.keys and name not in settings and space.fixed.get(name) != value
    }


def _fewer_images(
    space: SearchSpace, settings: Mapping[str, tuple], options: RunOptions
) -> Mapping[str, Scalar]:
    """How many images the quick preset takes of a large data set; nothing of a small one."""
    data_settings = {name: values[0] for name, values in settings.items() if name in DATA_KEYS}
    try:
        counts = count_dataset(data_request({**space.fixed, **data_settings}, options))
    except DatasetError:  # reading the images reports it
        return {}
    if counts.train_images <= 12_240:
        return {}
    fewer = dict(FEWER_IMAGES)
    if counts.own_validation:
        del fewer["validation_images"]
    return fewer


def _without_width(space: SearchSpace, settings: Mapping[str, tuple]) -> SearchSpace:
    """A ready space fixes the width of ResNet-9, which no other network has."""
    if _has_width(space, settings) or "width" in settings:
        return space
    keys = {name: key for name, key in space.keys.items() if name != "width"}
    fixed = {name: value for name, value in space.fixed.items() if name != "width"}
    return space.with_keys(keys, fixed)


def _has_width(space: SearchSpace, settings: Mapping[str, tuple]) -> bool:
    """Whether every network that is asked for is ResNet-9."""
    if "network" in settings:
        networks = settings["network"]
    elif "network" in space.keys:
        networks = space.keys["network"].domain.grid
    else:
        networks = (space.fixed.get("network", RESNET9),)
    return set(networks) <= {RESNET9, None}


def _fixing(space: SearchSpace, values: Mapping[str, Scalar]) -> SearchSpace:
    return space.with_keys(space.keys, {**space.fixed, **values})


def _apply(space: SearchSpace, settings: Mapping[str, tuple]) -> SearchSpace:
    keys, fixed = dict(space.keys), dict(space.fixed)
    replaced = {name: keys.get(name) for name, values in settings.items() if values == (None,)}
    for name, values in settings.items():
        if name in keys and values != (None,):  # stays searched, so that it is growth
            keys[name] = dataclasses.replace(keys[name], domain=Choice(values))
        elif name in replaced:
            keys.pop(name, None)
            fixed.pop(name, None)
        else:
            _add(name, values, keys, fixed, replaced)
    try:
        return space.with_keys(keys, fixed)
    except ValueError as problem:
        raise UsageError([str(problem)]) from problem


def _add(
    name: str, values: tuple, keys: dict, fixed: dict, replaced: Mapping[str, Key | None]
) -> None:
    """A key that the space did not search: one value fixes it, several make it a searched one."""
    fixed.pop(name, None)
    sizes = [key for key_name, key in replaced.items() if key_name in SIZE_KEYS and key]
    when = sizes[0].when if sizes and name in SIZE_KEYS else {}
    if len(values) == 1 and not when:
        fixed[name] = values[0]
    else:
        keys[name] = Key(Choice(values), when=when)


def _words(values: tuple) -> str:
    return ", ".join(map(str, values))
