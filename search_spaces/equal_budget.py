"""Every family at the same sizes: the comparison the 2018 study could not make."""

from search_spaces.grammar.domains import Choice, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="equal_budget",
    question="Which family, over how many dimensions, is best at equal parameters?",
    source="Gray et al. 2019 (arXiv 1906.00859), compared at equal parameters; dense is narrowed",
    fixed={"schedule": "dawn", "epochs": 24},
    keys={
        "layer": Key(
            Choice(
                (
                    "dense",
                    "separable",
                    "low_rank",
                    "tensor_train",
                    "tucker",
                    "tucker_original",
                    "cp",
                    "tucker2",
                    "tt_conv",
                )
            )
        ),
        # of the dense network at the same width (43k, 135k, 325k and 772k parameters at 64), where
        # most families fill 97 % of the budget; the last is what the separable network has
        "compression": Key(Choice((0.0065, 0.0206, 0.0495, 0.1174))),
        "dims": Key(
            Int(2, 4, grid=(2, 3, 4)),
            when={"layer": ("tensor_train", "tucker", "tucker_original", "cp")},
        ),
    },
)
