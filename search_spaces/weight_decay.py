"""Which power of the compression does the best weight decay follow?"""

from search_spaces.grammar.domains import Choice, Float
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Carry, Trend
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="weight_decay",
    question="Which exponent of the compression lets one weight decay serve every rank?",
    source="Gray et al. 2019 (arXiv 1906.00859): lambda' = lambda (n/N)^alpha",
    fixed={"layer": "low_rank", "schedule": "dawn", "epochs": 24},
    keys={
        "rank_scale": Key(Float(0.03, 1.0, log=True, grid=(0.0625, 0.125, 0.25, 0.5))),
        "weight_decay_scaling": Key(Choice((0.0, 0.5, 1.0))),
        # Half decades from a tenth of cifar10-fast's 5e-4. These networks keep 1.7 to 10.8 % of the
        # parameters: where the best decay does not depend on the size, alpha = 1 wants a lambda up
        # to 58 times as large, and the grid has to go on beyond it.
        "weight_decay": Key(
            Float(5e-5, 0.5, log=True, grid=(5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3, 1.6e-2, 5e-2, 0.16)),
            role="carried",
        ),
    },
    seeds=2,
    questions=(
        Trend("weight_decay", against="compression"),
        Carry("weight_decay", treatment="weight_decay_scaling"),
    ),
)
