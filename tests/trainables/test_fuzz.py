"""Files that training reads back, damaged: read as they were, or refused in a sentence."""

import contextlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.fuzzing import damage, damaged, examples, outcome
from tests.image_folder import write_images
from tests.trainables.trained_study import train_study
from trainables.architectures.layer_table import LayerTable
from trainables.compression.compress import compress
from trainables.compression.start_writer import write_start
from trainables.compression.study_trials import (
    TrialError,
    find_data_dir,
    find_limits,
    find_storage,
)
from trainables.compression.target import Target
from trainables.compression.trained import load_trained
from trainables.config import tables
from trainables.config.starting_point import read_starting_point
from trainables.config.starting_weights import StartingWeights
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data import pixel_cache
from trainables.data.datasets.registry import content_digest
from trainables.data.sources import DataRequest
from trainables.files.user_cache import user_cache
from trainables.networks.build import build_network
from trainables.networks.from_file.source_file import find_function, read_texts
from trainables.networks.network_error import NetworkError
from trainables.networks.weights import WeightsError, read_weights
from trainables.training.checkpoints.checkpoint import CheckpointError, read_checkpoint
from trainables.training.fine_tuning import start_from
from trainables.training.trainer import Trainer

NETWORK = Path(__file__).resolve().parents[1] / "fixtures" / "networks" / "ten_lines.py"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory, digits, tiny):
    folder = tmp_path_factory.mktemp("study")
    return train_study(folder, digits, tiny)


def parts_of(folder: Path) -> dict[str, Path]:
    """The files of the one checkpoint below a folder, by kind."""
    (state,) = folder.rglob("state.json")
    (tensors,) = folder.rglob("tensors-*")
    return {"state": state, "tensors": tensors}


