"""One question has one answer: labels, digits, ties, counts, keys that do not exist."""

import json

import numpy as np
import pandas as pd

from analysis.charts.labels import short
from analysis.commands.export import export_text
from analysis.commands.show import trial_text
from analysis.record.dtypes import config_columns
from analysis.record.rows import Planned
from analysis.statistics.pareto import pareto
from analysis.study.best import best_by_value
from analysis.study.configurations import configuration_ids, distinct_numbers, labels
from analysis.study.study import load_study
from analysis.tensorboard.events import start_event
from tests.analysis import spaces
from tests.analysis.simulation import write_study
from trainables.architectures.network_size import size_network
from trainables.config.parsing import scalar
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id


def test_labels_have_as_many_digits_as_tell_configurations_apart(tmp_path):
    rates = (0.20001, 0.20002, 0.20003, 0.4)
    configs = [{"layer": "dense", "learning_rate": rate, "epochs": 2} for rate in rates]
    study = load_study(write_study(tmp_path, configs, space=spaces.RATES))
    assert labels(study.trials).nunique() == 4
    assert "dense learning_rate 0.20001" in set(labels(study.trials))


def test_a_number_is_written_as_it_is_beside_one_that_differs_in_the_last_digit():
    values = (0.1, 0.3, 0.1 + 0.2, 1e-7)
    written = ["0.1", "0.3", "0.30000000000000004", "1e-07"]
    assert list(distinct_numbers(values).values()) == written


def test_an_empty_text_has_a_label():
    assert list(distinct_numbers(["", "layer3.*"]).values()) == ["''", "layer3.*"]
    assert short("") == "''"


def test_json_keeps_every_digit():
    values = [0.1 + 0.2, 1 / 3, 5e-324, float("nan")]
    read = json.loads(
        export_text(pd.DataFrame({"a": values, "b": pd.array([1, 2, 3, None])}), "json")
    )
    assert [row["a"] for row in read] == [*values[:3], None]
    assert [row["b"] for row in read] == [1, 2, 3, None]


def test_a_trial_read_from_a_page_is_that_trial(tmp_path):
    configs = [
        {"layer": "tensor_train", "parameters": 500_000, "learning_rate": 0.1 + 0.2, "epochs": 2},
        {"layer": "low_rank", "rank": 4, "learning_rate": 0.12345678901, "flip": True, "epochs": 2},
    ]
    study = load_study(write_study(tmp_path / "study", configs, space=spaces.RATES))
    table = export_text(study.trials, "md").splitlines()
    names = [cell.strip() for cell in table[0].strip("| ").split("|")]
    for (_, trial), line in zip(study.trials.iterrows(), table[2:], strict=True):
        shown = trial_text(study, trial).split("\n\n")[1]
        raw = dict(word.split("=", 1) for word in shown.split())
        config = TrainConfig.from_trial({key: scalar(text) for key, text in raw.items()})
        assert trial_id(config, size_network(config.architecture)) == trial["trial_id"]
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        assert float(cells[names.index("learning_rate")]) == trial["learning_rate"]


def test_of_equal_means_the_smaller_network_is_on_the_front():
    frame = pd.DataFrame(
        {"parameters": [10, 20, 20, 30], "mean": [0.9, 0.9, 0.95, 0.95], "n": 1, "sd": np.nan}
    )
    assert pareto(frame, "parameters")["on_front"].tolist() == [True, False, True, False]


def test_a_key_that_was_not_there_yet_is_at_its_default():
    whole = TrainConfig(layer="dense").to_dict()
    old = {name: value for name, value in whole.items() if name != "label_smoothing"}
    frame = pd.DataFrame(config_columns([whole, old], whole=True))
    assert frame["label_smoothing"].tolist() == [0.0, 0.0]
    assert configuration_ids(frame).nunique() == 1


def test_a_key_that_does_not_exist_is_in_no_frame_and_no_hparams(tmp_path):
    keys = {
        "layer": spaces._choice("dense", "tensor_train"),
        "dims": spaces._choice(3, 4, layer=("tensor_train",)),
    }
    configs = [{"layer": "dense", "epochs": 2}]
    configs += [{"layer": "tensor_train", "rank": 8, "dims": d, "epochs": 2} for d in (3, 4)]
    study = load_study(write_study(tmp_path, configs, space={**spaces.FAMILIES, "keys": keys}))
    dims = study.trials.set_index("layer")["dims"]
    assert pd.isna(dims["dense"])
    assert best_by_value(study, "dims")["dims"].tolist() == [3, 4]
    assert best_by_value(study, "dims")["layer"].tolist() == ["tensor_train"] * 2
    planned = Planned("a", {"layer": "dense", "dims": 3, "seed": 0}, 1, 1.0, 1.0)
    when = {"dims": {"layer": ("tensor_train",)}}
    assert b"dims" not in start_event(planned, ("layer", "dims"), when).SerializeToString()
    assert b"dims" in start_event(planned, ("layer", "dims"), {}).SerializeToString()
