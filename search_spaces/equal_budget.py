"""Every family at the same sizes: the comparison the 2018 study could not make."""

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Select
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
        # of the dense network of the same width: 66k, 197k and 657k parameters at width 64
        "compression": Key(Choice((0.01, 0.03, 0.1))),
        "dims": Key(
            Int(2, 4, grid=(2, 3, 4)),
            when={"layer": ("tensor_train", "tucker", "tucker_original", "cp")},
        ),
        # decay acts on each of the factors, and with the rate it decides the effective rate under
        # BatchNorm: families and dims are compared at their own best
        "learning_rate": Key(Float(0.05, 1.6, log=True, grid=(0.2, 0.4, 0.8)), role="nuisance"),
        "weight_decay": Key(
            Float(5e-5, 5e-3, log=True, grid=(5e-5, 1.6e-4, 5e-4)), role="nuisance"
        ),
    },
    seeds=2,
    questions=(Select(("layer", "dims"), within="compression"),),
)
