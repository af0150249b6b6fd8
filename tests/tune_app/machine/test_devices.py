"""How many cores there are to use."""

import os
from pathlib import Path

import pytest

from tune_app.machine.devices import available_cpus

CORES = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "max 100000\n"}, CORES),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "1000 100000\n"}, 1),
        ({"cpu.max": f"{CORES * 100000 - 1} 100000\n"}, CORES),
        ({"cpu.max": "99900000 100000\n"}, CORES),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, CORES),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "50000\n"}, CORES),
        ({"cpu.max": "damaged"}, CORES),
        ({}, CORES),
    ],
)
def test_a_containers_quota_limits_the_cores(
    files: dict[str, str], cpus: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cpus(tmp_path) == cpus


@pytest.mark.parametrize(
    ("memberships", "files", "cpus"),
    [
        ("0::/a.slice/b.scope\n", {"a.slice/b.scope/cpu.max": "100000 100000\n"}, 1),
        ("0::/a.slice/b.scope\n", {"a.slice/cpu.max": "50000 100000\n"}, 1),
        ("0::/a.slice/b.scope\n", {"b.slice/cpu.max": "50000 100000\n"}, CORES),
        ("0::/on/the/host\n", {"cpu.max": "100000 100000\n"}, 1),
        (
            "2:cpuset:/x\n1:cpu,cpuacct:/job\n0::/\n",
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        ("damaged", {}, CORES),
    ],
)
def test_a_quota_of_the_processs_own_group_limits_the_cores(
    memberships: str, files: dict[str, str], cpus: int, tmp_path: Path
) -> None:
    """Of a systemd unit or a job of Slurm, which see the whole tree of groups."""
    own = tmp_path / "own"
    own.write_text(memberships)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cpus(tmp_path, own) == cpus
