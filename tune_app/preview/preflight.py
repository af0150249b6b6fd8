"""Checks before anything starts: of the data, the folder and the machine."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import humanize
import psutil

from analysis.record.record import RecordError, read_record
from trainables.compiled.measured_precision import bf16_problem
from trainables.config.former_names import with_present_names
from trainables.config.train_config import default_keys, unknown_key
from trainables.data.datasets.registry import (
    count_dataset,
    find_source,
    is_present,
    load_dataset,
    unread_options,
)
from trainables.data.sources import (
    DataRequest,
    DatasetError,
    default_data_dir,
    existing_dir,
    misfit,
)
from trainables.files.filesystem import NotStoredError
from trainables.files.storage import is_uri, named_place, without_secrets
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import told_if_slow
from tune_app.command.space_problems import space_problems
from tune_app.machine.cluster_address import address_problem, loopback_problem
from tune_app.machine.devices import Machine, this_machine
from tune_app.machine.process_limits import limit_problems
from tune_app.machine.resources import Node, TrialResources, choose_resources, slots
from tune_app.machine.resources import problems as share_problems
from tune_app.machine.running_studies import RunningStudy, crowding, running_studies
from tune_app.planning.data_request import DATA_KEYS, data_request
from tune_app.planning.plan import Plan
from tune_app.preview.forecast import forecast
from tune_app.preview.ways_in import ways_in
from tune_app.record.paths import study_paths
from tune_app.record.storage import StorageFolder, is_busy, plain_reason

WAITING = "waiting for the storage %s"


def check_start(plan: Plan, options: RunOptions) -> None:
    """Refuses a start that would fail later; an absent CIFAR-10 is downloaded here.

    Raises:
        UsageError: with every problem found.
    """
    if problems := start_problems(plan, options, download=True):
        raise UsageError(problems)


def start_problems(plan: Plan, options: RunOptions, *, download: bool = False) -> list[str]:
    """Every reason why a search that starts now would fail.

    Absent data are downloaded if that is requested, and else assumed to be right.
    """
    folder = study_paths(options, plan.space.name).folder
    return [
        *_nothing_to_run(plan),
        *_data_problems(plan, options, download=download),
        *_format_problems(plan, options),
        *_reuse_problems(options.reuse_from, folder),
        *environment_problems(options, folder, forecast(plan).disk_bytes),
    ]


def problems_without_a_plan(options: RunOptions) -> list[str]:
    """Problems that show without a plan: of space, keys and images, folders and machine."""
    dataset = options.dataset or next(iter(options.settings.get("dataset", ())), None)
    keys = with_present_names(options.settings).keys() - default_keys().keys()
    problems = space_problems(options.space, options.search, options.scheduler)
    problems += map(unknown_key, sorted(keys))
    try:
        if isinstance(dataset, str):
            count_dataset(data_request({"dataset": dataset}, options))
        elif options.data_dir:
            existing_dir(options.data_dir)
    except DatasetError as problem:
        problems.append(str(problem))
    problems += _reuse_problems(options.reuse_from)
    return problems + environment_problems(options, options.results_dir)


def environment_problems(options: RunOptions, folder: Path, needed_bytes: int = 0) -> list[str]:
    """Problems of the folders and the machine that do not depend on the trials."""
    problems = folder_problems(folder, needed_bytes)
    if not psutil.pid_exists(os.getpid()):
        problems.append("no process is visible here, and Ray needs its own: mount /proc")
    if options.storage:
        problems += storage_problems(options.storage)
    if options.address is None:
        problem, more = loopback_problem(), machine_problems(options, this_machine())
        more += limit_problems()
    else:  # a cluster's nodes are checked once it is joined
        problem, more = address_problem(options.address), []
    return [*problems, *more, *filter(None, [problem])]


def storage_problems(storage: str) -> list[str]:
    """Why checkpoints cannot be written, read and removed at a path or URI."""
    if not is_uri(storage):
        return folder_problems(Path(storage).expanduser().absolute(), 0, "--storage")
    probe = f".probe-{secrets.token_hex(8)}"
    try:
        with told_if_slow(WAITING, named_place(storage)):
            folder = StorageFolder(storage)
            folder.write(probe, probe.encode())
            if folder.read(probe) != probe.encode():
                raise NotStoredError("what was written there comes back changed")
            folder.remove(probe)
    except (OSError, ValueError, NotImplementedError) as problem:  # the latter two: an invalid URI
        return [storage_problem(storage, problem)]
    return []


def storage_problem(storage: str, problem: Exception) -> str:
    """A storage's error, and what to give instead."""
    reason = str(problem).partition("\n")[0]
    advice = (
        "give the command again later"
        if is_busy(reason)
        else "name a folder, or a bucket that exists and answers, with valid keys that may list, "
        "read, write and remove there"
    )
    return f"--storage {without_secrets(storage)} cannot be used: {plain_reason(reason)}; {advice}"


