"""What the result pages say is what their tables hold."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture(scope="module")
def means() -> pd.DataFrame:
    """A row per network of the first search, best first."""
    trials = pd.read_parquet(RESULTS / "first-search" / "trials.parquet")
    assert set(trials["status"]) == {"finished"}
    groups = trials.groupby(["layer", "rank_scale"], dropna=False)["val_accuracy_last"]
    frame = groups.agg(["mean", "std", "count"]).reset_index()
    frame["half"] = stats.t.ppf(0.975, frame["count"] - 1) * frame["std"] / frame["count"] ** 0.5
    return frame.sort_values("mean", ascending=False)


def test_the_first_search_orders_as_it_should(means):
    assert list(means["layer"].head(2)) == ["dense", "separable"]
    for layer in ("low_rank", "tensor_train"):
        scales = means.loc[means["layer"] == layer, "rank_scale"]
        assert list(scales) == [0.5, 0.25, 0.125]


def test_the_first_search_page_holds_the_tables_numbers(means):
    page = (RESULTS / "first-search.md").read_text()
    for row in means.itertuples():
        rank = "" if pd.isna(row.rank_scale) else f"{row.rank_scale:g}"
        (line,) = [
            text for text in page.splitlines() if text.startswith(f"| {row.layer} | {rank} |")
        ]
        assert line.endswith(f"| {row.mean:.4f} | {row.half:.4f} |")


def test_the_page_of_foreign_networks_holds_its_tables_numbers():
    page = (RESULTS / "your-network.md").read_text()
    parts = []
    for network in ("resnet18", "mobilenet_v2"):
        trials = pd.read_parquet(RESULTS / "your-network" / f"{network}.parquet")
        assert set(trials["status"]) == {"finished"}
        assert not trials["trial_id"].duplicated().any()
        chosen = trials[trials["seed"] < 1000]
        parts += [(f"{network} {layer}", group) for layer, group in chosen.groupby("layer")]
    assert len(parts) == 8
    for name, group in parts:
        seeds = group.sort_values("seed")["val_accuracy_last"]
        half = stats.t.ppf(0.975, len(seeds) - 1) * seeds.std() / len(seeds) ** 0.5
        numbers = [*seeds, seeds.mean(), half]
        (line,) = [text for text in page.splitlines() if text.startswith(f"| {name} |")]
        assert f"| {group['parameters'].iloc[0]:,} |" in line
        assert line.endswith(" | ".join(f"{number:.4f}" for number in numbers) + " |")
    confirmed = pd.read_parquet(RESULTS / "your-network" / "resnet18-confirm.parquet")
    test = confirmed.loc[confirmed["layer"] == "tucker2", "test_accuracy"].dropna()
    again = pd.read_parquet(RESULTS / "your-network" / "mobilenet_v2-confirm.parquet")
    trials = pd.read_parquet(RESULTS / "your-network" / "mobilenet_v2.parquet")
    fresh = trials[trials["seed"] >= 1000].groupby("layer")["val_accuracy_last"]
    plain = " ".join(page.split()).replace(" %", "%")
    for words, numbers in (
        ("tucker2, {}", test),
        ("Dense, the best, has {} on the test set", again["test_accuracy"]),
        ("these have {} and", fresh.get_group("dense")),
        ("and {} of the held-out images", fresh.get_group("low_rank")),
    ):
        half = stats.t.ppf(0.975, len(numbers) - 1) * numbers.std() / len(numbers) ** 0.5
        told = words.format(f"{numbers.mean():.2%} ± {half * 100:.2f}")
        assert told in plain
        assert len(numbers) == 3
