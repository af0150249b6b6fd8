"""A study as TensorBoard shows it: a run a trial, scalars an epoch, one HParams table.

``tensorboard --logdir <study>/tensorboard`` reads what is written here while the search goes on.
Neither torch nor TensorFlow is needed; tensorboardX would bring the one, ``hparams.summary`` the
other.
"""

from __future__ import annotations

import dataclasses
import shutil
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2, summary_v2
from tensorboard.plugins.hparams import metadata as hparams_metadata

from analysis import event_file
from analysis.record import Ended, Epoch, Planned, read_record
from trainables.config import TrainConfig

if TYPE_CHECKING:
    from analysis.study import Study

FOLDER = "tensorboard"
"""Where a study keeps its event files."""

METRICS = {
    "accuracy/val": "validation accuracy",
    "accuracy/train": "training accuracy",
    "accuracy/test": "TEST accuracy",
    "loss/val": "validation loss (nats)",
    "loss/train": "training loss (nats)",
    "size/parameters": "parameters",
    "time/train_seconds": "seconds per epoch",
}
"""The columns of the HParams table beside the searched keys: always these, in this order."""

LAYOUT = {
    "Losses": {"loss (nats per image)": ["loss/.*"]},
    "Accuracies": {"accuracy (fraction)": ["accuracy/.*"]},
    "Rates": {"learning rate": ["learning_rate/.*"], "weight decay": ["weight_decay/.*"]},
}
"""The Custom Scalars page: category → chart → regular expressions of tags."""

SUCCESS = ("finished", "stopped")  # a scheduler's stop is no fault of the trial
END_TAG = hparams_metadata.SESSION_END_INFO_TAG


class TensorBoardLog:
    """Writes a study's event files while the search runs; takes the rows that the ledger takes.

    Rows may be repeated (a resumed search announces its trials again, a retried trial redoes an
    epoch): a step is written once. ``folder`` is the study's ``tensorboard`` folder, made on the
    first row.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._runs: dict[str, _Run] = {}
        self._keys: tuple[str, ...] | None = None

    def trial(self, planned: Planned, searched_keys: Iterable[str]) -> None:
        """Announces a trial with the values of its searched keys, and its seed."""
        keys = _with_seed(searched_keys)
        if keys != self._keys:
            write_schema(self.folder, keys)
            self._keys = keys
        path = self._run(planned.trial_id).path
        if not path.is_file():
            event_file.append(path, start_event(planned, keys))

    def epoch(self, row: Epoch) -> None:
        """Adds an epoch's scalars, unless that epoch is already there."""
        self._run(row.trial_id).add_epoch(row)

    def ended(self, row: Ended) -> None:
        """Notes how the trial ended, unless it will go on."""
        if _is_final(row):
            self._run(row.trial_id).add_end(row)

    def close(self) -> None:
        """Forgets the trials; no file is open between two rows."""
        self._runs.clear()

    def __enter__(self) -> TensorBoardLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, trial_id: str) -> _Run:
        if trial_id not in self._runs:
            self._runs[trial_id] = _Run(self.folder / trial_id / event_file.NAME)
        return self._runs[trial_id]


class _Run:
    """One trial's event file: which step it has reached and whether its end is noted."""

    __slots__ = ("ended", "path", "step")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.step: int | None = None  # None until the file has been read
        self.ended = False

    def add_epoch(self, row: Epoch) -> None:
        if row.epoch <= self._reached():
            return
        if self.ended:  # it goes on after all, and TensorBoard would believe the first end for ever
            event_file.remove(self.path, _is_end)
            self.ended = False
        event_file.append(self.path, epoch_event(row))
        self.step = row.epoch

    def add_end(self, row: Ended) -> None:
        self._reached()
        if not self.ended:
            event_file.append(self.path, end_event(row))
            self.ended = True

    def _reached(self) -> int:
        if self.step is None:
            events = event_file.repair(self.path)
            self.step = max((event.step for event in events), default=0)
            self.ended = any(map(_is_end, events))
        return self.step


