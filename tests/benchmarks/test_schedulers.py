"""Schedulers and searchers judged on recorded curves."""

from __future__ import annotations

import json
import re

import pytest

from analysis.record.rows import Closed, Ended, Epoch, Planned, Run, Started
from analysis.record.status import TrialStatus
from analysis.study.study import load_study
from benchmarks.schedulers.__main__ import judge, main
from benchmarks.schedulers.curves import Curve, read_curves
from benchmarks.schedulers.methods import METHODS, Setting, proposed
from benchmarks.study.records import PUBLISHED
from tests.ledger import write_ledger
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id

EPOCHS, IMAGES = 12, 1_000
SETTING = Setting(slots=2, schedule="dawn", chance=0.1, images=500)
RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def right_answers(rate: int, seed: int, epoch: int) -> tuple[int, int]:
    """Of the seen and of the hidden 500 images: the second rate is best, and learns fastest."""
    final = 450 - 40 * abs(rate - 1) + 3 * seed
    right = 60 + (final - 60) * epoch // EPOCHS
    return right, right - 7


def write_curves(folder, *, halves: bool):
    rows = [Run(0.0, "python run_tune.py", 2)]
    for rate, learning_rate in enumerate(RATES):
        for seed in (0, 1):
            config = TrainConfig.from_trial(
                {"width": 4, "learning_rate": learning_rate, "seed": seed, "epochs": EPOCHS,
                 "validation_images": IMAGES}
            )  # fmt: skip
            size = config.network_size()
            name = trial_id(config, size)
            rows += [
                Planned(name, config.to_dict(), size.parameters, float(size.macs(512)), 1.0),
                Started(name, 1, 1.0),
            ]
            for epoch in range(1, EPOCHS + 1):
                seen, hidden = right_answers(rate, seed, epoch)
                rows.append(
                    Epoch(
                        name, 1, 1.0 + epoch, epoch, 1.0, 0.5, 1.0, (seen + hidden) / IMAGES,
                        train_seconds=1.0, val_accuracy_half=seen / 500 if halves else None,
                    )
                )  # fmt: skip
            rows.append(Ended(name, 1, 20.0, TrialStatus.FINISHED, EPOCHS))
    write_ledger(folder, *rows, Closed(30.0, "done"))
    space = {"name": "rates", "keys": {"learning_rate": {"values": list(RATES)}}}
    (folder / "study.json").write_text(json.dumps({"name": folder.name, "space": space}))
    return folder


@pytest.fixture(scope="module")
def curves(tmp_path_factory) -> list[Curve]:
    return read_curves(load_study(write_curves(tmp_path_factory.mktemp("s") / "s", halves=True)))


def test_the_hidden_half_is_what_the_seen_half_leaves(curves):
    assert len(curves) == 2 * len(RATES)
    for curve in curves:
        rate = RATES.index(dict(curve.point)["learning_rate"])
        first = right_answers(rate, 0, EPOCHS)[0]
        assert round(500 * curve.seen[-1]) in (first, first + 3)
        assert 500 * curve.hidden[-1] == pytest.approx(500 * curve.seen[-1] - 7)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_chooses_among_what_it_paid_for(curves, method):
    found = judge(METHODS[method], curves, SETTING, orders=5)
    assert found["regret_points"] >= 0
    assert 0 < found["epochs_share"] <= 1
    assert (found["epochs_share"] == 1) == (method == "every trial to its end")


def test_asha_finds_the_best_of_curves_that_never_cross_and_spends_less(curves):
    found = judge(METHODS["asha, 3"], curves, SETTING, orders=20)
    assert found["regret_points"] == 0
    assert found["epochs_share"] < 0.8


def test_asha_loses_a_trial_that_learns_late(curves):
    best = max(curves, key=lambda curve: curve.seen[-1])
    slow = [
        Curve(one.trial_id, one.point, one.parameters, one.epoch_seconds,
              (0.13,) * (EPOCHS - 1) + one.seen[-1:], one.hidden)
        if one is best
        else one
        for one in curves
    ]  # fmt: skip
    assert judge(METHODS["asha, 3"], slow, SETTING, orders=20)["regret_points"] > 0


def test_tpe_never_asks_for_one_trial_twice_and_ends_with_the_table(curves):
    asked = [curve.trial_id for curve in proposed(curves, len(curves), seed=0)]
    assert sorted(asked) == sorted(curve.trial_id for curve in curves)


def test_orders_are_the_same_for_every_run(curves):
    first, second = (judge(METHODS["asha, 3"], curves, SETTING, orders=3) for _ in range(2))
    assert first == second


def test_the_command_writes_its_table(tmp_path, capsys):
    folder = write_curves(tmp_path / "rates", halves=True)
    out = tmp_path / "schedulers.json"
    picture = tmp_path / "schedulers.svg"
    options = ["--orders", "3", "--methods", "median", "--out", str(out), "--picture", str(picture)]
    assert main([str(folder), *options]) == 0
    assert "median" in capsys.readouterr().out
    assert json.loads(out.read_text())["studies"]["rates"]["trials"] == 2 * len(RATES)
    assert ">rates, 12 trials<" in picture.read_text(encoding="utf-8")


def test_a_study_without_the_halves_is_refused_with_the_reason(tmp_path, capsys):
    folder = write_curves(tmp_path / "old", halves=False)
    with pytest.raises(SystemExit) as ended:
        main([str(folder), "--out", str(tmp_path / "out.json")])
    assert ended.value.code == 2
    assert "val_accuracy_half" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_the_documented_methods_of_ones_own_are_judged(tmp_path, capsys, monkeypatch):
    page = (PUBLISHED / "schedulers.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    folder = write_curves(tmp_path / "rates", halves=True)
    monkeypatch.chdir(tmp_path)
    names = ["mine.py:two_epochs", "mine.py:halving"]
    options = [str(folder), "--orders", "5", "--out", "mine.json", "--methods"]
    assert main([*options, *names]) == 0
    found = json.loads((tmp_path / "mine.json").read_text())["studies"]["rates"]["methods"]
    assert [*found] == names
    trials, kept = 2 * len(RATES), 2 * len(RATES) // 4
    share = (2 * trials + kept * (EPOCHS - 2)) / (trials * EPOCHS)
    assert found["mine.py:two_epochs"]["epochs_share"] == pytest.approx(share, abs=1e-4)
    assert all(one["regret_points"] == 0 and one["epochs_share"] < 1 for one in found.values())
    assert all(f"`{name}`" in page for name in METHODS)
    for wrong in ("mine.py:absent", "absent.py:two_epochs", "asha"):
        with pytest.raises(SystemExit):
            main([*options, wrong])
        assert wrong.partition(":")[0] in capsys.readouterr().err
