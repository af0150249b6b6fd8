"""What counts for nothing in a training, and is told: keys, steps at rest, absent classes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from trainables.architectures.budget import InfeasibleError
from trainables.config.resolution import with_defaults
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import trial_id
from trainables.data.datasets.registry import find_source
from trainables.data.sources import DataCounts, class_quotas, count_images
from trainables.sizes.size_keys import given_sizes
from trainables.text.count import plural

OTHERS: Mapping[str, tuple[Any, ...]] = {
    "dims": (2, 3, 4),
    "budget_side": ("within", "below", "above"),
    "weight_decay_reference": ("dense", "separable"),
    "weight_decay_ratio": ("network", "layer"),
}
"""Keys that count for some families, budgets or decays alone, each with values to compare."""

TRIED = (*OTHERS, "data_seed", "resize")


MOST_NAMED = 5  # classes in a sentence


def idle_notes(
    given: Iterable[str], configs: Sequence[TrainConfig], counts: DataCounts
) -> list[str]:
    """A sentence on each of the given keys that counts in no training, and on what is left out.

    Args:
        given: the keys that somebody set.
        configs: of all trials.
        counts: of the data set.
    """
    tried = [name for name in TRIED if name in {*given}]
    different = _one_of_each_kind(configs) if tried else []
    idle = [name for name in tried if different and _is_idle(name, different, counts)]
    families = ", ".join(dict.fromkeys(config.layer for config in different))
    values = {name: dict.fromkeys(getattr(config, name) for config in configs) for name in idle}
    return [
        f"{name}={','.join(map(str, values[name]))} has no effect ({families} on "
        f"{different[0].dataset}): with any other value the same would be trained"
        for name in idle
    ] + [*_at_rest(configs, counts), *_absent_classes(configs, counts)]


def _at_rest(configs: Iterable[TrainConfig], counts: DataCounts) -> list[str]:
    """A sentence where trainings consist of their last step, whose rate is 0 by the schedule."""
    still = sum(
        config.epochs == 1
        and config.protocol == "corrected"
        and count_images(config, counts)[1] // config.batch_size == 1
        for config in configs
    )
    if not still:
        return []
    return [
        f"nothing is learned in {plural(still, 'trial')} of one step, since a training's last step "
        "has the learning rate 0: raise epochs, or lower batch_size"
    ]


def _absent_classes(configs: Iterable[TrainConfig], counts: DataCounts) -> Iterator[str]:
    """A sentence where there are fewer images than classes, to judge by or to train on."""
    kinds = {(config.validation_images, config.train_images): config for config in configs}
    taken = [count_images(config, counts) for config in kinds.values()]
    keys = ("validation_images", "train_images")
    for name, does, images in zip(
        keys, ("judges", "trains"), zip(*taken, strict=True), strict=False
    ):
        fewest = min(filter(None, images), default=counts.classes)
        if fewest < counts.classes:
            absent = f"at least {counts.classes - fewest} of the {counts.classes} classes"
            yield f"{name}={fewest} {does} no image of {absent}: raise {name}"
    judging = min((held_out for held_out, _ in taken if held_out), default=0)
    if judging >= counts.classes and any(counts.by_class.values()):
        yield from _unjudged_classes(judging, counts)


def _unjudged_classes(judging: int, counts: DataCounts) -> Iterator[str]:
    """A sentence on rare classes of which no image is among those that judge."""
    quotas = class_quotas([*counts.by_class.values()], judging)
    unjudged = [name for name, quota in zip(counts.by_class, quotas, strict=True) if not quota]
    if not unjudged:
        return
    listed = ", ".join(map(repr, unjudged[:MOST_NAMED]))
    more = f" and {len(unjudged) - MOST_NAMED} more" if len(unjudged) > MOST_NAMED else ""
    own = "add some to the data's validation images" * (judging == counts.own_validation)
    yield (
        f"none of the {judging:,} images that judge is of class {listed}{more}, so that accuracy "
        f"says nothing about it: {own or 'raise validation_images'}"
    )


def _draws_no_image(config: TrainConfig, counts: DataCounts) -> bool:
    """Whether no image is drawn: none held out but the data's own, and all others trained on."""
    keys = with_defaults(config.to_dict(), counts.facts)
    held_out, own = keys["validation_images"], counts.own_validation
    kept = own if held_out and own else held_out
    return held_out in (0, own) and keys["train_images"] == counts.train_images - kept


def _is_idle(name: str, configs: Iterable[TrainConfig], counts: DataCounts) -> bool:
    if name == "data_seed":
        return all(_draws_no_image(config, counts) for config in configs)
    if name == "resize":
        return all(find_source(config.dataset).is_square for config in configs)
    return all(_same_whatever(name, config) for config in configs)


def _same_whatever(name: str, config: TrainConfig) -> bool:
    ids = set()
    for value in OTHERS[name]:
        with contextlib.suppress(ConfigError, InfeasibleError):
            other = config.with_values(**{name: value})
            ids.add(trial_id(other, other.network_size()))
    return len(ids) == 1


def _one_of_each_kind(configs: Iterable[TrainConfig]) -> list[TrainConfig]:
    """Whether a key counts depends on no more than this."""
    return list({tuple(_kind(config)): config for config in configs}.values())


def _kind(config: TrainConfig) -> Iterator[Any]:
    yield from (config.layer, config.network, config.protocol, config.dataset)
    yield from (config.weight_decay_scaling == 0, config.validation_images, config.train_images)
    yield from given_sizes(config.to_dict())
