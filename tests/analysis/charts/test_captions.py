"""What is written below a chart agrees with its axes."""

from analysis.charts import heat_map, size_accuracy
from analysis.study.replicates import replicates
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import write_study


def test_captions_say_what_is_equal_and_which_networks_are_not_more_accurate(tmp_path, study):
    configs = [
        {"layer": layer, "compression": share, "dims": dims, "epochs": 2}
        for layer in ("tensor_train", "tucker")
        for share in (0.05, 0.1)
        for dims in (2, 3)
    ]
    budgets = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    said = heat_map.caption(heat_map.heat_map(budgets))
    assert "The networks of a row have about as many parameters." in said
    assert "tensor_train at compression budget 0.1" in said
    assert any("compression 0.1" in label for label in replicates(budgets)["label"])
    assert "not at equal rank" in heat_map.caption(heat_map.heat_map(study("sweep")))
    for size, words in size_accuracy.NO_MORE.items():
        frame = size_accuracy.size_accuracy(budgets).assign(size_key=size)
        assert f"no network {words} is more accurate" in size_accuracy.caption(frame)
