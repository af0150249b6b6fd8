"""Sweep C of the 2018 study: how many dimensions should a Tucker network have?"""

from search_spaces.grammar.domains import Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="tucker",
    question="Which is the smallest Tucker network within a point of the largest, in 2 to 9 dims?",
    source="sweep C of the 2018 study (gngdb/cifar10-fast, branch tt): 72 runs, January 2019",
    fixed={"layer": "tucker", "schedule": "cosine", "learning_rate": 0.2, "epochs": 128},
    keys={
        "rank_scale": Key(Float(0.1, 0.9, grid=tuple(n / 10 for n in range(1, 10)))),
        "dims": Key(Int(2, 9, grid=tuple(range(2, 10)))),
    },
    questions=(Smallest(margin=0.01, reference={"rank_scale": 0.9, "dims": 2}),),
)
