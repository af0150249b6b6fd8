"""A key that does not exist has no value, and neither has what depends on it."""

import pandas as pd

from analysis.study.searched_keys import existing

SPACE = {
    "keys": {
        "layer": {},
        "dims": {"when": {"layer": ["tucker"]}},
        "weight_decay_scaling": {"when": {"dims": [3]}},
    }
}


def test_a_key_whose_condition_does_not_hold_has_no_value():
    frame = pd.DataFrame({"layer": ["tucker", "dense"], "dims": [2, 3]})
    assert existing(frame, SPACE)["dims"].tolist()[0] == 2
    assert existing(frame, SPACE)["dims"].isna().tolist() == [False, True]


def test_a_key_that_depends_on_one_that_does_not_exist_does_not_exist_either():
    frame = pd.DataFrame(
        {"layer": ["tucker", "dense"], "dims": [3, 3], "weight_decay_scaling": [1.0, 0.0]}
    )
    assert existing(frame, SPACE)["weight_decay_scaling"].isna().tolist() == [False, True]
