"""One point of a space becomes a trial, a duplicate of one, or is rejected with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.network_size import NetworkSize
from trainables.config.resolution import Facts
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import canonical, trial_id, twin
from trainables.text.count import exact_count, rounded_up
from tune_app.planning.former_ids import FormerId


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One trial that would run: its content-derived id, its resolved configuration, its size.

    ``twin`` is the id that the same trial has as another family writes it, "" for none. The
    configuration is as the space writes it; ``trained`` is the one that the id names, where the
    space writes a default out.
    """

    trial_id: str
    config: TrainConfig
    size: NetworkSize
    twin: str = ""
    trained: TrainConfig | None = None

    @property
    def job(self) -> TrainConfig:
        """The configuration that a worker gets."""
        return self.trained or self.config

    @property
    def names(self) -> dict[str, str]:
        """Every id of the trial, with the one under which it is planned."""
        return {name: self.trial_id for name in (self.trial_id, self.twin) if name}


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A configuration as written that resolves to a trial already planned.

    ``own`` is the id that it would have by itself: another one, where another family wrote it.
    """

    config: dict[str, Any]
    same_as: str
    own: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A configuration as written that cannot run, or that a limit excludes, and why."""

    config: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class PointRules:
    """What every point of a study is judged by.

    ``resolved`` is what the study puts for values that a space leaves open: ``precision`` where it
    is "auto", ``classes`` of the dataset. The limits are inclusive; ``max_macs`` is per image.
    ``data`` is what the data set brings for keys that are left out, ``former`` the trials on record
    that have another id than they would get now.
    """

    resolved: Mapping[str, Scalar] = field(default_factory=dict)
    max_parameters: int | None = None
    max_macs: float | None = None
    data: Facts = field(default_factory=dict)
    former: Mapping[str, FormerId] = field(default_factory=dict)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that there are, by what they limit: ``parameters``, ``macs``."""
        most = {"parameters": self.max_parameters, "macs": self.max_macs}
        return {name: limit for name, limit in most.items() if limit is not None}


def whole_point(space: SearchSpace, values: Mapping[str, Scalar], seed: int) -> dict[str, Scalar]:
    """A configuration as written: the fixed keys, one point of the searched ones, one seed."""
    return {**space.fixed, **values, "seed": seed}


def plan_point(
    point: Mapping[str, Any], rules: PointRules, id_of_name: Mapping[str, str]
) -> PlannedTrial | Duplicate | Rejected:
    """Judges a whole point; ``id_of_name`` holds the trials planned so far."""
    try:
        return classify_point(point, configure(point, rules), rules, id_of_name)
    except ConfigError as problem:
        return Rejected(dict(point), str(problem))


def configure(point: Mapping[str, Any], rules: PointRules) -> TrainConfig:
    """The checked configuration of a whole point, nothing left open.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    content = rules.resolved.get("data_digest", "")
    if point.get("data_digest", content) != content:
        raise ConfigError(
            [f"data_digest is given as {point['data_digest']!r}, but the images are {content!r}"]
        )
    open_keys = {name for name in rules.resolved if point.get(name, "auto") == "auto"}
    return TrainConfig.from_trial({**point, **{name: rules.resolved[name] for name in open_keys}})


def classify_point(
    point: Mapping[str, Any], config: TrainConfig, rules: PointRules, id_of_name: Mapping[str, str]
) -> PlannedTrial | Duplicate | Rejected:
    """The same for a point whose configuration is known to be valid."""
    try:
        size = config.network_size()
    except InfeasibleError as problem:
        return Rejected(dict(point), str(problem))
    if excess := _excess(size, config.images_at_once, rules):
        return Rejected(dict(point), excess)
    trial = name_trial(config, size, rules)
    for name in trial.names:
        if name in id_of_name:
            return Duplicate(dict(point), id_of_name[name], trial.trial_id)
    return trial


def name_trial(config: TrainConfig, size: NetworkSize, rules: PointRules) -> PlannedTrial:
    """The trial under its id, which a default that is written out does not change."""
    short = canonical(config, rules.data)
    name, other = trial_id(short, size), twin(short, size)
    twin_id = trial_id(other, other.network_size()) if other else ""
    if former := rules.former.get(name):
        return PlannedTrial(former.trial_id, config, size, twin_id, former.config)
    return PlannedTrial(name, config, size, twin_id, None if short is config else short)


def _excess(size: NetworkSize, batch: int, rules: PointRules) -> str:
    """Which limits the network exceeds, in words; empty where it keeps them."""
    excess = []
    if rules.max_parameters is not None and size.parameters > rules.max_parameters:
        excess.append(f"{size.parameters:,} parameters, --max-parameters {rules.max_parameters:,}")
    if rules.max_macs is not None and size.macs(batch) > rules.max_macs:
        macs, most = rounded_up(size.macs(batch)), exact_count(rules.max_macs)
        excess.append(f"{macs} multiply-adds, --max-macs {most}")
    return "; ".join(excess)
