"""Which power of the compression does the best weight decay follow?"""

from search_spaces.grammar.domains import Choice, Float
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="weight_decay",
    question="Which exponent of the compression lets one weight decay serve every rank?",
    source="Gray et al. 2019 (arXiv 1906.00859): lambda' = lambda (n/N)^alpha",
    fixed={"layer": "low_rank", "schedule": "dawn", "epochs": 24},
    keys={
        "rank_scale": Key(Float(0.03, 1.0, log=True, grid=(0.0625, 0.125, 0.25, 0.5))),
        "weight_decay_scaling": Key(Choice((0.0, 0.5, 1.0))),
        # half decades around cifar10-fast's 5e-4
        "weight_decay": Key(
            Float(5e-5, 5e-3, log=True, grid=(5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3)), role="nuisance"
        ),
    },
    seeds=3,
    questions=(Contrast("weight_decay_scaling", baseline=0.0, treatment=1.0),),
)
