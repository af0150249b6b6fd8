"""A value that is the default of one side alone does not set the sides of a contrast apart."""

from pathlib import Path

import pandas as pd

from analysis import load_study
from analysis.claims.comparison import compare_values
from analysis.record.open_keys import in_one_spelling
from benchmarks.study.records import unpack
from trainables.config.train_config import TrainConfig

RECORD = Path(__file__).resolve().parents[3] / "docs/results/study/records/e_protocols"
INFO = {"dataset": {"train_images": 50_000, "held_out": 5_000, "own_validation": 0}}


def test_protocols_of_which_only_some_read_the_test_set_by_default_are_compared(tmp_path):
    unpack(RECORD, tmp_path / "e_protocols")
    study = load_study(tmp_path / "e_protocols")
    for treatment, verdict, told in (
        ("original_a_scaled", "shown", "-2.39 points (95 % interval -3.62 to -1.17, p < .001)"),
        ("original_a_plain", "not_shown", "-0.49 points (95 % interval -1.86 to +0.88, p = .452)"),
        ("original_tt", "shown", "-6.51 points (95 % interval -9.71 to -3.31, p = .001)"),
    ):  # the figures of docs/results/study/e_protocols.md
        claim = compare_values(study, "protocol", "corrected", treatment).claim
        assert (claim.verdict, claim.n) == (verdict, 30)
        assert f"{told}, n = 30 runs of 3 architectures" in claim.words


def test_one_value_of_all_is_said_and_else_what_is_a_default_is_left_out():
    def column(**written: int | None) -> list[int | None]:
        configs = [
            TrainConfig.from_trial({"protocol": name, "validation_images": count}).to_dict()
            for name, count in written.items()
        ]
        spelled = in_one_spelling(pd.DataFrame(configs).convert_dtypes(), INFO)
        return spelled["validation_images"].astype("object").where(lambda one: one.notna()).tolist()

    assert column(corrected=0, original_tt=0) == [0, 0]
    assert column(corrected=0, original_tt=None) == [0, 0]
    left_out = column(corrected=5_000, original_tt=0)
    assert pd.isna(left_out).all()
