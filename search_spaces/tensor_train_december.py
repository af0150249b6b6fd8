"""Sweep B0 of the 2018 study: tensor trains before the rank rule changed."""

from search_spaces.grammar.domains import Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="tensor_train_december",
    question="Which is the smallest tensor train of one rank within a point of the largest?",
    source="sweep B0 of the 2018 study (gngdb/cifar10-fast, branch tt): 196 runs, December 2018",
    # that month's runs were of 24 epochs; the record does not name this sweep's schedule
    fixed={"layer": "tensor_train", "schedule": "dawn", "epochs": 24},
    keys={
        "rank_divisor": Key(Int(2, 15, log=True, grid=tuple(range(2, 16)))),
        "dims": Key(Int(2, 15, grid=tuple(range(2, 16)))),
    },
    questions=(Smallest(margin=0.01, reference={"rank_divisor": 2, "dims": 2}),),
)
