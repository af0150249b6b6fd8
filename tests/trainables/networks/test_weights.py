"""Training starts from weights that somebody else has trained."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tests.trainables.networks.foreign import TEN_LINES, table_of
from trainables.__main__ import main
from trainables.config import carried_files
from trainables.config.starting_weights import IMAGENET
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import trial_id
from trainables.data.dataset import normalized
from trainables.layers.build import relative_error
from trainables.networks.build import build_network
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_module, meta_module
from trainables.networks.start import inspect_weights, start_from_weights
from trainables.networks.substitute import factorized_layers
from trainables.networks.weights import WeightsError
from trainables.training.trainer import Trainer

KEYS = {
    "network": TEN_LINES,
    "batch_size": 64,
    "epochs": 1,
    "learning_rate": 0.01,
    "dataset": "digits",
    "train_images": 128,
    "validation_images": 100,
    "precision": "fp32",
}
PRETRAINED = {  # what torchvision calls the files of its own weights
    "shufflenet_v2_x0_5": "shufflenetv2_x0.5-f707e7126e.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
}


def trained_module(name: str = TEN_LINES, classes: int = 10) -> torch.nn.Module:
    """A network whose every tensor, BatchNorm's too, is another than a fresh one has."""
    torch.manual_seed(5)
    module = make_module(table_of(name, classes))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.add_(torch.rand_like(tensor.float()).to(tensor.dtype))
    return module


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.pth"
    torch.save(trained_module().state_dict(), path)
    return path


def config(path, **keys) -> TrainConfig:
    return TrainConfig.from_trial({**KEYS, "weights": str(path), **keys})


def name_of(chosen: TrainConfig) -> str:
    return trial_id(chosen, chosen.network_size())


def built(path, **keys) -> torch.nn.Module:
    size = TrainConfig.from_trial({**KEYS, **keys}).network_size()
    return build_network(size, batch=64, seed=0, weights=str(path))


def digest(path) -> str:
    table = table_of(TEN_LINES)
    return inspect_weights(meta_module(table), table, str(path)).digest


def test_a_dense_network_starts_as_the_file_says(file):
    state = built(file).state_dict()
    expected = trained_module().state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


@pytest.mark.parametrize("rank_scale", [0.3, 0.6])
def test_factors_come_as_near_to_trained_kernels_as_their_ranks_allow(file, rank_scale):
    dense = trained_module()
    layers = factorized_layers(built(file, layer="tucker2", rank_scale=rank_scale))
    assert layers
    for name, layer in layers.items():
        kernel = dense.get_submodule(name).weight.detach()
        kernel = kernel.reshape(layer.size.spec.kernel_shape)
        error = relative_error(layer, kernel)
        assert error < 0.9
        # a projection is orthogonal to what it cuts; rescaled to the kernel's norm it is not
        share = float(layer.kernel().detach().norm() / kernel.norm())
        assert share**2 + error**2 == pytest.approx(1, abs=1e-3)


def test_the_tensors_name_the_trial_and_not_their_file(file, tmp_path):
    state = trained_module().state_dict()
    save_file(state, tmp_path / "other.safetensors")
    torch.save({"model": {f"module.{key}": one for key, one in state.items()}}, tmp_path / "w.pt")
    first = config(file)
    assert first.weights == f"{file}#{digest(file)}"
    assert digest(tmp_path / "other.safetensors") == digest(tmp_path / "w.pt") == digest(file)
    moved = TrainConfig.from_trial(
        {**first.to_dict(), "weights": f"/elsewhere/other.safetensors#{digest(file)}"}
    )
    assert name_of(moved) == name_of(first)
    torch.save({key: one + 1 for key, one in state.items()}, tmp_path / "w.pt")
    other = first.with_values(weights=f"{file}#{digest(tmp_path / 'w.pt')}")
    assert len({name_of(one) for one in (first, other, TrainConfig.from_trial(KEYS))}) == 3
    again = TrainConfig.from_trial(json.loads(json.dumps(first.to_dict())))
    assert again == first