def write_tensorboard(study: Study) -> Path:
    """Rebuilds a study's event files from its ledger; returns their folder."""
    folder = study.folder / FOLDER
    fresh = folder.with_name(f"{FOLDER}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    keys = searched_keys(study.info)
    write_schema(fresh, keys)
    for trial_id, events in _events_by_trial(study.folder, keys).items():
        event_file.replace(fresh / trial_id / event_file.NAME, event_file.encode(events))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def searched_keys(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The searched keys that a ``study.json`` names, and the seed."""
    return _with_seed((info.get("space") or {}).get("keys") or ())


def _with_seed(keys: Iterable[str]) -> tuple[str, ...]:
    """Replicates search the seed, whether the space names it or not."""
    return tuple(dict.fromkeys((*keys, "seed")))


def _events_by_trial(study: Path, keys: tuple[str, ...]) -> dict[str, list[Event]]:
    """Each trial's events; of an epoch done twice the last one counts."""
    starts: dict[str, Event] = {}
    epochs: dict[str, dict[int, Event]] = {}
    ends: dict[str, list[Event]] = {}
    for row in read_record(study).rows:
        if isinstance(row, Planned):
            starts[row.trial_id] = start_event(row, keys)
        elif isinstance(row, Epoch):
            epochs.setdefault(row.trial_id, {})[row.epoch] = epoch_event(row)
        elif isinstance(row, Ended):
            ends[row.trial_id] = [end_event(row)] if _is_final(row) else []
    return {
        name: [
            start,
            *(event for _, event in sorted(epochs.get(name, {}).items())),
            *ends.get(name, []),
        ]
        for name, start in starts.items()
    }


def write_schema(folder: Path, keys: Iterable[str]) -> None:
    """Writes the HParams table's columns and the layout, where they differ from what is there."""
    experiment = api_pb2.Experiment(
        hparam_infos=[_column(key) for key in keys],
        metric_infos=[
            summary_v2.Metric(tag, display_name=name).as_proto() for tag, name in METRICS.items()
        ],
    )
    events = [
        Event(summary=_hparams_summary(hparams_metadata.EXPERIMENT_TAG, experiment=experiment)),
        Event(summary=_layout_summary()),
    ]
    path, content = folder / event_file.NAME, event_file.encode(events)
    if not path.is_file() or path.read_bytes() != content:
        event_file.replace(path, content)


def _column(key: str) -> api_pb2.HParamInfo:
    """A searched key's column: its type, and its choices where TrainConfig lists them.

    Nothing here depends on the values met so far, so that the table's schema never changes.
    """
    field = {field.name: field for field in dataclasses.fields(TrainConfig)}.get(key)
    hint = typing.get_type_hints(TrainConfig).get(key, str)
    kinds = typing.get_args(hint) or (hint,)
    if bool in kinds:
        return api_pb2.HParamInfo(name=key, type=api_pb2.DATA_TYPE_BOOL)
    if str not in kinds:
        return api_pb2.HParamInfo(name=key, type=api_pb2.DATA_TYPE_FLOAT64)
    info = api_pb2.HParamInfo(name=key, type=api_pb2.DATA_TYPE_STRING)
    info.domain_discrete.extend(sorted(field.metadata.get("choices", ())) if field else ())
    return info


def start_event(planned: Planned, keys: Iterable[str]) -> Event:
    """A trial's row in the HParams table, and its size."""
    values = {key: planned.config[key] for key in keys if planned.config.get(key) is not None}
    summary = summary_v2.hparams_pb(values, trial_id=planned.trial_id, start_time_secs=planned.time)
    summary.value.extend(
        _scalars({"size/parameters": planned.parameters, "size/macs": planned.macs})
    )
    return Event(wall_time=planned.time, summary=summary)


def epoch_event(row: Epoch) -> Event:
    """An epoch's scalars; what was not measured is left out. The step counts finished epochs."""
    values = {
        "loss/train": row.train_loss,
        "loss/val": row.val_loss,
        "loss/test": row.test_loss,
        "accuracy/train": row.train_accuracy,
        "accuracy/val": row.val_accuracy,
        "accuracy/test": row.test_accuracy,
        **{f"learning_rate/{group}": rate for group, rate in row.learning_rates.items()},
        **{f"weight_decay/{group}": decay for group, decay in row.weight_decays.items()},
        "time/train_seconds": row.train_seconds,
        "time/images_per_second": row.images_per_second,
    }
    return Event(
        wall_time=row.time, step=row.epoch, summary=summary_pb2.Summary(value=_scalars(values))
    )


def end_event(row: Ended) -> Event:
    """How the trial ended, for the HParams table."""
    status = api_pb2.STATUS_SUCCESS if row.status in SUCCESS else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=row.time)
    return Event(
        wall_time=row.time, step=row.epoch, summary=_hparams_summary(END_TAG, session_end_info=end)
    )


def _is_final(row: Ended) -> bool:
    return not row.retry and row.status != "interrupted"


def _is_end(event: Event) -> bool:
    return any(value.tag == END_TAG for value in event.summary.value)


def _scalars(values: dict[str, float | None]) -> list[summary_pb2.Summary.Value]:
    return [
        summary_pb2.Summary.Value(tag=tag, simple_value=value)
        for tag, value in values.items()
        if value is not None
    ]


def _hparams_summary(tag: str, **data: Any) -> summary_pb2.Summary:
    """A message of the HParams plugin: ``data`` is one field of its HParamsPluginData."""
    metadata = hparams_metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**data))
    value = summary_pb2.Summary.Value(
        tag=tag, metadata=metadata, tensor=hparams_metadata.NULL_TENSOR
    )
    return summary_pb2.Summary(value=[value])


def _layout_summary() -> summary_pb2.Summary:
    """The Custom Scalars page; TensorBoard's ``custom_scalar.summary.pb`` imports TensorFlow."""
    categories = [
        layout_pb2.Category(
            title=category, chart=[_chart(title, tags) for title, tags in charts.items()]
        )
        for category, charts in LAYOUT.items()
    ]
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(),  # a scalar
        string_val=[layout_pb2.Layout(category=categories).SerializeToString()],
    )
    metadata = layout_metadata.create_summary_metadata()
    value = summary_pb2.Summary.Value(
        tag=layout_metadata.CONFIG_SUMMARY_TAG, metadata=metadata, tensor=tensor
    )
    return summary_pb2.Summary(value=[value])


def _chart(title: str, tags: list[str]) -> layout_pb2.Chart:
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=tags))
