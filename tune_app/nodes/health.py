"""How soon the cluster gives a silent host up: read from its head, and told where it is slow."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tune_app.command.output import LOG
from tune_app.nodes.ray_internals import health_check

ANSWER_SECONDS = 60.0

SLOW_SECONDS, HASTY_SECONDS = 15.0, 4.0
"""Beyond the first a lost host holds its trials up for long. Below the second one that is only busy
is taken for lost."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Ray asks each node again and again, ``period`` after its answer, and waits ``timeout``.

    In seconds; after ``threshold`` questions without an answer the node is given up.
    """

    period: float
    timeout: float
    threshold: int

    @property
    def seconds(self) -> float:
        """How long a silent host is waited for."""
        return self.threshold * (self.period + self.timeout)

    @property
    def remark(self) -> str:
        """What these settings mean and how to change them; "" where they are like the recipes'."""
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
    """Tells of settings that are slow or hasty, when the head has answered; nobody waits for it."""
    threading.Thread(target=_report, daemon=True, name="health check").start()


def _report() -> None:
    try:
        remark = ask_head().remark
    except Exception:  # the search itself will notice what is wrong
        return
    if remark:
        LOG.info("%s", remark)
