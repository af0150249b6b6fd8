"""What strikes a running search on several hosts."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import psutil

from tests.cluster.driver import CHECKPOINT_SECONDS
from tests.cluster.hosts import start_head
from tests.cluster.load import slowdown_at
from tests.cluster.running import SCRATCH, Cluster

TRAINS = "[r]ay::ImplicitFunc|[r]ay::[A-Za-z]*Trainable"
"""What Ray calls the processes of trials."""


def power_off_worker(cluster: Cluster) -> None:
    cluster.workers[0].power_off()


def power_off_head(cluster: Cluster) -> None:
    """The driver runs elsewhere."""
    cluster.head.power_off()


def continue_elsewhere(cluster: Cluster) -> None:
    """Everything is gone but the storage: a new head, new workers, no study folder."""
    cluster.head.power_off()
    cluster.drivers[0].process.wait(120)
    for worker in cluster.workers:
        worker.power_off()
    cluster.add_head("head2")
    for name in ("worker3", "worker4"):
        cluster.add_worker(name)
    cluster.start_driver("elsewhere")


def cut_link(seconds: float, cluster: Cluster) -> None:
    cluster.workers[0].cut()
    time.sleep(seconds)
    cluster.workers[0].mend()


def signal_worker(name: str, cluster: Cluster) -> None:
    """The one that trains for the longest time."""
    cluster.workers[0].run(f"pkill -{name} -o -f '{TRAINS}'")


def saved() -> None:
    """Waits until each trial has had time for a checkpoint."""
    time.sleep(3 * CHECKPOINT_SECONDS)


def kill_as_it_saves(cluster: Cluster) -> None:
    """A checkpoint takes longer than the time between two: one is always on its way."""
    saved()
    cluster.switch.write_text("slow 2")
    time.sleep(10)
    signal_worker("KILL", cluster)
    time.sleep(5)
    cluster.switch.unlink()


def end_ray(cluster: Cluster) -> None:
    cluster.workers[0].run("pkill -9 -x raylet")


def end_control_store(cluster: Cluster) -> None:
    cluster.head.run("pkill -9 -x gcs_server")


def add_node(cluster: Cluster) -> None:
    cluster.add_worker("worker3")


def drain_node(seconds: float, cluster: Cluster) -> None:
    """A spot machine's notice of half a minute; the machine is taken after ``seconds``."""
    node = "pgrep -af raylet/raylet | grep -o 'node_id=[0-9a-f]*' | head -n 1 | cut -d = -f 2"
    answer = cluster.folder / "node"
    cluster.workers[0].run(f"{node} > {answer}")
    cluster.head.run(
        f"ray drain-node --address {cluster.address} --node-id {answer.read_text().strip()} "
        "--reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' "
        "--deadline-remaining-seconds 30"
    )
    time.sleep(seconds)
    cluster.workers[0].power_off()


def refuse(status: str, seconds: float, cluster: Cluster) -> None:
    """S3 answers with an error."""
    cluster.switch.write_text(status)
    time.sleep(seconds)
    cluster.switch.unlink()


def unreachable(seconds: float, cluster: Cluster) -> None:
    """The cable of the S3 server is pulled."""
    assert cluster.s3 is not None
    cluster.s3.cut()
    time.sleep(seconds)
    cluster.s3.mend()


def fill(folder: str, cluster: Cluster) -> None:
    """A file system of its own, until no byte is free."""
    filler = cluster.folder / folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            os.fsync(file.fileno())
    time.sleep(20)
    filler.unlink()


def second_study(cluster: Cluster) -> None:
    """Of the same name in the same storage; it is interrupted, and goes on afterwards."""
    second = cluster.start_driver("results2", "--fresh")
    second.wait_for_trials(1)
    second.send("INT")
    second.process.wait(120)
    cluster.start_driver("results2")


def refused_and_off(cluster: Cluster) -> None:
    """S3 answers 503, and meanwhile a worker is lost."""
    saved()
    cluster.switch.write_text("503")
    time.sleep(5)
    cluster.workers[0].power_off()
    time.sleep(35)
    cluster.switch.unlink()


def off_and_on(cluster: Cluster) -> None:
    """A worker reboots, and its Ray starts again; it was given up meanwhile."""
    cluster.workers[0].power_off()
    time.sleep(15)
    cluster.workers[0].boot()
    cluster.join(cluster.workers[0])


def slow_storage(cluster: Cluster) -> None:
    """Every call takes five seconds, to the end."""
    cluster.switch.write_text("slow 5")