def folder_problems(folder: Path, needed_bytes: int, option: str = "--results-dir") -> list[str]:
    """Why ``needed_bytes`` cannot be written to a folder, which need not exist.

    The check leaves no file. ``option`` is the option that sets the folder.
    """
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    change = f"name another place with {option}"
    if not existing.exists():
        return [f"cannot write to {folder}: {existing} is a link that leads nowhere; {change}"]
    longest = os.pathconf(existing, "PC_NAME_MAX")
    if any(len(os.fsencode(name)) > longest for name in folder.relative_to(existing).parts):
        return [f"{folder}: a name takes more than {longest} bytes; shorten it"]
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"\0" * 4096)
        free = shutil.disk_usage(existing).free
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return [f"no space is left in {existing}: make room, or {change}"]
        return [f"cannot write to {folder}: {problem.strerror}; {change}"]
    if free < needed_bytes:
        sizes = f"{humanize.naturalsize(needed_bytes)}, {humanize.naturalsize(free)} are free"
        return [f"{folder} may need {sizes} in {existing}: make room, or {change}"]
    return []


def download_problems(request: DataRequest) -> list[str]:
    """Why a download of images could not be written to its folder."""
    folder = request.download.expanduser() if request.download else default_data_dir()
    return folder_problems(
        folder.absolute(), find_source(request.dataset).download_bytes, "--download"
    )


def machine_problems(options: RunOptions, machine: Machine) -> list[str]:
    """Resources that a trial requests and this machine lacks."""
    gpus, problems = options.gpus_per_trial, []
    if gpus and not machine.gpus:
        amount = gpus if isinstance(gpus, str) else f"{gpus:g}"
        problems.append(f"--gpus-per-trial {amount}: this machine has no GPU; drop the option")
    if options.accelerator_type and not machine.gpus:
        kind = f"--accelerator-type {options.accelerator_type}"
        problems.append(f"{kind}: this machine has no GPU; drop the option")
    problems += [
        f"--resources {name}={amount:g}: Ray starts here without resources of that kind; drop the "
        "option, or join a cluster that has it with --address"
        for name, amount in options.resources
    ]
    return problems + share_problems(*_share(options, machine))


def crowding_here(options: RunOptions, folder: Path) -> str:
    """A warning where other studies on this machine leave too little for this one; else ""."""
    if options.address is not None:  # in a cluster Ray divides the resources among studies
        return ""
    machine = this_machine()
    nodes, resources = _share(options, machine)
    trials = slots(nodes, resources, options.max_concurrent)
    study = RunningStudy.of_this_process(folder, trials, resources)
    return crowding(study, running_studies(), machine)


def _share(options: RunOptions, machine: Machine) -> tuple[list[Node], TrialResources]:
    """This machine as Ray's only node, and what a trial gets of it as far as that is known."""
    gpus = options.gpus_per_trial if machine.gpus else None
    nodes = [Node("this machine", float(machine.cpus), float(machine.gpus))]
    gpus = None if isinstance(gpus, str) else gpus  # "auto" is measured when the search begins
    return nodes, choose_resources(nodes, options.cpus_per_trial, gpus)


def _nothing_to_run(plan: Plan) -> Iterable[str]:
    if plan.trials or plan.examples:
        return
    tried = " that was tried" if plan.open_ended else ""
    suggestions = re.sub(r"\n +", ", or ", "\n".join(ways_in(plan))).splitlines()
    reasons = dict.fromkeys(point.reason for point in (*plan.infeasible, *plan.refused_examples))
    yield f"no point of the space{tried} can run: " + "; ".join(suggestions or [*reasons][:3])


def _reuse_problems(studies: Iterable[Path], study_folder: Path | None = None) -> Iterator[str]:
    """Problems of the folders of --reuse-from: they are not studies, or the study itself."""
    for folder in studies:
        try:
            read_record(folder, rates=False)
        except (RecordError, OSError) as problem:
            yield f"--reuse-from: {problem}"
        else:
            if (
                study_folder is not None
                and study_folder.exists()
                and folder.expanduser().samefile(study_folder)
            ):
                yield f"--reuse-from {folder}: this is the study itself; leave it out"


def _format_problems(plan: Plan, options: RunOptions) -> Iterable[str]:
    """Why trials of this machine's CPU cannot train in the number format that is fixed for them."""
    if options.address is not None or (this_machine().gpus and options.gpus_per_trial != 0):
        return []
    configs = [trial.config for trial in plan.trials or plan.examples]
    tables = {one.network: one.table for one in configs if one.precision == "bf16"}
    return filter(None, map(bf16_problem, tables.values()))


def _data_problems(plan: Plan, options: RunOptions, *, download: bool) -> list[str]:
    """Problems of the data sets, and of trials that need more images than there are."""
    advice = "a study trains on one data set: fix it with --set"
    searched = [key for key in DATA_KEYS if key in plan.space.keys]
    problems: dict[str, None] = dict.fromkeys(  # an ordered set
        f"{advice} {key}={'NAME' if key == 'dataset' else 'VALUE'}" for key in searched
    )
    configs = [trial.config for trial in plan.trials or plan.examples]
    requests = {config: data_request(config.to_dict(), options) for config in configs}
    for request in dict.fromkeys(requests.values()):
        try:
            problems.update(dict.fromkeys(unread_options(request)))
            if not is_present(request):
                blocked = download_problems(request)
                problems.update(dict.fromkeys(blocked))
                if download and not blocked:
                    load_dataset(request)
            counts = count_dataset(request)
        except DatasetError as problem:
            problems[str(problem)] = None
            continue
        misfits = (misfit(config, counts) for config in configs if requests[config] == request)
        problems.update(dict.fromkeys(filter(None, misfits)))
    return list(problems)
