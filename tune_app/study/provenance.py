"""Writes ``study.json``: where every number of the study comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.record.rows import Run, rows_of
from tune_app.command.output import LOG
from tune_app.machine.placement import Placement
from tune_app.record.study_document import read_information
from tune_app.study.prepare import PreparedStudy
from tune_app.study.study_file import AROUND, study_information, write_information


def describe(prepared: PreparedStudy, identity: Mapping[str, Any]) -> None:
    """Space, options, versions and device as they are now; the identity as the study began."""
    paths, options, placement = prepared.paths, prepared.options, prepared.placement
    stored = read_information(paths.study) or {}
    if not stored and prepared.record.rows:
        LOG.info("%s is missing or damaged: it is rewritten from the ledger", paths.study)
    document = study_information(
        prepared.plan,
        options,
        paths.folder.name,
        prepared.name,
        stored.get("identity") or identity,
        dataset=dict(prepared.workload.dataset),
        device=_device(placement),
        share=str(placement.resources(0)),
        slots=placement.slots(),
        storage=options.storage,
    )
    earlier = stored.get("commands") or _recorded_commands(prepared)
    commands = [*earlier, options.command]
    if prepared.record.rows and (changes := changed_conditions(stored, document)):
        LOG.info("note: %s since this study last ran", changes)
    document["earlier"] = earlier_conditions(stored, document)
    networks = [*dict.fromkeys([*stored.get("networks", ()), *document["networks"]])]
    write_information(paths.study, {**document, "networks": networks, "commands": commands})


def earlier_conditions(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[Any]:
    """The conditions under which earlier runs computed, other than those of this run.

    Args:
        stored: the study.json so far; empty where there is none.
        now: the entries of this run.
    """
    known = stored.get("earlier")
    before = [*(known if isinstance(known, list) else ()), *([_conditions(stored)] * bool(stored))]
    return [
        one for n, one in enumerate(before) if one not in (*before[:n], NOTHING, _conditions(now))
    ]


def changed_conditions(stored: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Each version and variable that was another when the study last ran, in words."""
    if (before := _conditions(stored)) == NOTHING:
        return ""
    was, present = ({**one["versions"], **one["environment"]} for one in (before, _conditions(now)))
    return ", ".join(
        f"{name} has changed from {was.get(name, 'absent')} to {present.get(name, 'absent')}"
        for name in dict.fromkeys([*was, *present])
        if was.get(name) != present.get(name)
    )


NOTHING: Mapping[str, Any] = {"versions": {}, "environment": {}}


def _conditions(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What numbers depend on beside the trials' keys, as the entries of study.json."""
    entries = {name: document.get(name) for name in NOTHING}
    found = {name: dict(one) if isinstance(one, dict) else {} for name, one in entries.items()}
    for package in AROUND:
        found["versions"].pop(package, None)
    return found


def _recorded_commands(prepared: PreparedStudy) -> list[str]:
    return [row.command for row in rows_of(prepared.record.rows, Run)]


def _device(placement: Placement) -> str:
    """What trials compute on: the cards' name, or the processor's."""
    return _gpu_name() if placement.resources(0).gpus else processor()


def processor() -> str:
    """This machine's, as Linux names it; "cpu" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "cpu"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "cpu"


def _gpu_name() -> str:
    """The first card's name by NVML; "GPU" where the driver has none itself."""
    import pynvml  # only where a GPU is used

    try:
        pynvml.nvmlInit()
        name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return "GPU"
    return str(name)
