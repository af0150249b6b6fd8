"""What every test shares: a quiet, local environment, and where real data lie."""

import atexit
import errno
import os
import shutil
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path

import hypothesis
import pytest

# Before anything imports torch or ray, and inherited by every process that a test starts.
os.environ.update(
    OMP_NUM_THREADS="1",  # workers share the cores
    RAY_AIR_NEW_OUTPUT="0",
    RAY_USAGE_STATS_ENABLED="0",
    TOKENIZERS_PARALLELISM="false",
    XDG_RUNTIME_DIR=tempfile.mkdtemp(prefix="ranktune-tests-"),  # searches beside one another
)
for proxy in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(proxy, None)
    os.environ.pop(proxy.upper(), None)

atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)

hypothesis.settings.register_profile("ranktune", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("ranktune")


TESTS = Path(__file__).resolve().parent

TAKE_SECONDS = {
    "analysis/charts/test_every_chart.py",
    "analysis/claims/test_answers.py",
    "analysis/claims/test_calibration.py",
    "analysis/commands/test_command_line.py",
    "analysis/report/test_report.py",
    "analysis/report/test_report_tour.py",
    "analysis/report/test_train_command.py",
    "analysis/statistics/test_contrasts.py",
    "analysis/statistics/test_pareto.py",
    "analysis/study/test_confirmation.py",
    "analysis/study/test_importances.py",
    "analysis/test_fuzz.py",
    "analysis/test_one_best.py",
    "benchmarks/gpu/test_fused.py",
    "benchmarks/gpu/test_replicas.py",
    "benchmarks/gpu/test_sharing.py",
    "benchmarks/gpu/test_study.py",
    "benchmarks/gpu/test_whole_run.py",
    "benchmarks/gpu/test_without_libraries.py",
    "benchmarks/race/test_race.py",
    "benchmarks/test_study.py",
    "docs/test_your_network.py",
    "test_additions.py",
    "test_before_rooms.py",
    "test_idle_options.py",
    "test_imports.py",
    "test_run_tune.py",
    "trainables/commands/test_commands.py",
    "trainables/commands/test_compress_export_commands.py",
    "trainables/compiled/test_compiled.py",
    "trainables/compiled/test_emulated.py",
    "trainables/compression/test_any_network.py",
    "trainables/compression/test_compress.py",
    "trainables/config/test_installation.py",
    "trainables/config/test_interruption.py",
    "trainables/config/test_starting.py",
    "trainables/data/test_adding_a_data_set.py",
    "trainables/data/test_dataset.py",
    "trainables/data/test_python_file.py",
    "trainables/data/test_read_parts.py",
    "trainables/data/test_sources.py",
    "trainables/data/test_torchvision_set.py",
    "trainables/exporting/test_any_network.py",
    "trainables/exporting/test_export.py",
    "trainables/exporting/test_onnx_file.py",
    "trainables/layers/test_adding_a_layer.py",
    "trainables/networks/test_multiply_adds.py",
    "trainables/networks/test_pretrained_timm.py",
    "trainables/networks/test_substitute.py",
    "trainables/networks/test_trace.py",
    "trainables/networks/test_travel.py",
    "trainables/networks/test_weights.py",
    "trainables/test_api.py",
    "trainables/test_cifar_trainable.py",
    "trainables/test_unfit_machines.py",
    "trainables/test_fuzz.py",
    "trainables/training/checkpoints/test_checkpoint.py",
    "trainables/training/checkpoints/test_checkpoint_store.py",
    "trainables/training/test_evaluator.py",
    "trainables/training/test_foreign.py",
    "trainables/training/test_golden.py",
    "trainables/training/test_gpu_step.py",
    "trainables/training/test_optimizers.py",
    "trainables/training/test_param_groups.py",
    "trainables/training/test_steps.py",
    "trainables/training/test_trainer.py",
    "trainables/training/test_trial_checkpoints.py",
    "tune_app/study/test_planted_pickles.py",
    "tune_app/study/test_shared_study.py",
    "tune_app/test_fuzz.py",
    "zoo/test_folder_plan.py",
    "zoo/test_folder_zoo.py",
}
"""Files whose tests train, start processes or simulate; ``--fast`` does not even import them."""

FAST = "not (slow or seconds or ray or cluster or browser)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="run what takes no seconds, on its own")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("fast"):
        config.option.markexpr = FAST


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """True for the files that ``--fast`` would import in vain; None leaves it to pytest."""
    if not config.getoption("fast") or not collection_path.is_relative_to(TESTS):
        return None
    return str(collection_path.relative_to(TESTS)) in TAKE_SECONDS or None


def refuse_the_internet(event: str, arguments: tuple) -> None:
    """Answer a connection to a public address as a machine without a network would."""
    if event == "socket.connect" and isinstance(address := arguments[1], tuple):
        host = address[0]
        if host[:1].isdigit() and ip_address(host).is_global:
            raise OSError(errno.ENETUNREACH, f"tests reach no public address, asked for {host}")


sys.addaudithook(refuse_the_internet)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: those that kill and wait leave theirs to others."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start Ray run one after the other, and beside them those that kill it and wait."""
    for item in items:
        if (
            str(item.path.relative_to(TESTS)) in TAKE_SECONDS
            or "bucket" in item.fixturenames  # starts a server
        ):
            item.add_marker(pytest.mark.seconds)
        if item.get_closest_marker("crash"):
            item.add_marker(pytest.mark.xdist_group("crash"))
        elif item.get_closest_marker("ray") or item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.xdist_group("ray"))


@pytest.fixture(scope="module")
def bucket():
    """A bucket of a real S3 server."""
    from tests.bucket import Bucket  # imports moto, which few tests wait for

    with Bucket() as running:
        yield running


@pytest.fixture(scope="session")
def cifar10_dir() -> Path:
    """The folder to pass as --data-dir: it holds cifar-10-batches-py."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "cifar10"
    folder = Path(os.environ.get("RANKTUNE_CIFAR10", beside))
    if not (folder / "cifar-10-batches-py").is_dir():
        pytest.skip(f"no CIFAR-10 in {folder}; RANKTUNE_CIFAR10 can name a copy")
    return folder
