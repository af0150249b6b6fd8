"""Depthwise and pointwise instead of dense: the cheapest decomposition of all."""

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Select
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="separable",
    question="What does a depthwise-separable network lose against the dense one at each width?",
    source="gngdb/cifar10-fast: 92 % at width 64 in 24 epochs with 755,968 parameters",
    fixed={"schedule": "dawn", "epochs": 24},
    keys={
        "layer": Key(Choice(("dense", "separable"))),
        "width": Key(Int(4, 128, log=True, grid=(16, 32, 64))),
        "learning_rate": Key(
            Float(0.05, 1.6, log=True, grid=(0.1, 0.2, 0.4, 0.8)), role="nuisance"
        ),
        "weight_decay": Key(
            Float(5e-5, 5e-3, log=True, grid=(1e-4, 5e-4, 1.6e-3)), role="nuisance"
        ),
    },
    seeds=2,
    questions=(Select("layer", within="width"),),
)