@contextlib.contextmanager
def changed(path: Path, content: bytes):
    """Another content meanwhile."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("part", ["state", "tensors"])
@given(places=damage)
@examples(60)
def test_a_damaged_checkpoint_is_read_as_it_was_or_refused(study, digits, tiny, part, places):
    folder, trial_id = study
    path = parts_of(folder)[part]
    whole, state = read_checkpoint(path.parent)
    with changed(path, damaged(path.read_bytes(), places)):
        try:
            trained = load_trained(folder, trial_id)
        except TrialError:
            pass
        else:
            assert read_checkpoint(path.parent)[1] == state
            own = trained.network.state_dict()
            assert all(own[name].equal(whole[f"network.{name}"]) for name in own)
        trainer = Trainer(tiny, digits, threads=1)
        with contextlib.suppress(CheckpointError):
            trainer.load(path.parent)
            assert len(trainer.history) == len(state["history"])


@given(st.sampled_from(["config", "trial_id", "history", "epochs_done", "tables"]), json_values)
@examples(60)
def test_a_state_that_somebody_wrote_is_refused_not_a_traceback(study, key, value):
    folder, trial_id = study
    path = parts_of(folder)["state"]
    state = json.loads(path.read_text(encoding="utf-8"))
    edited = {name: one for name, one in state.items() if name != "json_blake2b"} | {key: value}
    with (
        changed(path, json.dumps(edited).encode()),
        contextlib.suppress(TrialError, ConfigError, tables.TableError),
    ):
        assert load_trained(folder, trial_id).config.epochs == 2


@pytest.fixture(scope="module")
def start(tmp_path_factory, study):
    folder, trial_id = study
    trained = load_trained(folder, trial_id)
    target = Target("low_rank", rank=1)
    made = compress(trained, target)
    return write_start(tmp_path_factory.mktemp("start"), made, trained, target, None, None)


@pytest.mark.parametrize("part", ["state", "tensors"])
@given(places=damage)
@examples(40)
def test_a_damaged_starting_point_is_read_as_it_was_or_refused(start, part, places):
    path = parts_of(start.folder)[part]
    config = TrainConfig.from_trial({"init": str(start.folder), "dataset": "digits"})
    network = build_network(config.network_size(), batch=64, seed=0)
    with changed(path, damaged(path.read_bytes(), places)):
        try:
            again = TrainConfig.from_trial({"init": str(start.folder), "dataset": "digits"})
            assert again == config
            start_from(network, again.init)
        except (ConfigError, CheckpointError):
            return
        assert read_starting_point(start.folder).digest == start.digest


@given(st.sampled_from(["starting_point", "tensors_blake2b", "tables", "format"]), json_values)
@examples(60)
def test_a_starting_point_that_somebody_wrote_is_refused_not_a_traceback(start, key, value):
    path = parts_of(start.folder)["state"]
    state = json.loads(path.read_text(encoding="utf-8"))
    edited = {name: one for name, one in state.items() if name != "json_blake2b"} | {key: value}
    with changed(path, json.dumps(edited).encode()), contextlib.suppress(ConfigError):
        config = TrainConfig.from_trial({"init": str(start.folder), "dataset": "digits"})
        assert config.init.startswith(str(start.folder))


@given(json_values | st.fixed_dictionaries({"options": json_values, "storage": json_values}))
@example({"options": {"max_parameters": "many", "data_dir": 3}})
@example({"options": {"max_macs": float("nan")}})
@examples(60)
def test_any_study_json_is_understood_or_refused(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(TrialError):
        load_trained(folder)  # no trial lies there, whatever the file says
    answers = {find_data_dir: (Path, type(None)), find_limits: (dict,),
               find_storage: (str,)}  # fmt: skip
    for ask, kinds in answers.items():
        with contextlib.suppress(TrialError):
            assert isinstance(ask(folder), kinds)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@given(places=damage)
@examples(80)
def test_damaged_weights_are_tensors_or_refused(tmp_path_factory, suffix, places):
    path = tmp_path_factory.mktemp("weights") / f"weights{suffix}"
    weights = {"conv.weight": torch.arange(12.0).view(3, 4), "conv.bias": torch.ones(3)}
    if suffix == ".pt":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    path.write_bytes(damaged(path.read_bytes(), places))
    try:
        read = read_weights(path)
    except WeightsError:
        return
    assert all(isinstance(value, torch.Tensor) for value in read.values())


@given(st.binary(max_size=40) | damage.map(lambda places: damaged(NETWORK.read_bytes(), places)))
@example(b"import sys; sys.exit(0)")
@example(b"raise SystemExit")
@example(b"(" * 5000)
@example(b"def make_net(): raise SystemExit")
@examples(60)
def test_any_network_file_is_a_function_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("network") / "net.py"
    path.write_bytes(content)
    with contextlib.suppress(NetworkError):
        assert callable(find_function(read_texts(path), path, "make_net"))


@given(damage, st.sampled_from(["checked_images", "tables"]))
@examples(60)
def test_a_damaged_cache_is_made_again(tmp_path_factory, places, kind):
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(cache))
        ask = images_digest if kind == "checked_images" else table_digest
        expected = ask(cache)
        for path in (cache / "ranktune" / kind).iterdir():
            path.write_bytes(damaged(path.read_bytes(), places))
        assert ask(cache) == expected


def images_digest(cache: Path) -> str | None:
    if not (cache / "images").exists():
        write_images(cache / "images", {"train": 1, "test": 1})
    return content_digest(DataRequest("folder", cache / "images"))


def table_digest(cache: Path) -> str:
    tables._find_file.cache_clear()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tables, "_make", lambda *_: TABLE)  # a process of two seconds
            return tables._find("wrn-10-1", 32, 10).digest
    finally:
        tables._find_file.cache_clear()  # other tests of this process ask for the real one


TABLE = tables.LayerTable.from_json(
    json.dumps(
        {
            "network": "wrn-10-1",
            "image": [3, 32, 32],
            "classes": 10,
            "rows": [],
            "default": [],
            "other_parameters": 7,
        }
    )
)


@given(damage)
@examples(15)
def test_mapped_images_whose_note_is_damaged_are_made_again(tmp_path_factory, places):
    def fill(arrays):
        arrays["train"][:] = 7
        return {"mean": 7}

    def mapped():
        return pixel_cache.map_arrays("key", lambda: {"train": 2}, 4, fill)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        mapped()
        (note,) = user_cache().rglob(pixel_cache.DONE)
        note.write_bytes(damaged(note.read_bytes(), places))
        arrays, facts = mapped()
    assert facts == {"mean": 7}
    assert (arrays["train"] == 7).all()


@given(
    st.sampled_from(["network", "image", "classes", "rows", "default", "sources", "arguments"]),
    json_values,
)
@examples(60)
def test_a_table_that_somebody_wrote_is_read_or_refused(key, value):
    document = json.loads(TABLE.to_json())
    document[key] = value
    table, refused = outcome(lambda: LayerTable.from_json(json.dumps(document)), ValueError)
    assert refused or len(table.digest) == 16


@given(st.sampled_from(["digest", "tensors", "fresh", "normalization", "more"]), json_values)
@examples(40)
def test_weights_that_somebody_described_are_read_or_refused(key, value):
    document = json.loads(StartingWeights("0" * 32, 3).to_json()) | {key: value}
    ask = lambda: StartingWeights.from_json(json.dumps(document))  # noqa: E731
    weights, refused = outcome(ask, ValueError)
    assert refused or isinstance(weights.fresh, tuple)
