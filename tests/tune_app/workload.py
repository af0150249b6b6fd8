"""Small plans for the search engine's tests."""

import random

from search_spaces.grammar.domains import Float
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id
from tune_app.planning.horizon import Horizon
from tune_app.planning.parsed_point import PlannedTrial, PointRules
from tune_app.planning.plan import Plan

RULES = PointRules({"precision": "fp32", "classes": 10})


def space(**changes) -> SearchSpace:
    fields = {
        "name": "scripted",
        "question": "Which learning rate?",
        "estimating_seeds": 0,
        "source": "a made-up curve",
        "fixed": {"layer": "low_rank", "rank": 4, "width": 8, "epochs": 9},
        "keys": {"learning_rate": Key(Float(0.01, 1.0, log=True))},
    }
    return SearchSpace(**{**fields, **changes})


def planned(**values) -> PlannedTrial:
    point = {"layer": "low_rank", "rank": 4, "width": 8, "epochs": 9, "precision": "fp32"}
    config = TrainConfig.from_trial({**point, **values})
    size = config.network_size()
    return PlannedTrial(trial_id(config, size), config, size)


def plan_of(trials, **changes) -> Plan:
    fields = {
        "space": space(),
        "search": "grid",
        "scheduler": "none",
        "trials": tuple(trials),
        "rules": RULES,
        "horizon": Horizon(max_t=9, grace_period=3),
    }
    return Plan(**{**fields, **changes})


def some_trials(count: int, shuffled: bool = True, **values) -> list[PlannedTrial]:
    rates = [0.01 * 1.09**number for number in range(count)]
    if shuffled:
        random.Random(7).shuffle(rates)
    return [planned(learning_rate=round(rate, 6), **values) for rate in rates]
