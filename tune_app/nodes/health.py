"""The time until a cluster gives up a silent host, read from its head, with a warning."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tune_app.command.output import LOG
from tune_app.nodes.ray_internals import health_check

ANSWER_SECONDS = 60.0

SLOW_SECONDS, HASTY_SECONDS = 15.0, 4.0
"""Above the first, trials of a lost host wait for long. Below the second, a busy host is taken for
lost."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Ray's settings: it checks each node ``period`` after its last answer and waits ``timeout``.

    Both are in seconds. After ``threshold`` checks without an answer a node is given up.
    """

    period: float
    timeout: float
    threshold: int

    @property
    def seconds(self) -> float:
        """The time until a silent host is given up."""
        return self.threshold * (self.period + self.timeout)

    @property
    def remark(self) -> str:
        """The effect of these settings and how to change them; "" if they are like the recipes'."""
        if HASTY_SECONDS <= self.seconds <= SLOW_SECONDS:
            return ""
        means = "trials of a lost host do not continue before then"
        if self.seconds < HASTY_SECONDS:
            means = "a busy host may be taken for lost"
        return (
            f"this cluster gives up a silent host after {self.seconds:.0f} s, and {means}; start "
            "Ray's head as the recipes in cluster/ do, with 8 s "
            "(RAY_health_check_period_ms=500, RAY_health_check_timeout_ms=2000, "
            "RAY_health_check_failure_threshold=3)"
        )


def ask_head() -> HealthCheck:
    """The settings that the head was started with; raises what Ray raises where it is silent."""
    import ray

    on_head = ray.remote(health_check).options(
        num_cpus=0, resources={"node:__internal_head__": 0.001}, max_retries=0
    )
    period, timeout, threshold = ray.get(on_head.remote(), timeout=ANSWER_SECONDS)
    return HealthCheck(period / 1000, timeout / 1000, threshold)


def report_health() -> None:
    """Warns of too slow or too hasty settings once the head has answered; does not wait for it."""
    threading.Thread(target=_report, daemon=True, name="health check").start()


def _report() -> None:
    try:
        remark = ask_head().remark
    except Exception:  # the search itself reports a head that does not answer
        return
    if remark:
        LOG.info("%s", remark)
