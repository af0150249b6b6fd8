"""What the pages of the study say is what its records hold."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from benchmarks.study.automatic_ranks import PROTOCOLS
from benchmarks.study.leads import QUESTIONS, lead_of, leads, leads_over_automatic_ranks

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "docs" / "results" / "study"


def recorded(name: str) -> pd.DataFrame:
    """The finished trials of a published study."""
    trials = pd.read_parquet(STUDY / "records" / name / "trials.parquet")
    return trials[trials["status"] == "finished"]


def points(value: float) -> str:
    """As the pages write points: 0.82 → .82, 1.21 → 1.21, -0.57 → −.57."""
    return re.sub(r"^(−?)0\.", r"\1.", f"{value:.2f}".replace("-", "−"))


@pytest.mark.parametrize(("name", "networks"), [("d_families", 15), ("d_one_percent", 7)])
def test_the_page_of_families_holds_its_tables_numbers(name, networks):
    page = (STUDY / "d_families.md").read_text(encoding="utf-8")
    fresh = recorded(name).query("seed >= 1000")
    arms = fresh.groupby(["compression_budget", "layer", "budget_side"])
    assert len(arms) == networks
    for (budget, layer, _), runs in arms:
        accuracy, first = runs["val_accuracy_last"], runs.iloc[0]
        half = stats.t.ppf(0.975, len(runs) - 1) * accuracy.std() / len(runs) ** 0.5
        table = page.partition(f"| at {100 * budget:.0f} % |")[2].partition("\n\n")[0]
        (line,) = [one for one in table.splitlines() if f"| {first['parameters']:,} |" in one]
        assert line.startswith(f"| {layer}")
        assert f"| {first['macs'] / 1e6:.2f} M | {first['learning_rate']:g} |" in line
        assert line.endswith(f"| {accuracy.mean():.2%} | {100 * half:.2f} |".replace("%", " %"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_the_leads_over_the_narrower_dense_network_are_those_that_the_command_prints(question):
    page = " ".join((STUDY / "d_families.md").read_text(encoding="utf-8").split())
    for lead in leads(question):
        told = rf"{points(lead.points)}( points)? \({points(lead.low)} to {points(lead.high)}"
        assert re.search(rf"{lead.layer} [a-z ]*\+?{told}", page)


def test_the_first_claim_of_the_readme_is_the_lead_at_the_dense_networks_own_rate():
    cp = leads(QUESTIONS[1])[0]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    interval = f"(95 % interval {cp.low:.1f} to {cp.high:.1f}, n = {cp.n[0]} fresh seeds)"
    assert cp.layer == "cp"
    assert f"by {cp.points:.1f} points {interval}" in readme


@pytest.mark.parametrize(
    ("head", "name", "key"),
    [
        ("| | parameters | test accuracy | ± |", "all_images", "test_accuracy"),
        ("| at 10 %, width 8 | parameters | mean | ± |", "small_families", "val_accuracy_last"),
    ],
)
def test_the_smaller_tables_of_families_hold_their_records_numbers(head, name, key):
    page = (STUDY / "d_families.md").read_text(encoding="utf-8")
    table = page.partition(head)[2].partition("\n\n")[0]
    arms = recorded(name).groupby(["layer", "budget_side"])
    assert len(arms) == len(table.strip().splitlines()) - 1
    for (layer, _), runs in arms:
        half = stats.t.ppf(0.975, len(runs) - 1) * runs[key].std() / len(runs) ** 0.5
        numbers = f"| {runs['parameters'].iloc[0]:,} | {runs[key].mean():.2%} | {100 * half:.2f} |"
        assert re.search(rf"\| {layer}[^|]*{re.escape(numbers.replace('%', ' %'))}", table)


@pytest.mark.parametrize(
    ("page", "head", "names", "key"),
    [
        (
            "b_c_dims", "| | dims | parameters | test accuracy | ± |",
            ("b_decays", "c_tucker"), "dims",
        ),
        (
            "d_families", "| | parameters | rate | test accuracy, 16 epochs | ± |",
            ("d_families", "d_dense"), "layer",
        ),
    ],
)  # fmt: skip
def test_the_tables_of_confirmations_hold_their_records_numbers(page, head, names, key):
    text = (STUDY / f"{page}.md").read_text(encoding="utf-8")
    lines = text.partition(head)[2].partition("\n\n")[0].strip().splitlines()[1:]
    confirmed = pd.concat([recorded(f"{name}-confirm") for name in names])
    arms = confirmed.groupby(list(dict.fromkeys(["layer", key])))
    assert len(arms) == len(lines)
    for _, runs in arms:
        assert len(runs) == 3
        accuracy, parameters = runs["test_accuracy"], runs["parameters"].iloc[0]
        half = stats.t.ppf(0.975, 2) * accuracy.std() / 3**0.5
        numbers = f"| {accuracy.mean():.2%} | {100 * half:.2f} |".replace("%", " %")
        assert any(f"| {parameters:,} |" in line and line.endswith(numbers) for line in lines)


@pytest.mark.parametrize("space", PROTOCOLS)
def test_the_ranks_that_are_not_searched_are_those_of_their_file(space):
    file = STUDY / "records" / "automatic_ranks" / f"{space}.json"
    found = json.loads(file.read_text(encoding="utf-8"))["budgets"]
    page = " ".join((STUDY / "d_families.md").read_text(encoding="utf-8").split())
    for one in found:
        accuracy = pd.Series(one["accuracies"])
        half = 100 * stats.t.ppf(0.975, len(accuracy) - 1) * accuracy.std() / len(accuracy) ** 0.5
        told = f"{100 * accuracy.mean():.2f} % ± {points(half)} at {100 * one['budget']:g} %"
        assert told in page
    for lead in leads_over_automatic_ranks(space).values():
        assert re.search(
            rf"by {points(lead.points)}( points)? \({points(lead.low)} to {points(lead.high)}", page
        )


def test_only_the_dense_networks_choose_the_largest_rate_of_all():
    page = " ".join((STUDY / "d_families.md").read_text(encoding="utf-8").split())
    runs = recorded("d_all_rates").query("seed >= 1000")
    networks = runs.groupby(["compression_budget", "layer", "budget_side"])["learning_rate"]
    assert len(networks) == 15
    chose = networks.max()[lambda rate: rate == 0.8].index
    assert list(chose) == [(0.03, "dense", "above"), (0.1, "dense", "within")]
    tenth = runs[runs["compression_budget"] == 0.1]
    by_layer = {name: rows["val_accuracy_last"] for name, rows in tenth.groupby("layer")}
    lead = lead_of("dense", by_layer["dense"], by_layer["tensor_train"])
    half = stats.t.ppf(0.975, 4) * by_layer["dense"].std() / 5**0.5
    assert f"{100 * by_layer['dense'].mean():.2f} % ± {100 * half:.2f} there" in page
    told = f"{points(lead.points)} points above the tensor train ({points(lead.low)} to"
    assert f"{told} {points(lead.high)} by Welch, p = .{100 * lead.p:.0f})" in page


def test_the_page_of_decays_holds_its_tables_numbers():
    page = (STUDY / "a_weight_decay.md").read_text(encoding="utf-8")
    plain = recorded("a_weight_decay").query("weight_decay_scaling == 0 and seed < 1000")
    means = plain.groupby(["weight_decay", "compression_budget"])["val_accuracy_last"].mean()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "e-" in line]
    assert len(rows) == 6
    for row in rows:
        decay, *cells = [cell.strip(" *") for cell in row.strip("|").split("|")]
        assert cells == [f"{100 * mean:.1f}" for mean in means[float(decay)]]


@pytest.mark.parametrize(("head", "name"), [("tensor", "b_tensor_train"), ("Tucker", "c_tucker")])
def test_the_page_of_dims_holds_what_chose_its_rates(head, name):
    page = (STUDY / "b_c_dims.md").read_text(encoding="utf-8")
    chosen = recorded(name).query("seed < 1000").groupby(["dims", "learning_rate"])
    means = 100 * chosen["val_accuracy_last"].mean().unstack()
    table = page.partition(f"| {head}")[2].split("\n")
    for line, (dims, row) in zip(table, means.iterrows(), strict=False):
        best = "**{}**".format
        cells = [f"{mean:.2f} %" for mean in row]
        told = [
            best(cell) if mean == row.max() else cell for cell, mean in zip(cells, row, strict=True)
        ]
        assert line.endswith(f"| {dims} | {' | '.join(told)} |")


def test_the_page_of_protocols_holds_its_tables_numbers():
    page = (STUDY / "e_protocols.md").read_text(encoding="utf-8")
    runs = recorded("e_protocols").query("seed < 5")
    means = 100 * runs.groupby(["protocol", "rank_divisor"])["test_accuracy"].mean().unstack()
    for protocol, row in means.iterrows():
        (line,) = [one for one in page.splitlines() if one.startswith(f"| `{protocol}` |")]
        assert line.endswith(" | ".join(f"{mean:.2f} %" for mean in row[[2, 8, 16]]) + " |")
    for divisor, lead in (means.loc["original_a_scaled"] - means.loc["original_a_plain"]).items():
        (line,) = [one for one in page.splitlines() if one.startswith(f"| {divisor} | 9")]
        assert line.endswith(f"| {lead:.2f} |".replace("-", "−"))


@pytest.mark.parametrize(
    ("page", "studies", "quotes"),
    [
        ("a_weight_decay", ["a_weight_decay", "a_constant"], 6),
        ("b_c_dims", ["b_tensor_train", "c_tucker"], 6),
        ("e_protocols", ["e_protocols"], 4),
    ],
)
def test_the_pages_quote_their_reports(page, studies, quotes):
    reports = [(STUDY / "records" / name / "report.md").read_text("utf-8") for name in studies]
    lines = (STUDY / f"{page}.md").read_text(encoding="utf-8").splitlines()
    quoted = [line.removeprefix("> ") for line in lines if line.startswith("> *")]
    assert len(quoted) == quotes
    assert all(any(line in report for report in reports) for line in quoted)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("D", "d_families"),
        ("A", "a_weight_decay"),
        ("A's control", "a_constant"),
        ("B", "b_tensor_train"),
        ("C", "c_tucker"),
    ],
)
def test_the_page_of_schedulers_holds_its_files_numbers(head, name):
    found = json.loads((STUDY / "schedulers.json").read_text(encoding="utf-8"))
    page = (STUDY / "f_schedulers.md").read_text(encoding="utf-8")
    table = page.partition(f"| on {head} |")[2].partition("\n\n")[0]
    methods = found["studies"][name]["methods"]
    assert len(methods) == 8
    for method, one in methods.items():
        regret, worst = (
            f"{one[key]:.2f}".replace("-", "−")
            for key in ("regret_points", "regret_95_percent_below")
        )
        shares = [f"{one[key]:.1%}".replace("%", " %") for key in ("epochs_share", "time_share")]
        assert f"| {method} | {regret} | {worst} | {' | '.join(shares)} |" in table


def test_what_is_said_of_every_study_holds_of_every_study():
    """The first sentences of the page of schedulers."""
    found = json.loads((STUDY / "schedulers.json").read_text(encoding="utf-8"))["studies"]
    fours = [one["methods"]["asha, 4"] for one in found.values()]
    assert max(one["regret_points"] for one in fours) <= 0.055
    page = " ".join((STUDY / "f_schedulers.md").read_text(encoding="utf-8").split())
    for method, told in (("asha, 4", "spends {} of the epochs"), ("median", "nothing, for {}.")):
        shares = [100 * one["methods"][method]["epochs_share"] for one in found.values()]
        assert told.format(f"{min(shares):.0f} to {max(shares):.0f} %") in page
    met = {
        method: sum(
            one["methods"][method]["regret_points"] <= 0.1
            and one["methods"][method]["epochs_share"] <= 0.25
            for one in found.values()
        )
        for method in found["d_families"]["methods"]
    }
    assert max(met.values()) == met["one epoch, the best eighth goes on"] == 3


def test_what_one_epoch_tells_is_what_the_curves_say():
    page = " ".join((STUDY / "f_schedulers.md").read_text(encoding="utf-8").split())
    correlations = {}
    for name in ("d_families", "a_weight_decay"):
        trials = recorded(name).query("seed < 1000").set_index("trial_id")
        epochs = pd.read_parquet(STUDY / "records" / name / "epochs.parquet")
        first = epochs[epochs["epoch"] == 1].set_index("trial_id")["val_accuracy"]
        first, last = first[trials.index], trials["val_accuracy_last"]
        correlations[name] = f"{stats.spearmanr(first, last).statistic:.2f}".removeprefix("0")
        place = first.rank(ascending=False)[last.idxmax()]
    assert f"correlation of {correlations['d_families']} with the end" in page
    assert f"A's one of {correlations['a_weight_decay']}" in page
    assert f"the {place:.0f}th of {len(trials)} after that epoch" in page
