"""How a study was run: where every number of a report comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from trainables.config.installation import SCRIPT, command_line
from trainables.sizes.layer_table import LayerTable
from trainables.text.count import plural
from trainables.text.duration import format_duration
from trainables.text.moment import format_moment

if TYPE_CHECKING:
    from analysis.study.study import Study

UNKNOWN = "not recorded"


def provenance(study: Study) -> list[tuple[str, str]]:
    """What and its value in words, in the order a reader asks."""
    info, space = study.info, study.space
    return [
        ("Command", _command(info.get("command"))),
        ("Search", _search(study)),
        ("Seeds", _values(study.trials, "seed")),
        ("Epochs", _values(study.trials, "epochs")),
        ("Dataset", _dataset(info.get("dataset"))),
        *_networks(info.get("networks") or ()),
        ("Device", _device(study)),
        ("Computed", _computed(study)),
        ("Time", _time(study)),
        ("Code", f"revision {info['git_revision']}" if info.get("git_revision") else UNKNOWN),
        ("Versions", _pairs(info.get("versions"))),
        ("Fixed keys", _pairs(space.get("fixed")) if space.get("fixed") else "none"),
        ("Question from", str(space.get("source") or UNKNOWN)),
        ("Trials", _statuses(study)),
        ("Not run", _left_out(study)),
    ]


def _command(command: Any) -> str:
    """As a shell takes it: a driver records what stood behind ``python``."""
    said = str(command or UNKNOWN)
    return said.replace(SCRIPT, command_line(), 1) if said.startswith(SCRIPT) else said


def _search(study: Study) -> str:
    options, space = study.info.get("options") or {}, study.space
    search = options.get("search") or space.get("search") or UNKNOWN
    scheduler = options.get("scheduler") or space.get("scheduler") or UNKNOWN
    return f"{search} search, scheduler {scheduler}"


def _values(trials: pd.DataFrame, key: str) -> str:
    values = sorted(trials[key].dropna().unique()) if key in trials else []
    if not values:
        return UNKNOWN
    if len(values) > 12:
        return f"{len(values)} values from {values[0]} to {values[-1]}"
    return ", ".join(map(str, values))


def _dataset(dataset: Any) -> str:
    if not isinstance(dataset, dict):
        return str(dataset or UNKNOWN)
    notes = "".join(f"; {note}" for note in dataset.get("notes", ()))
    return _pairs({name: value for name, value in dataset.items() if name != "notes"}) + notes


def _networks(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Of every network with a table: its counts, and what of them lies in no listed layer."""
    return [("Network", _network(LayerTable.from_json(text))) for text in texts]


def _network(table: LayerTable) -> str:
    images = " x ".join(map(str, table.image))
    counts = f"{table.parameters:,} parameters, {table.macs:,} multiply-adds per image of {images}"
    return "; ".join((f"{table.network} with {counts}", *table.outside))


def _device(study: Study) -> str:
    devices = sorted({value for value in study.attempts["device"].dropna() if value})
    devices = devices or [str(study.info.get("device") or UNKNOWN)]
    slots = study.runs["slots"].dropna()
    hosts = sorted({value for value in study.attempts["host"].dropna() if value})
    said = [", ".join(devices)]
    said += [f"{plural(int(slots.max()), 'trial')} at once"] if len(slots) else []
    said += [f"on {', '.join(hosts[:8])}{' …' if len(hosts) > 8 else ''}"] if hosts else []
    return ", ".join(said)


IN_TURN = ", then "


def ways_of_computing(study: Study) -> dict[str, int]:
    """How many trials were computed how: threads, code path, the device where there are several.

    Each changes where numbers are rounded, and so the accuracies of equal trials. A trial that went
    on in another way has both, with ``IN_TURN`` between them.
    """
    known = study.attempts["threads"].notna() & study.attempts["code"].fillna("").ne("")
    attempts = study.attempts[known]
    devices = attempts["device"].fillna("")
    places = " on " + devices if devices.nunique() > 1 else pd.Series("", attempts.index)
    ways: dict[str, dict[str, None]] = {}  # of each trial, in their order
    rows = zip(attempts["trial_id"], attempts["threads"], attempts["code"], places, strict=True)
    for trial, threads, code, place in rows:
        way = f"{plural(int(threads), 'thread')}, {code} code{place}"
        ways.setdefault(trial, {})[way] = None
    return dict(Counter(IN_TURN.join(one) for one in ways.values()))


def _computed(study: Study) -> str:
    ways = ways_of_computing(study)
    said = [f"{plural(count, 'trial')} with {way}" for way, count in ways.items()]
    set_here = study.info.get("environment") or {}
    said += [f"{name}={value}" for name, value in set_here.items()]
    return "; ".join(said) or UNKNOWN


def _time(study: Study) -> str:
    times = pd.concat([study.runs["started"], study.runs["ended"], study.epochs["time"]]).dropna()
    if times.empty:
        return UNKNOWN
    first, last = format_moment(times.min()), format_moment(times.max())
    busy = format_duration(study.trials["train_seconds"].sum())
    return f"{first} to {last}; {busy} of training in {plural(len(study.runs), 'run')}"


def _statuses(study: Study) -> str:
    counts = study.trials["status"].value_counts()
    said = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in counts.items())
    merged = f"; {plural(len(study.aliases), 'duplicate')} merged" if len(study.aliases) else ""
    return (said or "none planned") + merged


def _left_out(study: Study) -> str:
    said = []
    if len(study.infeasible):
        reasons = study.infeasible["reason"].value_counts()
        listed = "; ".join(f"{count} because {reason}" for reason, count in reasons.head(3).items())
        said.append(f"{len(study.infeasible):,} infeasible ({listed})")
    if len(study.damage):
        said.append(f"{plural(len(study.damage), 'damaged line')} of the ledger skipped")
    return "; ".join(said) or "none (all configurations are feasible)"


def _pairs(values: Any) -> str:
    if not isinstance(values, dict) or not values:
        return UNKNOWN
    return ", ".join(f"{name} {value}" for name, value in values.items())
