"""What a study needs before anything of it is written: its record, its data, its resources."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from analysis.record.record import Record, read_record
from analysis.record.rows import AnyRow
from trainables.config.carried_files import read_starts
from trainables.data.datasets.registry import load_dataset
from trainables.files.study_folder import LEDGER
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import LOG
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload, cifar_workload
from tune_app.machine.placement import Placement, assign_resources
from tune_app.machine.resources import Node
from tune_app.nodes.health import report_health
from tune_app.nodes.ray_start import RayStart
from tune_app.nodes.tune_import import import_tune
from tune_app.planning.data_request import data_request
from tune_app.planning.plan import Plan, plan_configs, plan_tables
from tune_app.record.history import History
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import StudyName
from tune_app.study.resume import borrowed_rows
from tune_app.study.same_data import check_data
from tune_app.study.study_name import study_storage


@dataclass(frozen=True)
class PreparedStudy:
    """Everything read and checked; nothing of the study was touched yet.

    ``borrowed`` are rows of other studies that this one takes over. ``storage`` is where its
    checkpoints go, a path or URI, and ``name`` says who the study is wherever it is shared.
    """

    plan: Plan
    options: RunOptions
    paths: StudyPaths
    name: StudyName
    storage: str
    record: Record
    borrowed: Sequence[AnyRow]
    workload: Workload
    placement: Placement


def prepare_study(
    plan: Plan,
    options: RunOptions,
    config: RunnerConfig,
    paths: StudyPaths,
    name: StudyName,
    ray_start: RayStart,
) -> PreparedStudy:
    """Reads the record and the data while Ray starts, then checks what Ray found.

    Raises:
        UsageError, DatasetError, RayLostError: nothing of the study was touched.
    """
    exists = (paths.folder / LEDGER).is_file()
    record = read_record(paths.folder, rates=False) if exists else Record(())
    borrowed = borrowed_rows(plan, History(record.rows), options.reuse_from)
    put_data = read_data(plan, options, config)
    import_tune("ray.data")  # seconds, while Ray starts; the results' tables need pandas
    importlib.import_module("tune_app.engine.tune_loop")
    nodes = ray_start.nodes()
    workload = put_data()
    gpus = _gpus_per_trial(nodes, plan, options, paths, workload)
    placement = assign_resources(nodes, options, gpus)
    check_data(plan, options, paths, borrowed, workload)
    storage = study_storage(paths, options, name)
    if placement.is_joined:
        report_health()
        if remark := placement.idle_remark:
            LOG.info("note: %s", remark)
    if len(placement.nodes) > 1:
        from tune_app.nodes.shared_storage import check_shared  # only a cluster needs it

        check_shared(storage)
    return PreparedStudy(plan, options, paths, name, storage, record, borrowed, workload, placement)


def read_data(plan: Plan, options: RunOptions, config: RunnerConfig) -> Callable[[], Workload]:
    """Reads the data into memory; the function returned puts them into the Ray that runs then."""
    if workload := config.workload:
        return lambda: workload
    content = str(plan.rules.resolved.get("data_digest", ""))
    data = load_dataset(data_request(plan.space.fixed, options), content)
    # the workers of this machine read them where they lie
    starts = read_starts(plan_configs(plan)) if options.address is not None else {}
    return partial(cifar_workload, data, plan_tables(plan), starts)


def _gpus_per_trial(
    nodes: Sequence[Node], plan: Plan, options: RunOptions, paths: StudyPaths, workload: Workload
) -> float | None:
    """A trial's part of a card; "auto" is measured, which needs the data."""
    share = options.gpus_per_trial
    if not isinstance(share, str):
        return share
    if not any(node.gpus for node in nodes):
        raise UsageError(
            ["--gpus-per-trial auto: no GPU here to measure; drop the option, or give a number"]
        )
    from tune_app.engine.gpu_share import ShareCache, auto_share  # a measured share alone needs it
    from tune_app.engine.gpu_trial import card  # as above

    cache = ShareCache(paths.folder.parent / ".gpu_shares.json")
    return auto_share(plan, card(options.accelerator_type), workload.parameters["data"], cache)
