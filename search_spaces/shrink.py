"""A user's own network, with every family at shares of its parameters."""

from search_spaces.grammar.domains import Choice, Float
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

FAMILIES = ("low_rank", "tensor_train", "tucker", "cp", "tucker2", "tt_conv")

SPACE = SearchSpace(
    name="shrink",
    question="How small can this network be within one point of its accuracy?",
    source="Gray et al. 2019 (arXiv 1906.00859) compared families so on WRN-28-10",
    fixed={"schedule": "dawn", "epochs": 24},
    keys={
        "layer": Key(Choice(("dense", *FAMILIES))),
        # of the dense network's parameters
        "compression": Key(Choice((0.5, 0.25, 0.1, 0.05)), when={"layer": FAMILIES}),
        # each network is compared at its own best rate
        "learning_rate": Key(Float(0.05, 1.6, log=True, grid=(0.1, 0.2, 0.4)), role="nuisance"),
    },
    seeds=2,
    questions=(Smallest(margin=0.01, reference={"layer": "dense"}),),
)
