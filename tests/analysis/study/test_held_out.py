"""On how many images accuracies rest, and from which one on a network has learned something."""

import dataclasses

import pandas as pd
import pytest

from analysis.study.held_out import judging_images
from analysis.study.outcomes import outcomes
from benchmarks.calibration.simulated import choice, plan, space


def runs(dataset, accuracy, classes, images=None):
    return pd.DataFrame(
        {
            "status": "finished", "classes": classes, "seed": 0, "dataset": [dataset],
            "validation_images": pd.array([images], dtype="Float64"), "val_accuracy_last": accuracy,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "accuracy", "classes", "images", "learned"),
    [
        ("digits", 0.14, 10, None, False),  # 143 images: chance reaches to 15 %
        ("digits", 0.16, 10, None, True),
        ("cifar10", 0.105, 10, None, False),
        ("cifar10", 0.12, 10, None, True),
        ("cifar10", 0.12, 10, 200, False),
        ("mine", 0.58, 2, None, True),  # nothing says how many images: it is no guess on many
        ("mine", 0.58, 2, 100, False),
        ("mine", 0.025, 100, None, True),
    ],
)
def test_no_network_that_learned_is_taken_for_one_that_guesses(
    dataset, accuracy, classes, images, learned
):
    found = outcomes(runs(dataset, accuracy, classes, images), "val_accuracy_last")
    assert found["collapsed"].tolist() == [not learned]
    assert found["value"].tolist() == [accuracy if learned else 1 / classes]


def test_a_data_set_says_how_many_images_it_holds_out():
    ours = plan(space({"rank": choice(2, 3)}), [{"layer": "low_rank", "rank": 2}])
    study = ours.study(pd.Series([0.9]).to_numpy())
    info = {**study.info, "dataset": {"name": "mine", "train_images": 5_000, "held_out": 700}}
    assert judging_images(dataclasses.replace(study, info=info)) == 700
