"""Sums of outer products, whose rank is free."""

from search_spaces.grammar.domains import Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="cp",
    question="Which is the smallest CP network within a point of the largest one?",
    source="Lebedev et al. 2015; the December 2018 script, by rank, which spans all sizes",
    fixed={"layer": "cp", "schedule": "cosine", "learning_rate": 0.2, "epochs": 128},
    keys={
        "rank": Key(Int(2, 512, log=True, grid=(4, 8, 16, 32, 64, 128, 256))),
        "dims": Key(Int(2, 6, grid=(2, 3, 4, 5, 6))),
    },
    questions=(Smallest(margin=0.01, reference={"rank": 256, "dims": 2}),),
)