def test_a_file_that_changed_since_the_plan_starts_nothing(file, digits):
    chosen = config(file)
    torch.save({key: one + 1 for key, one in trained_module().state_dict().items()}, file)
    with pytest.raises(WeightsError, match="others than when the trial was planned"):
        Trainer(chosen, digits)


def test_a_head_of_other_classes_is_drawn_anew_and_the_rest_is_kept(tmp_path):
    path = tmp_path / "seven.pth"
    trained = trained_module(classes=7).state_dict()
    torch.save(trained, path)
    table = table_of(TEN_LINES)
    found = inspect_weights(meta_module(table), table, str(path))
    assert len(found.fresh) == 1
    state = built(path).state_dict()
    fresh = [name for name in state if state[name].shape != trained[name].shape]
    assert [name.rpartition(".")[0] for name in fresh] == [found.fresh[0]] * len(fresh)
    assert all(torch.equal(state[name], trained[name]) for name in state.keys() - set(fresh))


def test_weights_that_do_not_fit_are_named_layer_by_layer_and_nothing_starts(tmp_path):
    state = trained_module().state_dict()
    convs = [name for name, one in state.items() if one.dim() == 4]
    state[convs[0]] = torch.zeros(3, 3, 7, 7)
    state["stage9.conv.weight"] = state.pop(convs[1])
    state[convs[2]] = torch.full_like(state[convs[2]], float("nan"))
    state["10.weight"] = (100 * state["10.weight"]).to(torch.int8)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ConfigError) as error:
        config(tmp_path / "w.pth", epochs=0)
    told = "\n".join(error.value.problems)
    for part in (
        f"{convs[0]} is (3, 3, 7, 7)",
        f"has no {convs[1]}",
        "the network has not, stage9.conv",
        f"not finite: {convs[2]}",
        "whole numbers where the network has fractions (quantised?): 10.weight",
        "epochs must lie in [1",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"no weights", "cannot be read"),
        ([1, 2], "must hold a state dict, got a list"),
        ({"epoch": 3, "net": {"w": torch.ones(1)}}, "beside tensors epoch, net"),
        (torch.nn.Linear(2, 2), "not a whole module"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, words):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    table = table_of(TEN_LINES)
    with pytest.raises(WeightsError, match=words):
        inspect_weights(meta_module(table), table, str(path))


