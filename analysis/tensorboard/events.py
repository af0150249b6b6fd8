"""A study as TensorBoard events: its HParams table, a trial's scalars, a trial's end.

This needs neither torch, which tensorboardX imports, nor TensorFlow, which ``hparams.summary``
imports.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2, summary_v2
from tensorboard.plugins.hparams import metadata as hparams_metadata

from analysis.record.rows import Ended, Epoch, Planned
from analysis.record.status import COMPARABLE
from trainables.config.train_config import TrainConfig

METRICS = {
    "accuracy/val": "validation accuracy",
    "accuracy/train": "training accuracy",
    "accuracy/test": "TEST accuracy",
    "loss/val": "validation loss (nats)",
    "loss/train": "training loss (nats)",
    "size/parameters": "parameters",
    "time/train_seconds": "seconds per epoch",
}
"""The columns of the HParams table besides the searched keys, always in this order."""

LAYOUT = {
    "Losses": {"loss (nats per image)": ["loss/.*"]},
    "Accuracies": {"accuracy (fraction)": ["accuracy/.*"]},
    "Rates": {"learning rate": ["learning_rate/.*"], "weight decay": ["weight_decay/.*"]},
}
"""The Custom Scalars page: category → chart → regular expressions of tags."""

END_TAG = hparams_metadata.SESSION_END_INFO_TAG


def schema_events(keys: Iterable[str]) -> list[Event]:
    """The HParams table's columns and the layout of the Custom Scalars page."""
    experiment = api_pb2.Experiment(
        hparam_infos=[_column(key) for key in keys],
        metric_infos=[
            summary_v2.Metric(tag, display_name=name).as_proto() for tag, name in METRICS.items()
        ],
    )
    return [
        Event(summary=_hparams_summary(hparams_metadata.EXPERIMENT_TAG, experiment=experiment)),
        Event(summary=_layout_summary()),
    ]


def _column(key: str) -> api_pb2.HParamInfo:
    """A searched key's column: its type, and its choices where TrainConfig lists them.

    It does not depend on the values so far, so that the table's schema never changes.
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


Conditions = Mapping[str, Mapping[str, Sequence[Any]]]
"""By the name of a searched key, its condition: other keys with the values that they must have."""


def start_event(planned: Planned, keys: Iterable[str], when: Conditions) -> Event:
    """A trial's row in the HParams table, with the keys that exist for it, and its size.

    TensorBoard reads scalars as float32, whatever a file holds: sizes above 2^24 are rounded there.
    """
    config = planned.config
    values = {
        key: config[key]
        for key in keys
        if config.get(key) is not None
        and all(config.get(other) in values for other, values in when.get(key, {}).items())
    }
    summary = summary_v2.hparams_pb(values, trial_id=planned.trial_id, start_time_secs=planned.time)
    summary.value.extend(
        _scalars({"size/parameters": planned.parameters, "size/macs": planned.macs})
    )
    return Event(wall_time=planned.time, summary=summary)


def epoch_event(row: Epoch) -> Event:
    """An epoch's scalars, without those that were not measured. The step is the finished epoch."""
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
    """The end of a trial, for the HParams table."""
    status = api_pb2.STATUS_SUCCESS if row.status in COMPARABLE else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=row.time)
    return Event(
        wall_time=row.time, step=row.epoch, summary=_hparams_summary(END_TAG, session_end_info=end)
    )


def is_end(event: Event) -> bool:
    """Whether the event is the end of a trial."""
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
