"""The networks that the tables are tried on: nobody here wrote them."""

import functools
from pathlib import Path

from trainables.architectures.layer_table import LayerTable
from trainables.networks.registry import make_table

FILE = Path(__file__).parents[2] / "fixtures" / "networks" / "ten_lines.py"
DRAWN = FILE.with_name("drawn.py")
FORGETFUL = FILE.with_name("forgetful.py")
TEN_LINES = f"{FILE}:make_net"

SHORT = {
    "network": TEN_LINES,
    "batch_size": 64,
    "epochs": 2,
    "learning_rate": 0.05,
    "dataset": "digits",
    "precision": "fp32",
}
"""A training of it that takes a second; how many images is left to whoever trains."""

TORCHVISION = (
    "resnet18",
    "resnet50",
    "mobilenet_v2",
    "vgg16_bn",
    "densenet121",
    "convnext_tiny",
    "efficientnet_b0",
    "vit_b_16",
    "inception_v3",
    "resnext50_32x4d",
)
PARAMETERS = {  # of torchvision 0.29 with 1,000 classes, and of arXiv 1605.07146
    "torchvision:resnet18": 11_689_512,
    "torchvision:resnet50": 25_557_032,
    "torchvision:mobilenet_v2": 3_504_872,
    "torchvision:vgg16_bn": 138_365_992,
    "torchvision:densenet121": 7_978_856,
    "torchvision:convnext_tiny": 28_589_128,
    "torchvision:efficientnet_b0": 5_288_548,
    "wrn-28-10": 36_479_194,
}
NETWORKS = (*(f"torchvision:{name}" for name in TORCHVISION), "wrn-28-10", TEN_LINES)
MORE = tuple(
    f"torchvision:{name}"
    for name in (
        "squeezenet1_0",
        "shufflenet_v2_x1_0",
        "mnasnet0_5",
        "regnet_y_400mf",
        "googlenet",
        "vgg11_bn",
        "mobilenet_v3_small",
        "swin_v2_t",
    )
)
SIDES = {"torchvision:vit_b_16": 224, "torchvision:swin_v2_t": 64, "torchvision:inception_v3": 75}


@functools.cache
def table_of(name: str, classes: int = 10) -> LayerTable:
    """The table at a small image, where the network takes one."""
    return make_table(name, image_size=SIDES.get(name, 32), classes=classes)
