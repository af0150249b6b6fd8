"""The dense network, with which smaller ones are compared."""

from search_spaces.grammar.domains import Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="dense",
    question="How narrow may the dense network be and lose at most a point, rate and decay tuned?",
    source="davidcpage/cifar10-fast, dawn.py: 94.0 % at width 64 in 24 epochs",
    fixed={"layer": "dense", "schedule": "dawn", "epochs": 24},
    keys={
        "width": Key(Int(4, 64, log=True, grid=(8, 16, 32, 64))),
        "learning_rate": Key(
            Float(0.05, 1.6, log=True, grid=(0.1, 0.2, 0.4, 0.8)), role="nuisance"
        ),
        "weight_decay": Key(
            Float(5e-5, 5e-3, log=True, grid=(1.6e-4, 5e-4, 1.6e-3)), role="nuisance"
        ),
    },
    seeds=2,
    questions=(Smallest(margin=0.01, reference={"width": 64}),),
)
