"""The launch recipes are what Ray, KubeRay and shells take, and start Ray with a token each."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from ray.autoscaler._private.util import prepare_config, validate_config

RECIPES = Path(__file__).resolve().parents[2] / "cluster"
SHELL = [RECIPES / "plain" / "node.sh", RECIPES / "slurm" / "ranktune.sbatch"]
CLOUDS = sorted((RECIPES / "cloud").glob("*.yaml"))
EVERY = [*SHELL, *CLOUDS, RECIPES / "kubernetes" / "rayjob.yaml"]


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_shell_reads_the_script(script):
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("recipe", CLOUDS, ids=lambda path: path.name)
def test_ray_takes_the_recipe_of_a_cloud(recipe):
    config = prepare_config(yaml.safe_load(recipe.read_text()))
    validate_config(config)
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert "SPOT" not in str(head).upper()
    workers = {k: v for k, v in config["available_node_types"].items() if v is not head}
    assert all("SPOT" in str(worker).upper() for worker in workers.values())
    reaches_the_bucket = {"aws": "IamInstanceProfile", "gcp": "serviceAccounts"}[recipe.stem]
    assert all(reaches_the_bucket in worker["node_config"] for worker in workers.values())


@pytest.mark.parametrize("recipe", CLOUDS, ids=lambda path: path.name)
def test_every_command_of_a_cloud_that_speaks_to_ray_has_the_token(recipe):
    """The one that starts the study, too, which stands in a comment."""
    text = re.sub(r"\\?\n[#\s]*", " ", recipe.read_text())
    commands = re.findall(r"(?:ray start --|ranktune --space)", text)
    assert len(commands) == 3
    for command in re.finditer(r"(?:ray start --|ranktune --space)", text):
        before = text[: command.start()].rpartition("RAY_AUTH_TOKEN_PATH=~/.ranktune/token")
        assert before[1]
        assert "ray start" not in before[2]


def rayjob() -> dict:
    return yaml.safe_load((RECIPES / "kubernetes" / "rayjob.yaml").read_text())


def rayjob_problems(job: dict) -> list[str]:
    schema = json.loads((Path(__file__).parent / "rayjob_schema.json").read_text())
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(job)]


def test_kuberay_takes_the_job_and_would_drop_no_field_of_it():
    assert rayjob_problems(rayjob()) == []


def test_a_misspelt_field_or_a_number_for_a_text_is_found():
    job = rayjob()
    job["spec"]["ttlSecondAfterFinished"] = 1
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]
    head["rayStartParams"]["num-cpus"] = 0
    place = "$.spec.rayClusterSpec.headGroupSpec.rayStartParams['num-cpus']"
    assert set(rayjob_problems(job)) == {"$.spec", place}


def test_the_dashboard_of_kubernetes_answers_the_operator_which_submits_the_job():
    head = rayjob()["spec"]["rayClusterSpec"]["headGroupSpec"]
    assert "dashboard-host" not in head["rayStartParams"]  # KubeRay's own is the pod's address


def test_the_job_of_kubernetes_has_one_image_and_a_head_without_trials():
    cluster = rayjob()["spec"]["rayClusterSpec"]
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
