"""A GPU's steps where there is no GPU: torch's fake tensors have a device and no values.

An operation that waits for the GPU to give a value raises, as one that mixes devices does; tensors
of the host are counted. So a CUDA graph can capture these steps. Two things need a card: autograd's
engine, so that gradients are made here as if it had run, and the optimisers' fused steps.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu.concurrency.replica_training import FusedTrainers
from tests.trainables.networks.foreign import DRAWN, SHORT
from trainables.config.train_config import TrainConfig
from trainables.data import device_data
from trainables.layers.registry import LAYERS
from trainables.sizes.registry import SIZES
from trainables.training import trainer as training
from trainables.training.optimizers import AdamW, Nesterov
from trainables.training.trainer import Trainer

RANKED = {layer: {"rank": 3} if SIZES[layer].ranked else {} for layer in LAYERS}
CASES = {
    **{layer: {"layer": layer, "precision": "bf16", **rank} for layer, rank in RANKED.items()},
    "fp32": {"layer": "tucker2", "rank": 3, "precision": "fp32"},
    "fp16": {"layer": "tensor_train", "rank": 3, "precision": "fp16"},
    "AdamW": {"optimizer": "adamw"},
    "penalties": {"layer": "cp", "rank": 3, "regularizer": "frobenius"},
    "class weights": {"class_weights": "balanced"},
    "micro-batches": {"micro_batch": 32},
    "resized crops": {"random_resized_crop": 0.3},
    "wide ResNet": {"network": "wrn-10-1"},
    "ResNet": {**SHORT, "network": "torchvision:resnet18", "layer": "tucker", "rank": 3},
    "ShuffleNet": {**SHORT, "network": "torchvision:shufflenet_v2_x0_5"},
    "MobileNet": {**SHORT, "network": "torchvision:mobilenet_v3_small", "precision": "bf16"},
    "a file's": {**SHORT, "network": f"{DRAWN}:make_drawn"},
}


class HostTensors(TorchDispatchMode):
    """The operations that read or make a tensor of the host."""

    def __init__(self):
        super().__init__()
        self.operations: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        tensors = pytree.tree_leaves((args, kwargs, result))
        if any(one.device.type == "cpu" for one in tensors if isinstance(one, torch.Tensor)):
            self.operations.append(str(operation))
        self.count += 1
        return result


def check_devices(_, parameters, gradients, decay, rate):
    """In the place of a fused update: it reads the rate on the device, too."""
    assert {one.device.type for one in [*parameters, *gradients, rate]} == {"cuda"}


@pytest.fixture
def fake_gpu(monkeypatch):
    """Within, tensors are fake; what needs a driver is left out."""
    first_network = training.initial_network

    def real_network(*arguments):
        with unset_fake_temporarily():  # its decompositions read values
            return first_network(*arguments)

    monkeypatch.setattr(training, "initial_network", real_network)
    monkeypatch.setattr(device_data, "_cached", {})  # a later test has another fake mode
    for optimizer in (Nesterov, AdamW):
        monkeypatch.setattr(optimizer, "_update", check_devices)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    # counted once, before anything is captured
    monkeypatch.setattr(torch.Tensor, "bincount", lambda one, minlength: one.new_ones(minlength))
    monkeypatch.setattr(FakeTensor, "tolist", lambda one: [1] * len(one))
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode
    torch.__future__.set_overwrite_module_params_on_conversion(False)


@pytest.fixture
def train(monkeypatch):
    """A step of it, with gradients for these networks in the place of backward."""

    def run(step, *networks):
        def backward(_):
            for network in networks:
                for parameter in network.parameters():
                    parameter.grad = torch.empty_like(parameter)

        monkeypatch.setattr(torch.Tensor, "backward", backward)
        with HostTensors() as host:
            step()
        return host

    return run


def trainer_of(digits, keys, seed=0):
    images = {"dataset": "digits", "train_images": 256, "validation_images": 100}
    config = TrainConfig.from_trial({"batch_size": 64, "epochs": 2, "seed": seed, **images, **keys})
    return Trainer(config, digits, device="cuda:0")


@pytest.mark.parametrize("keys", CASES.values(), ids=CASES)
def test_a_gpu_trains_and_evaluates_without_the_host(digits, fake_gpu, train, keys):
    trainer = trainer_of(digits, keys)
    evaluation = trainer._evaluators.held_out
    trainer.network.train()
    trained = train(trainer._step, trainer.network)
    assert trained.count > 50
    assert trained.operations == []
    trainer.network.eval()
    with HostTensors() as evaluated:
        evaluation._step()
    assert evaluated.operations == []


def test_replicas_as_one_network_do_too(digits, fake_gpu, train):
    keys = {"layer": "tensor_train", "rank": 3, "precision": "bf16"}
    trainers = [trainer_of(digits, keys, seed) for seed in range(2)]
    fused = FusedTrainers(trainers, digits)
    host = train(fused._step, *(trainer.network for trainer in trainers))
    assert host.count > 50
    assert host.operations == []


def test_waiting_and_the_host_would_be_seen(fake_gpu):
    on_card = torch.ones(3, device="cuda:0")
    with pytest.raises(DataDependentOutputException):
        float(on_card.sum())
    with pytest.raises(RuntimeError, match="at least two devices"):
        on_card + torch.ones(3)
    with HostTensors() as host:
        on_card * torch.tensor(2.0)
    assert host.operations
