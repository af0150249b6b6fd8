"""Every chart by name, in the order a report shows them.

``parallel`` is the slowest to draw and ``importances`` the slowest to compute: in this order the
one is drawn while the other is computed.
"""

from analysis.charts import (
    curves,
    generalization_gap,
    heat_map,
    importances,
    isolation,
    losses,
    parallel,
    range_edges,
    rank_accuracy,
    rungs,
    size_accuracy,
    slots,
)
from analysis.charts.chart import Chart

CHARTS: dict[str, Chart] = {
    "accuracy_by_parameters": size_accuracy.PARAMETERS,
    "accuracy_by_macs": size_accuracy.MACS,
    "accuracy_by_latency": size_accuracy.LATENCY,
    "accuracy_by_seconds": size_accuracy.SECONDS,
    "accuracy_by_rank": rank_accuracy.CHART,
    "heat_map": heat_map.CHART,
    "isolation": isolation.CHART,
    "parallel": parallel.CHART,
    "importances": importances.CHART,
    "curves": curves.CHART,
    "generalization_gap": generalization_gap.CHART,
    "rungs": rungs.CHART,
    "slots": slots.CHART,
    "range_edges": range_edges.CHART,
    "losses": losses.CHART,
}
