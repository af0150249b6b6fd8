"""``ray job submit`` to a cluster that runs: it starts a study, and goes on with it."""

import importlib.util

from tests.cluster.hosts import (
    Host,
    checkout_as_command,
    minutes_unless,
    missing,
    network,
    start_ray,
)

REASON = missing() or (
    ""
    if importlib.util.find_spec("aiohttp_cors")
    else "jobs need what ray[default] adds: make jobs-test"
)

pytestmark = minutes_unless(REASON)

STUDY = "--space quickstart --set layer=dense --set epochs=1 --estimating-seeds 0 --address auto"


def submit(host: Host, folder) -> str:
    """What the job printed; it must end well."""
    before = len(host.log.read_text())
    host.run(
        "ray job submit --address http://127.0.0.1:8265 -- "
        f"ranktune {STUDY} --results-dir {folder}/results --storage {folder}/checkpoints",
        timeout=400,
        PATH=f"{folder / 'bin'}:{host.environment()['PATH']}",
    )
    return host.log.read_text()[before:]


def test_a_job_starts_a_study_and_the_next_goes_on_with_it(tmp_path):
    folder = tmp_path / "shared"
    with network(folder) as hosts:
        checkout_as_command(folder / "bin")
        host = hosts.add("head")
        path = f"{folder / 'bin'}:{host.environment()['PATH']}"
        options = f"--head --node-ip-address {host.address} --num-cpus 2"
        quiet = "--dashboard-host 127.0.0.1 --disable-usage-stats --object-store-memory 100000000"
        start_ray(host, f"{options} {quiet}", PATH=path)
        assert "2 trials to run, 0 known" in submit(host, folder)
        assert "0 trials to run, 2 known" in submit(host, folder)
