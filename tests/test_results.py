"""What the result pages say is what their tables hold."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[1] / "docs" / "results"


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
