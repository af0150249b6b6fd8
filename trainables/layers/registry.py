"""All layers by the name of their family."""

from trainables.layers.base import FactorizedConv2d
from trainables.layers.cp import CPConv2d
from trainables.layers.dense import DenseConv2d
from trainables.layers.low_rank import LowRankConv2d
from trainables.layers.separable import SeparableConv2d
from trainables.layers.tensor_train import TensorTrainConv2d
from trainables.layers.tt_conv import TTConv2d
from trainables.layers.tucker import TuckerConv2d
from trainables.layers.tucker2 import Tucker2Conv2d
from trainables.layers.tucker_original import TuckerOriginalConv2d

LAYERS: dict[str, type[FactorizedConv2d]] = {
    "dense": DenseConv2d,
    "separable": SeparableConv2d,
    "low_rank": LowRankConv2d,
    "tensor_train": TensorTrainConv2d,
    "tucker": TuckerConv2d,
    "tucker_original": TuckerOriginalConv2d,
    "cp": CPConv2d,
    "tucker2": Tucker2Conv2d,
    "tt_conv": TTConv2d,
}
