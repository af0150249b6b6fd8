"""How a study was run, for the report: command, versions, machines, data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from trainables.architectures.layer_table import LayerTable
from trainables.config.installation import SCRIPT, command_line
from trainables.text.count import plural
from trainables.text.duration import format_duration
from trainables.text.moment import format_moment

if TYPE_CHECKING:
    from analysis.study.study import Study

UNKNOWN = "not recorded"


def provenance(study: Study) -> list[tuple[str, str]]:
    """Names and values of the report's table of provenance."""
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
        ("Versions", _pairs(over_time(info, "versions"))),
        ("Fixed keys", _pairs(space.get("fixed")) if space.get("fixed") else "none"),
        ("Question from", str(space.get("source") or UNKNOWN)),
        ("Trials", _statuses(study)),
        ("Not run", _left_out(study)),
    ]


def _command(command: Any) -> str:
    """The command for a shell; the record has it without ``python``."""
    text = str(command or UNKNOWN)
    return text.replace(SCRIPT, command_line(), 1) if text.startswith(SCRIPT) else text


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
    return "; ".join((f"{table.network} with {counts}", *table.remarks))


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
    """The number of trials by threads, code path and, where there are several, device.

    Each of these changes how numbers are rounded, and so the accuracies of equal trials. A trial
    that was continued under other conditions counts under both, joined by ``IN_TURN``.
    """
    recorded = study.attempts["threads"].notna() & study.attempts["code"].fillna("").ne("")
    attempts = study.attempts[recorded]
    devices = attempts["device"].fillna("")
    devices_text = " on " + devices if devices.nunique() > 1 else pd.Series("", attempts.index)
    by_trial: dict[str, dict[str, None]] = {}  # the conditions of each trial, in order
    rows = zip(
        attempts["trial_id"], attempts["threads"], attempts["code"], devices_text, strict=True
    )
    for trial, threads, code, device in rows:
        conditions = f"{plural(int(threads), 'thread')}, {code} code{device}"
        by_trial.setdefault(trial, {})[conditions] = None
    return dict(Counter(IN_TURN.join(conditions) for conditions in by_trial.values()))


def over_time(info: Mapping[str, Any], entry: str) -> dict[str, str]:
    """Versions or variables by name; of one that changed while the study ran, all its values.

    Args:
        info: the content of study.json.
        entry: ``versions`` or ``environment``.
    """
    runs = [*(info.get("earlier") or ()), info]
    known = [one[entry] for one in runs if isinstance(one, dict) and one.get(entry) is not None]
    known = [one for one in known if isinstance(one, dict)]  # somebody may have edited it
    values: dict[str, dict[str, None]] = {}
    for one in known:
        for name in dict.fromkeys(name for each in known for name in each):
            # a package that earlier runs do not name computes nothing
            if name in one or entry == "environment":
                values.setdefault(name, {})[str(one.get(name, "absent"))] = None
    return {name: IN_TURN.join(found) for name, found in values.items()}


def _computed(study: Study) -> str:
    ways = ways_of_computing(study)
    said = [f"{plural(count, 'trial')} with {way}" for way, count in ways.items()]
    set_here = over_time(study.info, "environment")
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
    return (said or "none planned") + _merged(study)


def _merged(study: Study) -> str:
    """How many points were another spelling of a trial; of a family that no chart shows, whose."""
    if not len(study.aliases):
        return ""
    layers = study.trials.set_index("trial_id")["layer"]
    twins = study.aliases[~study.aliases["layer"].isin(layers)]
    said = [
        f"every network of {family} is one of {' or '.join(sorted(known))}"
        for family, names in twins.groupby("layer")["same_as"]
        if len(known := set(names.map(layers).dropna()))
    ]
    merged = f"; {plural(len(study.aliases), 'duplicate')} merged"
    return f"{merged} ({'; '.join(said)})" if said else merged


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
