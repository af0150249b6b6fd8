"""The launch recipes are what Ray, KubeRay and shells take, and start Ray with a token each."""

import subprocess
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

RECIPES = Path(__file__).resolve().parents[2] / "cluster"
SHELL = [RECIPES / "plain" / "node.sh", RECIPES / "slurm" / "ranktune.sbatch"]
CLOUDS = sorted((RECIPES / "cloud").glob("*.yaml"))
EVERY = [*SHELL, *CLOUDS, RECIPES / "kubernetes" / "rayjob.yaml"]


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_shell_reads_the_script(script):
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("recipe", CLOUDS, ids=lambda path: path.name)
def test_ray_takes_the_recipe_of_a_cloud(recipe):
    config = prepare_config(yaml.safe_load(recipe.read_text()))
    validate_config(config)
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert "SPOT" not in str(head).upper()
    workers = {k: v for k, v in config["available_node_types"].items() if v is not head}
    assert all("SPOT" in str(worker).upper() for worker in workers.values())


def test_the_job_of_kubernetes_has_one_image_and_a_head_without_trials():
    job = yaml.safe_load((RECIPES / "kubernetes" / "rayjob.yaml").read_text())
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    containers = [one for group in groups for one in group["template"]["spec"]["containers"]]
    assert len({container["image"] for container in containers}) == 1


@pytest.mark.parametrize("recipe", EVERY, ids=lambda path: path.name)
def test_a_recipe_asks_for_a_token_and_gives_silent_hosts_up_soon(recipe):
    text = recipe.read_text()
    assert "RAY_AUTH_MODE=token" in text or "mode: token" in text
    for setting in ("period_ms", "timeout_ms", "failure_threshold"):
        assert f"RAY_health_check_{setting}" in text
    assert "0.0.0.0" not in text
