"""Which images train and which judge."""

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest
from trainables.data.split import split_training_images, spread_evenly

DIGITS = load_dataset(DataRequest("digits"))
LABELS = DIGITS.train_labels


def split(**keys):
    return split_training_images(TrainConfig(batch_size=1, dataset="digits", **keys), DIGITS)


def shares(indices):
    return np.bincount(LABELS[indices], minlength=10) / len(indices)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 5))
def test_both_parts_are_disjoint_of_the_size_asked_for_and_stratified(train, held_out, data_seed):
    parts = split(train_images=train, validation_images=held_out, data_seed=data_seed)
    assert (len(parts.train), len(parts.held_out)) == (train, held_out)
    assert not set(parts.train) & set(parts.held_out)
    expected = np.bincount(LABELS) / len(LABELS)
    assert (np.abs(shares(parts.held_out) - expected) * held_out <= 1.001).all()
    assert (np.abs(shares(parts.train) - expected) * train <= 2.001).all()


def test_validation_images_stay_the_same_whatever_is_trained_on():
    parts = [split(train_images=count) for count in (100, 500, None)]
    assert all((part.held_out == parts[0].held_out).all() for part in parts)
    assert set(parts[0].train) < set(parts[1].train) < set(parts[2].train)


def test_data_seed_draws_other_validation_images_and_seed_does_not():
    assert (split(seed=1).held_out == split(seed=2).held_out).all()
    assert (split(data_seed=1).held_out != split(data_seed=2).held_out).any()


def test_a_split_that_varies_with_the_replicate_is_that_of_its_seed():
    assert (split(data_seed=-1, seed=3).held_out == split(data_seed=3, seed=0).held_out).all()
    assert (split(data_seed=-1, seed=1).held_out != split(data_seed=-1, seed=2).held_out).any()


def test_one_tenth_is_held_out_where_nothing_is_said():
    assert len(split().held_out) == 143


def test_no_validation_images_means_training_on_all_and_the_test_set():
    parts = split(validation_images=0)
    assert len(parts.train) == len(LABELS)
    assert parts.uses_test_set


@pytest.mark.parametrize("protocol", ["original_a_plain", "original_a_scaled", "original_tt"])
def test_the_original_protocols_hold_nothing_out_unless_told(protocol):
    assert split(protocol=protocol).uses_test_set
    assert not split(protocol=protocol, validation_images=10).uses_test_set


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train_images": 1400}, "143 for validation and 1,400"),
        ({"validation_images": 1433}, "1,433 for validation"),
    ],
)
def test_more_images_than_there_are_is_refused_with_the_numbers(keys, message):
    with pytest.raises(ConfigError, match=message):
        split(**keys)


def test_a_batch_larger_than_the_training_set_is_refused():
    config = dataclasses.replace(TrainConfig(), dataset="digits", train_images=100)
    with pytest.raises(ConfigError, match="batch_size 512 is more than the 100"):
        split_training_images(config, DIGITS)


@given(st.integers(1, 300), st.integers(0, 400))
@example(total=11, count=6)
def test_some_images_of_a_set_that_is_sorted_by_class_are_of_every_class(total, count):
    some = spread_evenly(np.arange(total), count)
    assert len(set(some)) == min(total, count)
    classes = np.arange(total) * 10 // total
    gap = -(-total // count) if count else total + 1
    wide = {
        one for one in range(10) if (classes == one).sum() >= gap
    }  # none of them is stepped over
    assert wide <= set(classes[some])
