"""A default that is written out is the same trial, study and configuration as one left out."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from analysis.record.rows import Ended, Epoch, Planned
from analysis.study.compare import compare
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from trainables.config.resolution import (
    OPEN_KEYS,
    default_values,
    with_defaults,
    without_written_defaults,
)
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id
from trainables.data.augmentation import choose_augmentation
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest, count_images
from tune_app.command.options import RunOptions
from tune_app.deciding.optuna_search import point_of
from tune_app.planning.identity import another_study, study_identity
from tune_app.planning.plan import make_plan
from tune_app.planning.rows import planned_row
from tune_app.record.history import History, best_on_record
from tune_app.record.ledger import Ledger
from tune_app.record.paths import study_paths
from tune_app.record.study_document import StudyName
from tune_app.study.resume import borrowed_rows
from tune_app.study.study_file import study_information, write_information

KEYS = [field.name for field in dataclasses.fields(TrainConfig)]
BASES = {
    "dense": {"layer": "dense"},
    "adamw": {"layer": "low_rank", "rank": 4, "optimizer": "adamw"},
    "resized crop": {"layer": "dense", "random_resized_crop": 0.5, "batch_size": 64},
    "original": {"layer": "tensor_train", "rank_scale": 0.5, "protocol": "original_tt"},
    "fewer images": {"layer": "separable", "validation_images": 100, "data_seed": -1},
    "budget": {"layer": "cp", "parameters": 9_000, "weight_decay_scaling": 1.0},
}
"""Fixed keys, on which the defaults of others depend."""


def space(keys=None, **fixed) -> SearchSpace:
    small = {"dataset": "digits", "width": 8, "epochs": 2, "precision": "fp32"}
    return SearchSpace(
        name="said",
        question="Is it the same?",
        source="a test",
        estimating_seeds=0,
        fixed={**small, "layer": "dense", **fixed},
        keys=keys or {"learning_rate": Key(Choice((0.1,)))},
    )


@pytest.fixture
def options(tmp_path) -> RunOptions:
    return RunOptions(space="said", results_dir=tmp_path)


def ids(plan) -> list[str]:
    return sorted(trial.trial_id for trial in plan.trials)


@pytest.mark.parametrize("base", BASES)
def test_any_key_that_says_its_default_is_the_same_trial_and_study(options, base):
    fixed, keys = BASES[base], {"schedule": Key(Choice(("dawn",)))}
    plain = make_plan(options, space(keys, **fixed))
    (trial,) = plain.trials
    taken, others = with_defaults(trial.config.to_dict(), plain.rules.data), {}
    for name in KEYS:
        if taken[name] is None or name in keys:
            continue  # left out, it stands for nothing that could be said
        said = make_plan(options, space(keys, **{**fixed, name: taken[name]}))
        if (ids(said), study_identity(said)) != (ids(plain), study_identity(plain)):
            others[name] = taken[name]
    assert others == {}


def test_every_open_key_is_tried_above():
    config = TrainConfig.from_trial({"dataset": "digits"})
    data = {"train_images": 9, "held_out": 1, "own_validation": 0, "flips": True}
    assert default_values(config.to_dict(), data).keys() == {*OPEN_KEYS}
    left_open = {field.name for field in dataclasses.fields(TrainConfig) if field.default is None}
    sizes = {"rank_divisor", "rank_scale", "rank", "parameters", "compression", "ranks"}
    assert left_open - sizes == {*OPEN_KEYS}


def test_what_training_takes_is_what_leaving_a_key_out_stands_for(tmp_path):
    """Of a folder with its own validation images too."""
    for part, count in {"train": 6, "val": 4, "test": 2}.items():
        for number in range(2 * count):
            folder = tmp_path / part / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (9 * number, 0, 0)).save(folder / f"{number}.png")
    data = load_dataset(DataRequest("folder", tmp_path, image_size=16))
    assert data.counts.own_validation
    for keys in ({}, {"protocol": "original_tt"}, {"validation_images": 3}, {"crop": 1}):
        config = TrainConfig.from_trial(
            {"dataset": "folder", "network": "resnet9", "classes": 2, **keys}
        )
        found = with_defaults(config.to_dict(), data.counts.facts)
        counts = found["validation_images"], found["train_images"]
        assert counts == count_images(config, data.counts)
        how = choose_augmentation(config, 32, flips=data.flips)
        assert (how.crop, how.cutout, how.flip) == (found["crop"], found["cutout"], found["flip"])
        assert without_written_defaults(found, data.counts.facts) == without_written_defaults(
            config.to_dict(), data.counts.facts
        )


def test_a_searched_default_has_both_arms_and_one_trial_each(options):
    searched = space({"crop": Key(Choice((4, 2))), "flip": Key(Choice((True, False)))})
    plan = make_plan(options, searched)
    assert len(plan.trials) == 4
    assert {trial.config.crop for trial in plan.trials} == {4, 2}
    assert set(ids(make_plan(options, space()))) != set(ids(plan))
    rate = space({"crop": Key(Choice((4, 2)))}, learning_rate=0.1)
    assert set(ids(make_plan(options, space()))) < set(ids(make_plan(options, rate)))


class Recorded:
    """A study folder in which every trial of a plan has finished."""

    def __init__(self, options: RunOptions, plan, accuracy=lambda _: 0.5, rename=None) -> None:
        self.paths = study_paths(options, plan.space.name)
        rows = [planned_row(trial, time=0.0, search="optuna") for trial in plan.trials]
        self.rows: list = []
        for row in rows:
            if rename:
                row = Planned(
                    **{**{f: getattr(row, f) for f in row.__struct_fields__}, **rename(row)}
                )
            value = accuracy(row.config)
            self.rows += [
                row,
                Epoch(row.trial_id, 1, 1.0, 2, 0.5, value, val_loss=1.0, val_accuracy=value),
                Ended(row.trial_id, 1, 1.0, "finished", 2),
            ]
        with Ledger(self.paths.folder, study_id="a1") as ledger:
            ledger.append(*self.rows)
        data = load_dataset(DataRequest("digits"))
        about = {"held_out": data.validation_images, "train_images": len(data.train_labels)}
        more = {"own_validation": data.own_validation, "flips": data.flips}
        write_information(
            self.paths.study,
            study_information(
                plan, options, "said", StudyName("a1", "said-a1"), study_identity(plan),
                dataset={**about, **more},
            ),
        )  # fmt: skip


def former(row: Planned) -> dict:
    """The id that a version gave which hashed what was written."""
    config = TrainConfig.from_trial({k: v for k, v in row.config.items() if v is not None})
    return {"trial_id": trial_id(config, config.network_size())}


SAID = {"crop": 4, "cutout": 8, "flip": False, "validation_images": 143, "train_images": 1290}


def test_trials_of_before_keep_their_ids_and_are_known(options):
    """A ledger in which the defaults are written out, and hashed."""
    old = make_plan(options, space(**SAID))
    recorded = Recorded(options, old, rename=former)
    document = json.loads(recorded.paths.study.read_text())
    document["identity"]["fixed"] |= SAID  # as it was then
    recorded.paths.study.write_text(json.dumps(document))
    before = {row.trial_id for row in recorded.rows if isinstance(row, Planned)}
    assert before.isdisjoint(ids(old))
    for asked in (space(), space(**SAID), space(crop=4)):
        plan = make_plan(options, asked)
        assert set(ids(plan)) == before
        assert another_study(recorded.paths, plan, options) == []
        (trial,) = plan.trials
        assert trial.trial_id == trial_id(trial.job, trial.size)  # what a worker checks
    document["identity"] = study_identity(make_plan(options, space()))  # it was gone on with
    assert document["identity"]["fixed"].keys().isdisjoint(SAID)
    recorded.paths.study.write_text(json.dumps(document))
    assert set(ids(make_plan(options, space()))) == before
    more = make_plan(dataclasses.replace(options, seeds=2), space())
    assert len(before & set(ids(more))) == 1
    assert (
        make_plan(dataclasses.replace(options, fresh=True), space()).trials[0].trial_id
        not in before
    )
    other = dataclasses.replace(options, name="other")
    taken = borrowed_rows(make_plan(other, space()), History(), [recorded.paths.folder])
    assert {row.trial_id for row in taken} == set(ids(make_plan(other, space())))


def test_seeds_that_say_a_default_and_seeds_that_do_not_are_one_configuration(options):
    three = dataclasses.replace(options, seeds=3)
    plan = make_plan(three, space())
    said = make_plan(three, space(**SAID))
    mixed = dataclasses.replace(plan, trials=(*plan.trials[:1], *said.trials[1:]))
    recorded = Recorded(three, mixed, accuracy=lambda config: 0.5 + 0.01 * config["seed"])
    study = load_study(recorded.paths.folder)
    assert replicates(study)["n"].tolist() == [3]
    assert replicates(study)["mean"].tolist() == pytest.approx([0.51])
    history = History(recorded.rows, plan.rules.data)
    assert best_on_record(history)[0] == pytest.approx(0.51)


def test_a_key_that_is_searched_later_has_its_default_in_the_arm(options):
    """Recorded when nobody spoke of it; the space then searches it."""
    plan = make_plan(options, space())
    recorded = Recorded(options, plan)
    keys = {"learning_rate": Key(Choice((0.1,))), "crop": Key(Choice((4, 2)))}
    wider = make_plan(options, space(keys))
    assert another_study(recorded.paths, wider, options) == []
    (known,) = {*ids(plan)} & {*ids(wider)}
    (row,) = [row for row in recorded.rows if isinstance(row, Planned)]
    assert row.trial_id == known
    assert point_of(wider, row) == {"learning_rate": 0.1, "crop": 4}
    info = {**load_study(recorded.paths.folder).info, "space": space_json(wider.space)}
    write_information(recorded.paths.study, info)
    assert load_study(recorded.paths.folder).trials["crop"].tolist() == [4]
    again = Recorded(dataclasses.replace(options, name="again"), wider)
    theirs = load_study(again.paths.folder)
    assert sorted(theirs.trials["crop"]) == [2, 4]
    shared = compare(load_study(recorded.paths.folder), theirs)
    assert len(shared) == 1
    plain = load_study(Recorded(dataclasses.replace(options, name="plain"), plan).paths.folder)
    assert len(compare(plain, theirs)) == 1
    assert np.isnan(plain.trials["crop"].astype("float64")).all()
