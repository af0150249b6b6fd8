"""Sweep B of the 2018 study: how many dimensions should a tensor train have?"""

from search_spaces.grammar.domains import Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="tensor_train",
    question="Which is the smallest tensor train within a point of the largest, in 2 to 4 dims?",
    source="sweep B of the 2018 study (gngdb/cifar10-fast, branch tt): 57 runs, January 2019",
    fixed={"layer": "tensor_train", "schedule": "cosine", "learning_rate": 0.2, "epochs": 128},
    keys={
        "rank_scale": Key(Float(0.05, 0.95, grid=tuple(n / 20 for n in range(1, 20)))),
        "dims": Key(Int(2, 4, grid=(2, 3, 4))),
    },
    questions=(Smallest(margin=0.01, reference={"rank_scale": 0.95, "dims": 2}),),
)
