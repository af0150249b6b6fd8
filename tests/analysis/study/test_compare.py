"""Two studies side by side."""

import json

import numpy as np
import pytest
from scipy import stats

from analysis.commands.compare import comparison_text
from analysis.study.compare import compare, differences
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import write_study


def dense(folder, seeds=3, **options):
    configs = [{"layer": "dense", "epochs": 2, "seed": seed} for seed in range(seeds)]
    return load_study(write_study(folder, configs, space=spaces.FAMILIES, **options))


def test_shared_configurations_are_compared_by_a_t_test(tmp_path):
    a, b = dense(tmp_path / "a"), dense(tmp_path / "b", model=Model(noise=0.004), random_seed=1)
    row = compare(a, b).iloc[0]
    ours, theirs = (study.trials["val_accuracy_last"] for study in (a, b))
    test = stats.ttest_ind(theirs, ours)
    assert row["difference"] == pytest.approx(theirs.mean() - ours.mean())
    assert row["p_holm"] == pytest.approx(test.pvalue)
    assert row["low"] == pytest.approx(test.confidence_interval().low)
    assert row["same_runs"] == 0


def test_runs_that_are_the_same_are_recognised(tmp_path):
    a, b = dense(tmp_path / "a"), dense(tmp_path / "b")
    assert compare(a, b)["same_runs"].tolist() == [3]


def test_one_seed_each_gives_a_difference_without_an_interval(tmp_path):
    a, b = dense(tmp_path / "a", seeds=1), dense(tmp_path / "b", seeds=1, random_seed=1)
    row = compare(a, b).iloc[0]
    assert row["difference"] != 0
    assert np.isnan([row["low"], row["p_holm"]]).all()


def test_studies_without_a_common_configuration_have_no_rows(study):
    assert len(compare(study("seeds"), study("twelve"))) == 0
    assert "0 configurations" in comparison_text(
        study("seeds"), study("twelve"), compare(study("seeds"), study("twelve")),
        differences(study("seeds"), study("twelve")),
    )  # fmt: skip


def test_configurations_that_begin_alike_have_lines_of_their_own(study):
    one = study("seeds")
    frame = compare(one, one)
    text = comparison_text(one, one, frame, differences(one, one))
    lines = [line for line in text.splitlines() if line.lstrip().startswith("low_rank")]
    assert len(set(lines)) == len(lines) == len(frame)


def test_what_else_differs_is_named(tmp_path):
    a, b = dense(tmp_path / "a"), dense(tmp_path / "b")
    info = json.loads((b.folder / "study.json").read_text())
    info["versions"]["torch"], info["device"] = "2.11.0", "cuda"
    (b.folder / "study.json").write_text(json.dumps(info))
    frame = differences(a, load_study(b.folder)).set_index("what")
    assert frame.loc["version torch"].tolist() == ["2.14.1", "2.11.0"]
    assert frame.loc["device"].tolist() == ["cpu", "cuda"]
    assert len(frame) == 2
