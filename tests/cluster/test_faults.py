"""What a cluster loses, a study does not: faults on hosts made of namespaces.

The shorter ones; ``make chaos-cluster`` runs them all, at 2 and at 12 slots a host.
"""

import pytest

from tests.cluster.faults import FAULTS, strike
from tests.cluster.hosts import minutes_unless, missing

pytestmark = minutes_unless(missing())

SHORT = [
    ("worker process killed", 2),
    ("worker off", 2),
    ("worker off", 12),
    ("link cut 45 s", 2),
    ("head off", 2),
    ("head off, continued elsewhere", 2),
    ("head restarted at its address", 2),
    ("node added", 2),
    ("node drained", 2),
    ("storage full 20 s", 2),
    ("two studies at once", 2),
    ("S3 503 for 20 s", 2),
    ("S3 unreachable 20 s", 2),
    ("shared folder not mounted on a worker for 40 s", 2),
    ("node without the project added", 2),
    ("SIGTERM, the same command at once", 2),
]


@pytest.mark.parametrize(("fault", "slots"), SHORT, ids=lambda value: str(value).replace(" ", "-"))
def test_a_fault_costs_no_trial_and_is_named(fault, slots, tmp_path):
    found = strike(fault, slots, tmp_path / "cluster")
    assert FAULTS[fault].problems(found) == [], found
