"""What makes two runs the same study: fixed keys, dataset, recipe. Everything else is growth."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.domains import Choice, Domain
from trainables.architectures.budget import InfeasibleError
from trainables.config.resolution import (
    DECIDED_BY,
    OPEN_KEYS,
    OPTIMIZER_DEFAULTS,
    content,
    default_values,
    without_written_defaults,
)
from trainables.config.starting_point import ARCHITECTURE, OF_A_NETWORK, split_init
from trainables.config.starting_weights import split_weights
from trainables.config.tables import split_network
from trainables.config.torch_process import TorchProcessError
from trainables.config.train_config import (
    RECIPE_VERSION,
    ConfigError,
    TrainConfig,
    default_keys,
)
from trainables.config.trial_id import canonical, trial_id
from tune_app.command.options import RunOptions
from tune_app.planning.parsed_point import configure, whole_point
from tune_app.planning.plan import Plan
from tune_app.planning.sampling import corner_points
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import (
    is_of_another,
    planned_trials,
    read_information,
    stored_identity,
)

if TYPE_CHECKING:
    from analysis.record.rows import Planned

GROWS = ("seed", "dataset")  # the seed is growth; the dataset has an entry of its own
OF_AN_OPTIMIZER = OPTIMIZER_DEFAULTS["sgd"]  # keys whose default depends on another key


def study_identity(plan: Plan) -> dict[str, Any]:
    """Plain JSON values, stored in study.json as ``identity``.

    ``fixed`` holds the fixed keys (after --set) that differ from their defaults, ``resolved`` what
    the study put for open values such as ``precision="auto"``, ``searched`` the other keys: one
    that was fixed and is searched now widens the study.
    """
    defaults = default_keys()
    said = _said_defaults(plan.space.fixed, plan)
    fixed = {
        name: value
        for name, value in sorted(plan.space.fixed.items())
        if name not in GROWS
        and name not in said
        and (name in OF_AN_OPTIMIZER or value != defaults[name])
    }
    dataset = plan.space.fixed.get("dataset", defaults["dataset"])
    if "dataset" in plan.space.keys:
        dataset = "searched"
    resolved = {
        name: value for name, value in plan.rules.resolved.items() if name not in plan.space.keys
    }
    return {
        "dataset": dataset,
        "fixed": _without_own(fixed, "optimizer" in plan.space.keys),
        "recipe": RECIPE_VERSION,
        "resolved": resolved,
        "searched": sorted(plan.space.keys),
    }


def _said_defaults(fixed: Mapping[str, Any], plan: Plan) -> set[str]:
    """The fixed keys that say what leaving them out stands for, whatever the searched ones are.

    An open key may be one, and a value that the study resolves once.
    """
    said = {name for name, value in fixed.items() if plan.rules.resolved.get(name) == value}
    asked = [name for name in OPEN_KEYS if name in fixed]
    if not asked:
        return said
    defaults = default_keys()
    keys = plan.space.keys
    deciding = {name: _ends(keys[name].domain) for name in DECIDED_BY if name in keys}
    owns = [
        default_values(
            {**defaults, **fixed, **dict(zip(deciding, values, strict=True))}, plan.rules.data
        )
        for values in itertools.product(*deciding.values())
    ]
    return said | {name for name in asked if all(own.get(name) == fixed[name] for own in owns)}


def _ends(domain: Domain) -> tuple[Any, ...]:
    return domain.values if isinstance(domain, Choice) else (domain.low, domain.high)


def study_difference(paths: StudyPaths, plan: Plan, options: RunOptions) -> list[str]:
    """Why the folder holds another study than the plan's, one sentence each.

    Empty where it is the same, or has not begun. Where study.json is lost, damaged or another
    study's, the trials on record say what the study is.
    """
    identity = study_identity(plan)
    if stored := stored_identity(paths):
        places = ((read_information(paths.study) or {}).get("options") or {}).get("data_dir")
        before = dict(stored.get("fixed") or {})
        said = _said_defaults(before, plan)  # an older version kept them
        stored["fixed"] = {name: value for name, value in before.items() if name not in said}
        differences = identity_difference(stored, identity, (places, options.data_dir))
        if differences or not is_of_another(paths):
            return differences
    rows = planned_trials(paths)
    return record_difference([row.config for row in rows], plan) or recipe_difference(rows, plan)


def another_study(paths: StudyPaths, plan: Plan, options: RunOptions) -> list[str]:
    """What is told where the folder holds another study than the plan's; empty where it does not.

    A headline, then a line a difference.
    """
    differences = study_difference(paths, plan, options)
    if not differences:
        return []
    advice = "--name starts another study, --fresh moves this one aside"
    return [
        f"{paths.folder} is another study ({advice}):",
        *(f"  {difference}" for difference in differences),
    ]


def identity_difference(
    old: Mapping[str, Any], new: Mapping[str, Any], places: tuple[Any, Any] = (None, None)
) -> list[str]:
    """What differs, one sentence each; empty where both are the same study.

    ``places`` are the folders of the old study's data and of the new one's.
    """
    before, after = _flat(old), _flat(new)
    for name in new.get("searched", ()):
        before.pop(name, None)
    if before.get(CONTENT) != after.get(CONTENT):
        for values, place in zip((before, after), places, strict=True):
            where = f" ({place or 'unknown folder'})" if any(places) else ""  # a file has none
            values[CONTENT] = f"{values.get(CONTENT)}{where}"
    return [
        f"{name} was {before.get(name, 'the default')}, is {after.get(name, 'the default')}"
        for name in sorted({*before, *after})
        if not _same(name, before.get(name), after.get(name))
    ]


def record_difference(configs: Sequence[Mapping[str, Any]], plan: Plan) -> list[str]:
    """In which keys no trial on record is one that the plan may hold, one sentence each.

    Searched keys and seeds are growth; a starting point brings its own network.
    """
    fields = default_keys()
    expected = {**fields, **plan.space.fixed, **plan.rules.resolved}
    with contextlib.suppress(ConfigError, IndexError):  # some defaults follow from other keys
        point = whole_point(plan.space, corner_points(plan.space)[0], seed=0)
        expected = configure(point, plan.rules).to_dict()
    expected = without_written_defaults(expected, plan.rules.data)
    configs = [
        without_written_defaults({**fields, **config}, plan.rules.data) for config in configs
    ]
    grows = {"seed", *plan.space.keys}
    if "init" in {*plan.space.fixed, *plan.space.keys}:
        grows |= {*ARCHITECTURE, *OF_A_NETWORK}
    differences = []
    for name in sorted(fields.keys() - grows):
        recorded = {config[name]: None for config in configs}
        if recorded and not any(_same(name, value, expected[name]) for value in recorded):
            was = " or ".join(map(str, recorded))
            differences.append(f"{name} was {was}, is {expected[name]}")
    return differences


def recipe_difference(rows: Iterable[Planned], plan: Plan) -> list[str]:
    """A sentence where the first trial on record would have another id now; else empty."""
    for row in rows:
        with contextlib.suppress(ConfigError, InfeasibleError, TorchProcessError):
            config = TrainConfig.from_trial(row.config)
            size = config.network_size()
            ids = {trial_id(one, size) for one in (config, canonical(config, plan.rules.data))}
            if row.trial_id in ids:
                return []
            now = f"{row.trial_id} would now be {trial_id(config, size)}"
            return [f"recipe version was another than {RECIPE_VERSION}: {now}"]
    return []


CONTENT = "content of the data"


def _same(name: str, old: Any, new: Any) -> bool:
    """Whether two values of a key are equal; older studies name files as they were written."""
    if content(name, old) == content(name, new):
        return True
    if name == "network":
        return old == split_network(str(new))[0]
    if name == "weights":
        return old == split_weights(str(new))[0]
    return name == "init" and Path(str(old)).expanduser().absolute() == split_init(str(new))[0]


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """One level: the fixed keys beside dataset and recipe version.

    ``precision`` stays out of it: a study keeps what it put for "auto" when it began.
    """
    resolved = identity.get("resolved", {})
    flat = {"dataset": identity.get("dataset"), "recipe version": identity.get("recipe")}
    content = {CONTENT: resolved.get("data_digest"), "classes": resolved.get("classes")}
    fixed = _without_own(identity.get("fixed", {}), "optimizer" in identity.get("searched", ()))
    return {**flat, **content, **fixed}


def _without_own(fixed: Mapping[str, Any], searched: bool) -> dict[str, Any]:
    """The keys without a rate and a decay that the optimiser takes where none are given.

    ``searched`` says whether there are several optimisers, each with its own.
    """
    defaults = {} if searched else OPTIMIZER_DEFAULTS.get(fixed.get("optimizer", "sgd"), {})
    return {
        name: value
        for name, value in fixed.items()
        if name not in defaults or defaults[name] != value
    }