def half_refused(cluster: Cluster) -> None:
    """S3 answers every second request with 503, to the end."""
    cluster.switch.write_text("half")


def flap(cluster: Cluster) -> None:
    """A worker reboots three times; it is given up each time."""
    for _ in range(3):
        off_and_on(cluster)


def end_driver(name: str, cluster: Cluster) -> None:
    """And the same command at once."""
    driver = cluster.drivers[0]
    driver.send(name)
    if name != "KILL":
        driver.process.wait(120)
    cluster.start_driver()


def second_driver(cluster: Cluster) -> None:
    """From the storage alone, on another host, while the first one works."""
    cluster.start_driver("elsewhere", host=cluster.workers[0]).process.wait(120)


def cut_driver(cluster: Cluster) -> None:
    """The driver's host loses its link; later the same command is given elsewhere."""
    cluster.workers[-1].cut()
    cluster.drivers[0].process.wait(120)
    cluster.start_driver("elsewhere", host=cluster.workers[0])


def add_unfit_node(package: str, cluster: Cluster) -> None:
    """A node joins on which a package of Python cannot be imported."""
    cluster.add_worker("worker3", without=package)


def fill_scratch(cluster: Cluster) -> None:
    """The disk of one worker, not of the others; what is freed meanwhile is filled again."""
    worker, seconds = cluster.workers[0], 20 * slowdown_at(os.getloadavg()[0])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        worker.run(f"cat /dev/zero >> {SCRATCH}/filler || true")
        time.sleep(0.2)
    worker.run(f"rm {SCRATCH}/filler")


def hang_folder(cluster: Cluster) -> None:
    """Whoever writes to the shared folder waits, as for a file server that does not answer."""
    folder = cluster.folder / "storage"
    subprocess.run(["fsfreeze", "--freeze", folder], check=True)
    try:
        time.sleep(120)
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", folder], check=True)


def unmount_folder(cluster: Cluster) -> None:
    """One worker has an empty folder in its place."""
    folder = cluster.folder / "storage"
    cluster.workers[0].run(f"mount -t tmpfs tmpfs {folder}")
    time.sleep(40)
    cluster.workers[0].run(f"umount {folder}")


def suspend_driver(cluster: Cluster) -> None:
    """A machine that sleeps; its workers go on."""
    driver = cluster.drivers[0]
    driver.send("STOP")
    time.sleep(90)
    driver.send("CONT")
    driver.process.send_signal(signal.SIGCONT)  # nsenter stops with what it started


def kill_each(cluster: Cluster) -> None:
    """Whichever worker starts on a host is ended at once, to the end of the search."""
    cluster.workers[0].start(f"while sleep 0.1; do pkill -9 -f '{TRAINS}'; done")


def take_memory(cluster: Cluster) -> None:
    """Another program on a new host takes the memory that Ray watches, for half a minute."""
    used = psutil.virtual_memory()
    share = 1 - (used.available - 2e9) / used.total
    cluster.add_worker("worker3", RAY_memory_usage_threshold=f"{share:.3f}")
    worker = cluster.workers[-1]
    while f'"host":"{worker.address}"' not in cluster.drivers[0].ledger.read_text():
        time.sleep(0.2)
    time.sleep(3)
    hog = "import time; taken = bytearray(b'x') * 4_000_000_000; time.sleep(30)"
    worker.run(f'python -c "{hog}"')


def fill_shared_memory(cluster: Cluster) -> None:
    """Of one worker, before the images come there: Ray's object store has no page left."""
    fill = "mount -o remount,size=110m /dev/shm; cat /dev/zero > /dev/shm/filler || true"
    cluster.workers[0].run(fill)


def restart_head(cluster: Cluster) -> None:
    """Another cluster answers at the address before anybody missed the first."""
    cluster.head.run("ray stop --force")
    start_head(cluster.head)


def power_off_head_early(cluster: Cluster) -> None:
    """While the driver reads what it needs."""
    lease = cluster.drivers[0].study / "lease.json"
    while not lease.exists():
        time.sleep(0.05)
    time.sleep(4)
    cluster.head.power_off()


def power_off_head_late(cluster: Cluster) -> None:
    """While tables are written and copied."""
    driver = cluster.drivers[0]
    while b'"type":"closed"' not in driver.ledger.read_bytes():
        time.sleep(0.02)
    cluster.head.power_off()


def refused_and_drained(cluster: Cluster) -> None:
    """S3 answers 503 as a node is about to be taken away."""
    saved()
    cluster.switch.write_text("503")
    time.sleep(2)
    drain_node(30, cluster)
    time.sleep(5)
    cluster.switch.unlink()
