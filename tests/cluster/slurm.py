"""Debian's Slurm on hosts of network namespaces: real daemons, a real ``sbatch``."""

from __future__ import annotations

import functools
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.hosts import ROOT, Host, Hosts, checkout_as_command
from tests.cluster.hosts import missing as namespaces_missing

RECIPE = ROOT / "cluster" / "slurm" / "ranktune.sbatch"


@functools.cache
def missing() -> str:
    """Why there can be no Slurm here; empty where there can."""
    absent = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if not _path(name)]
    if absent:
        return f"no {', '.join(absent)}: apt install slurm-wlm munge"
    return namespaces_missing()


def _path(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin")


CONFIGURATION = """
ClusterName=ranktune
SlurmctldHost={head}({address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/linear
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class Slurm:
    """A controller on the first host, a node on each, and a folder that all of them see."""

    hosts: Hosts
    folder: Path
    nodes: list[Host] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What someone who submits a job has; ``ranktune`` is this checkout."""
        path = self.hosts.hosts[0].environment()["PATH"]
        return {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{path}",
            "STUDIES": str(self.folder),
        }

    def start(self, nodes: int = 2) -> None:
        """Boots the hosts and starts munge, slurmd and, on the first, slurmctld."""
        checkout_as_command(self.folder / "bin")
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(bytes(range(128)))
        self.nodes = [self.hosts.add(f"node{number}") for number in range(1, nodes + 1)]
        lines = [
            f"NodeName={node.name} NodeAddr={node.address} CPUs=2 State=UNKNOWN"
            for node in self.nodes
        ]
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                head=self.nodes[0].name,
                address=self.nodes[0].address,
                folder=self.folder,
                nodes="\n".join(lines),
            )
        )
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        names = "".join(f"{node.address} {node.name}\n" for node in self.nodes)
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (self.folder / "state").mkdir()
        for node in self.nodes:
            node.run(
                f"mount --bind {self.folder}/hosts /etc/hosts; mount -t tmpfs tmpfs /run; "
                f"mkdir -m 755 /run/munge; munged --force --key-file={key} "
                f"--log-file=/run/munge/log --seed-file=/run/munge/seed --pid-file=/run/munge/pid",
                PATH="/usr/sbin:/usr/bin:/sbin:/bin",
            )
        self._daemon(self.nodes[0], "slurmctld")
        for node in self.nodes:
            self._daemon(node, f"slurmd -N {node.name}")
        self._wait_for_nodes()

    def _daemon(self, node: Host, command: str) -> None:
        node.start(f"exec {command} -D", **self.environment)

    def _wait_for_nodes(self) -> None:
        deadline = time.monotonic() + 300
        while self.ask("sinfo --noheader --format=%t").split() != ["idle"]:
            assert time.monotonic() < deadline, self.ask("sinfo --long --Node")
            time.sleep(1)

    def ask(self, command: str) -> str:
        """What a command on the first node prints."""
        answer = self.folder / "answer"
        self.nodes[0].start(f"{command} > {answer} 2>&1", **self.environment).wait(300)
        return answer.read_text()

    def submit(self, words: str) -> int:
        """``sbatch`` of the recipe; the job's number."""
        said = self.ask(f"cd {self.folder} && sbatch {words}")
        found = re.fullmatch(r"Submitted batch job (\d+)\s*", said)
        assert found, said
        return int(found[1])

    def state(self, job: int) -> tuple[str, str]:
        """JobState and ExitCode, as Slurm says them."""
        said = self.ask(f"scontrol show job {job}")
        found = re.search(r"JobState=(\w+).*ExitCode=(\S+)", said, re.DOTALL)
        assert found, said
        return found[1], found[2]

    def wait(self, job: int, seconds: float = 400) -> tuple[str, str]:
        """Until the job has ended."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job))[0] in ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING"):
            assert time.monotonic() < deadline, (state, self.log(job))
            time.sleep(2)
        return state

    def log(self, job: int) -> str:
        """What the job printed."""
        file = self.folder / f"ranktune-{job}.log"
        return file.read_text() if file.exists() else ""
