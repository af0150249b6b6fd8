"""Sweep A of the 2018 study: does decay scaled with compression help?"""

from search_spaces.grammar.domains import Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="low_rank",
    question="Does weight decay scaled with compression beat plain decay, over thirty ranks?",
    source="sweep A of the 2018 study (gngdb/cifar10-fast): 30 divisors, plain and scaled, 60 runs",
    fixed={
        "layer": "low_rank",
        "schedule": "cosine",
        "learning_rate": 0.2,
        "epochs": 128,
        # the sweep scaled by the separable network's parameters; the later paper by the dense one's
        "weight_decay_reference": "separable",
    },
    keys={
        "rank_divisor": Key(Int(2, 31, log=True, grid=tuple(range(2, 32)))),
        "weight_decay_scaling": Key(Float(0, 1, grid=(0, 1))),
    },
    seeds=2,
    questions=(Contrast("weight_decay_scaling", baseline=0, treatment=1),),
)
