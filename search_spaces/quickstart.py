"""A complete search in a minute or two, on data that needs no download."""

from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Smallest
from search_spaces.grammar.space import SearchSpace

SPACE = SearchSpace(
    name="quickstart",
    question="Which is the smallest network that reads digits within two points of the dense one?",
    source="scikit-learn's bundled digits, upsampled to 32x32: a first look, not a result",
    fixed={
        "dataset": "digits",
        "width": 8,
        "epochs": 6,
        "batch_size": 64,
        "learning_rate": 0.2,
    },
    keys={
        "layer": Key(Choice(("dense", "separable", "low_rank", "tensor_train", "tucker2"))),
        "rank_scale": Key(
            Choice((0.25, 0.5)), when={"layer": ("low_rank", "tensor_train", "tucker2")}
        ),
    },
    seeds=2,
    questions=(Smallest(margin=0.02, reference={"layer": "dense"}),),
)
