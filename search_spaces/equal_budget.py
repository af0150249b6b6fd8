"""Every family at the same sizes: the comparison the 2018 study could not make."""

from search_spaces.domains import Choice, Int
from search_spaces.space import Key, SearchSpace

SPACE = SearchSpace(
    name="equal_budget",
    question="Which family, over how many dimensions, is best at equal parameters?",
    source="Gray et al. 2019 (arXiv 1906.00859), compared at equal parameters; dense is narrowed",
    fixed={"schedule": "dawn", "epochs": 24},
    keys={
        "layer": Key(
            Choice(("dense", "low_rank", "tensor_train", "tucker", "cp", "tucker2", "tt_conv"))
        ),
        # of the dense network of the same width; 0.17 % of it is never decomposed at width 64
        "compression": Key(Choice((0.01, 0.02, 0.05, 0.1))),
        "dims": Key(Int(2, 4, grid=(2, 3, 4)), when={"layer": ("tensor_train", "tucker", "cp")}),
    },
)
