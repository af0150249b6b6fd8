"""All layer families by name."""

from trainables.sizes.cp import CP
from trainables.sizes.dense import Dense
from trainables.sizes.family import Family
from trainables.sizes.low_rank import LowRank
from trainables.sizes.separable import Separable
from trainables.sizes.tensor_train import TensorTrain
from trainables.sizes.tt_conv import TTConv
from trainables.sizes.tucker import Tucker
from trainables.sizes.tucker2 import Tucker2
from trainables.sizes.tucker_original import TuckerOriginal

SIZES: dict[str, Family] = {
    "dense": Dense(),
    "separable": Separable(),
    "low_rank": LowRank(),
    "tensor_train": TensorTrain(),
    "tucker": Tucker(),
    "tucker_original": TuckerOriginal(),
    "cp": CP(),
    "tucker2": Tucker2(),
    "tt_conv": TTConv(),
}
