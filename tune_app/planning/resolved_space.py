"""A space as this run asks it: after --preset, --dataset and --set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.space import Key, SearchSpace
from trainables.config.train_config import SIZE_KEYS
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions

QUICK: Mapping[str, Scalar] = {
    # at 8 epochs dense > separable > low-rank shows; half of that is a first look
    "width": 8,
    "epochs": 4,
    "batch_size": 128,
    "learning_rate": 0.2,
}
QUICK_CIFAR10: Mapping[str, Scalar] = {"train_images": 10_240, "validation_images": 2_000}


@dataclass(frozen=True, slots=True)
class ResolvedSpace:
    """The space that is searched, the seeds of each point, and notes on what was changed."""

    space: SearchSpace
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()


def apply_overrides(space: SearchSpace, options: RunOptions) -> ResolvedSpace:
    """Applies the preset, then the dataset, then every --set.

    Raises:
        UsageError: with every setting that contradicts another or the space.
    """
    problems = _contradictions(space, options)
    if problems:
        raise UsageError(problems)
    settings = {name: values for name, values in options.settings.items() if name != "seed"}
    if options.dataset is not None:
        settings["dataset"] = (options.dataset,)
    seeds = options.settings.get("seed") or _seeds(space, options)
    quick = _quick(space, settings) if options.preset == "quick" else {}
    changed = _apply(_fixing(_without_seed(space), quick), settings)
    told = ", ".join(f"{name}={value}" for name, value in quick.items())
    notes = (f"preset quick: {told}",) if quick else ()
    return ResolvedSpace(changed, tuple(int(seed) for seed in seeds), notes)


def _seeds(space: SearchSpace, options: RunOptions) -> tuple[Scalar, ...]:
    """Those of the option; else those that the space names; else as many as it asks for."""
    if options.seeds is None and "seed" in space.keys:
        return tuple(space.keys["seed"].domain.grid)
    if options.seeds is None and "seed" in space.fixed:
        return (space.fixed["seed"],)
    return tuple(range(options.seeds or space.seeds))


def _without_seed(space: SearchSpace) -> SearchSpace:
    """The seed replicates points; it is never one of their coordinates."""
    keys = {name: key for name, key in space.keys.items() if name != "seed"}
    fixed = {name: value for name, value in space.fixed.items() if name != "seed"}
    return dataclasses.replace(space, keys=keys, fixed=fixed)


def _contradictions(space: SearchSpace, options: RunOptions) -> list[str]:
    """Settings that cannot all be meant."""
    settings, problems = options.settings, []
    if options.dataset is not None and settings.get("dataset", (options.dataset,)) != (
        options.dataset,
    ):
        problems.append("--dataset and --set dataset= say different things; keep one of them")
    if options.seeds is not None and "seed" in settings:
        problems.append("--seeds and --set seed= both choose the seeds; keep one of them")
    if "seed" in settings and any(type(seed) is not int or seed < 0 for seed in settings["seed"]):
        problems.append(
            f"--set seed= takes whole numbers from 0 on, got {_words(settings['seed'])}"
        )
    for name, values in settings.items():
        if None in values and len(values) > 1:
            problems.append(f"--set {name}=none drops the key from the space and stands alone")
    return problems + _two_sizes(space, settings)


def _two_sizes(space: SearchSpace, settings: Mapping[str, tuple]) -> list[str]:
    """A size given while the space already has another way of giving it."""
    own = [name for name in SIZE_KEYS if name in space.keys or name in space.fixed]
    kept = [name for name in own if settings.get(name) != (None,)]
    given = [name for name in SIZE_KEYS if name in settings and settings[name] != (None,)]
    both = sorted(set(kept) | set(given), key=SIZE_KEYS.index)
    if len(both) < 2 or not given:
        return []
    if len(given) > 1:
        return [f"--set gives a size in {len(given)} ways, {' and '.join(given)}; keep one of them"]
    other = next(name for name in both if name != given[0])
    return [
        f"space {space.name!r} gives the size by {other}, --set by {given[0]}: two ways of one "
        f"thing; to replace it add --set {other}=none"
    ]


def _quick(space: SearchSpace, settings: Mapping[str, tuple]) -> dict[str, Scalar]:
    """What the quick preset fixes: nothing that is searched or set by hand."""
    dataset = settings.get("dataset", (space.fixed.get("dataset", "cifar10"),))[0]
    wanted = {**QUICK, **(QUICK_CIFAR10 if dataset == "cifar10" else {})}
    return {
        name: value
        for name, value in wanted.items()
        if name not in space.keys and name not in settings and space.fixed.get(name) != value
    }


def _fixing(space: SearchSpace, values: Mapping[str, Scalar]) -> SearchSpace:
    return dataclasses.replace(space, fixed={**space.fixed, **values})


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
    contrast = space.contrast if space.contrast and space.contrast.key in {*keys, *fixed} else None
    try:
        return dataclasses.replace(space, keys=keys, fixed=fixed, contrast=contrast)
    except ValueError as problem:
        raise UsageError([str(problem)]) from problem


def _add(
    name: str, values: tuple, keys: dict, fixed: dict, replaced: Mapping[str, Key | None]
) -> None:
    """A key that the space did not search: one value fixes it, several make it a searched one."""
    fixed.pop(name, None)
    sizes = [key for other, key in replaced.items() if other in SIZE_KEYS and key]
    when = sizes[0].when if sizes and name in SIZE_KEYS else {}
    if len(values) == 1 and not when:
        fixed[name] = values[0]
    else:
        keys[name] = Key(Choice(values), when=when)


def _words(values: tuple) -> str:
    return ", ".join(map(str, values))