def test_resnet9_and_a_start_of_its_own_take_no_weights(file):
    with pytest.raises(ConfigError, match="weights apply to networks other than resnet9"):
        TrainConfig.from_trial({"weights": str(file)})
    init = f"/somewhere#{'0' * 32}"
    with pytest.raises(ConfigError, match="init and weights both say"):
        config(f"{file}#{'1' * 32}", init=init)


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    """A place in which torchvision finds its weights, in the form in which it stores them."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for name, file in PRETRAINED.items():
        trained = trained_module(f"torchvision:{name}", classes=1000)
        torch.save(trained.state_dict(), folder / file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.mark.usefixtures("torch_home")
@pytest.mark.parametrize("name", PRETRAINED)
def test_torchvisions_own_weights_start_a_network_of_ten_classes(name):
    table = table_of(f"torchvision:{name}")
    found = inspect_weights(meta_module(table), table, "pretrained")
    assert found.normalization == IMAGENET
    network = make_module(table)
    before = {key: one.clone() for key, one in network.state_dict().items()}
    start_from_weights(network, table, f"pretrained#{found.digest}")
    trained = trained_module(f"torchvision:{name}", classes=1000).state_dict()
    for key, tensor in network.state_dict().items():
        is_head = key.rpartition(".")[0] in found.fresh
        assert torch.equal(tensor, before[key] if is_head else trained[key])
    assert len(found.fresh) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("torch_home")
def test_a_pretrained_trial_sees_images_as_its_weights_expect_them(digits):
    chosen = TrainConfig.from_trial(
        {**KEYS, "network": "torchvision:squeezenet1_1", "weights": "pretrained", "epochs": 1}
    )
    assert chosen.normalization == IMAGENET
    assert name_of(chosen) != name_of(chosen.with_values(normalization="data"))
    trainer = Trainer(chosen, digits)
    seen = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    trainer.train_epoch()
    held_out = digits.train_images[trainer.split.held_out] / 255
    expected = (held_out - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = max(seen, key=len).permute(0, 2, 3, 1)[: len(expected)]
    assert torch.allclose(found.double(), torch.from_numpy(expected), atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("torch_home")
def test_pretrained_weights_travel_to_a_machine_that_reaches_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(carried_files, "_received", {})
    monkeypatch.setattr(carried_files, "_copies", {})
    name = "torchvision:squeezenet1_1"
    chosen = TrainConfig.from_trial({**KEYS, "network": name, "weights": "pretrained"})
    starts = carried_files.read_starts([chosen, chosen.with_values(epochs=7)])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    table = table_of(name)
    with pytest.raises(NetworkError, match="cannot be had from"):
        start_from_weights(make_module(table), table, chosen.weights)
    carried_files.register_starts(starts)
    network = make_module(table)
    start_from_weights(network, table, chosen.weights)
    trained = trained_module(name, classes=1000).state_dict()
    same = [torch.equal(one, trained[key]) for key, one in network.state_dict().items()]
    assert same.count(False) == 2  # weight and bias of the head


def test_weights_that_cannot_be_downloaded_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    table = table_of("torchvision:squeezenet1_1")
    with pytest.raises(NetworkError, match="cannot be had from https://download") as error:
        inspect_weights(meta_module(table), table, "pretrained")
    assert PRETRAINED["squeezenet1_1"] in str(error.value)
    assert "weights=FILE" in str(error.value)


@pytest.mark.parametrize("name", [TEN_LINES, "wrn-10-1"])
def test_a_network_that_nobody_has_trained_names_what_would_do(name):
    table = table_of(name)
    with pytest.raises(NetworkError, match="name a file of weights"):
        inspect_weights(meta_module(table), table, "pretrained")


def test_a_normalization_has_one_spelling(digits):
    plain = TrainConfig.from_trial({**KEYS, "network": "resnet9"})
    named = plain.with_values(normalization="imagenet")
    written = plain.with_values(normalization="0.485+0.456+0.4060/.229+.224+.225")
    assert named == written
    assert name_of(named) != name_of(plain)
    assert plain.with_values(normalization="data") == plain
    assert normalized(digits, plain.normalization) is digits
    with pytest.raises(ConfigError, match="mean and standard deviation"):
        plain.with_values(normalization="0.5 0.5/0.1 0.1")


def test_a_command_says_what_weights_are_to_a_network(file, capsys):
    assert main(["weights", TEN_LINES, str(file), "--classes", "7"]) == 0
    told = capsys.readouterr().out
    assert f"{TEN_LINES} takes" in told
    assert "initialised at random for 7 classes: 12" in told
    assert "normalization: unknown" in told
    file.write_bytes(b"")
    assert main(["weights", TEN_LINES, str(file)]) == 2
    assert capsys.readouterr().err.startswith("error: weights")


@pytest.mark.seconds  # starts a process
def test_weights_that_cannot_be_used_are_looked_at_once(tmp_path, caplog) -> None:
    asked = {**KEYS, "weights": str(tmp_path / "nowhere.pth")}
    with caplog.at_level("INFO", logger="ranktune"):
        for seed in range(3):
            with pytest.raises(ConfigError, match="cannot be read: No such file"):
                TrainConfig.from_trial({**asked, "seed": seed})
    assert caplog.text.count("looking at weights") == 1
