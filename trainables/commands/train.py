"""Trains one network, without Ray."""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trainables.commands.arguments import THREADS
from trainables.commands.out_folder import check_room, go_on
from trainables.commands.settings import read_settings
from trainables.compiled.measured_precision import trial_precision
from trainables.compiled.switch import use_torch_alone
from trainables.config.checkpoint_place import STATE
from trainables.config.installation import command_to_paste
from trainables.config.interruption import SIGNALS
from trainables.config.metrics import EpochMetrics
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import canonical
from trainables.data.datasets.registry import (
    DATASETS,
    content_digest,
    count_dataset,
    load_dataset,
    one_spelling,
    unread_options,
)
from trainables.data.sources import ONE_PLACE, DataRequest, requested_data
from trainables.files.study_folder import TRAINED_ALONE
from trainables.text.count import plural
from trainables.training.idle_keys import idle_notes

if TYPE_CHECKING:  # torch takes seconds; usage errors are reported before
    from rich.progress import Progress

    from trainables.training.trainer import Trainer

DIVERGED = 1

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key of the configuration; repeatable."),
]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help=f"{', '.join(DATASETS)}.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="An existing copy of the data set; it is never created."),
]
Download = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where an absent data set is downloaded to."),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out images that cannot be read."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for the checkpoint [default: results/train/<the trial's id>]."
    ),
]
Threads = Annotated[int, typer.Option(**THREADS, help="CPU threads; a trial of a search has one.")]
Compiled = Annotated[
    bool,
    typer.Option(
        "--compiled/--no-compiled",
        help="Use kernels in C if there is a compiler, or torch alone.",
    ),
]
Device = Annotated[
    Literal["cpu", "cuda"] | None,
    typer.Option(metavar="cpu|cuda", help="[default: a GPU if there is one]"),
]


def train(
    context: typer.Context,
    settings: Settings = None,
    dataset: DatasetName = None,
    data_dir: DataDir = None,
    download: Download = None,
    skip_unreadable: SkipUnreadable = False,
    out: Out = None,
    threads: Threads = 1,
    device: Device = None,
    compiled: Compiled = True,
) -> None:
    """Train one network and write its checkpoint.

    After an interruption the same command continues the training.
    """
    settings = [*(settings or ()), *([f"dataset={dataset}"] if dataset else [])]
    config = read_settings(settings, context.command)
    config = config.with_values(dataset=one_spelling(config.dataset))
    config.network_size()  # an infeasible network is reported before torch is imported
    request = dataclasses.replace(
        requested_data(config, data_dir), download=download, skip_unreadable=skip_unreadable
    )
    if problems := _unused_options(request):
        raise ConfigError(problems)
    import torch

    from trainables.training.trainer import Trainer

    if not compiled:
        use_torch_alone()
    has_gpu = torch.cuda.is_available()
    chosen = device or ("cuda" if has_gpu else "cpu")
    if chosen == "cuda" and not has_gpu:
        raise ValueError("--device cuda: torch finds no GPU here; drop the option")
    if not config.init and not any(text.startswith("classes=") for text in settings):
        config = config.with_values(classes=count_dataset(request).classes)
    config = config.with_values(data_digest=_content(config, request))
    data = load_dataset(request, config.data_digest)
    # as part of the id: another precision trains to other numbers
    config = config.with_values(precision=trial_precision(config, gpu=chosen == "cuda"))
    config = canonical(config, data.counts.facts)
    for note in idle_notes(
        [text.partition("=")[0].strip() for text in settings], [config], data.counts
    ):
        print(f"note: {note}", file=sys.stderr)
    trainer = Trainer(config, data, device=chosen, threads=threads)
    folder = out or Path("results") / "train" / trainer.trial_id
    folder.mkdir(parents=True, exist_ok=True)
    check_room(folder, config, trainer.size.parameters)
    if (folder / TRAINED_ALONE / STATE).exists():  # without it: ended before it was first saved
        go_on(trainer, folder / TRAINED_ALONE)
    print(_headline(trainer))
    code = _run(trainer, folder / TRAINED_ALONE)
    if code == 0:
        print(f"export it: {_export_command(folder, data_dir or download)}")
    raise typer.Exit(code)


def _unused_options(request: DataRequest) -> list[str]:
    """Problems with options about the images that would have no effect."""
    both_given = request.data_dir is not None and request.download is not None
    return unread_options(request) + [ONE_PLACE] * both_given


def _content(config: TrainConfig, request: DataRequest) -> str:
    """The digest of the user's own images, part of the trial's id; "" for a known data set.

    Raises:
        ConfigError: where the configuration names another digest.
    """
    digest = content_digest(request) or ""
    if config.data_digest not in ("", digest):
        source = request.data_dir or "the default place"
        raise ConfigError(
            [
                f"the images in {source} are not those of data_digest {config.data_digest}: their "
                f"digest is {digest or 'unknown'}; name the right folder with --data-dir, or leave "
                "data_digest out"
            ]
        )
    return digest


def _export_command(folder: Path, data_dir: Path | None) -> str:
    data_options: list[str | Path] = ["--data-dir", data_dir] if data_dir else []
    return command_to_paste("export", folder, *data_options)


def _run(trainer: Trainer, checkpoint: Path) -> int:
    from trainables.training.trainer import Diverged

    with _InterruptRequest() as stop, _progress(trainer) as progress:
        task = progress.add_task("", total=trainer.batches_per_epoch)

        def should_stop() -> bool:
            progress.update(task, completed=trainer.batches_done)
            return stop.requested

        try:
            while not trainer.finished:
                progress.update(task, description=f"epoch {trainer.epochs_done + 1}")
                metrics = trainer.train_epoch(should_stop)
                if metrics is None:
                    trainer.save(checkpoint)
                    progress.stop()
                    print(f"interrupted and saved; the same command continues from {checkpoint}")
                    return stop.exit_code
                progress.console.print(_line(metrics, trainer.config.epochs), highlight=False)
        except Diverged as problem:
            progress.stop()
            print(f"{problem}: lower learning_rate", file=sys.stderr)
            return DIVERGED
        trainer.save(checkpoint)
    print(_summary(trainer.history, checkpoint))
    return 0


class _InterruptRequest:
    """Records Ctrl-C, SIGTERM or SIGHUP, so that training stops before the next batch.

    A second signal ends the process as usual. Under ``nohup`` SIGHUP stays ignored.
    """

    def __enter__(self) -> _InterruptRequest:
        self.signal = 0
        self._usual = {number: signal.getsignal(number) for number in SIGNALS}
        for number, usual in self._usual.items():
            if number == signal.SIGINT or usual != signal.SIG_IGN:
                signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, usual in self._usual.items():
            signal.signal(number, usual)

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.signal

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self.__exit__()


def _progress(trainer: Trainer) -> Progress:
    """A progress bar of the epoch; nothing where the output is not a terminal."""
    # a search imports this file too, and rich takes it a twentieth of a second
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _headline(trainer: Trainer) -> str:
    from trainables.compiled.code_path import code_path

    size, config = trainer.size, trainer.config
    macs = size.macs(config.images_at_once) / 1e6
    text = (
        f"{trainer.trial_id}\n{size.parameters:,} parameters, {macs:,.1f} M multiply-adds per "
        f"image, {trainer.precision} on {trainer.device.type}, {code_path(trainer.device)} code"
    )
    return text + (f", continuing after epoch {trainer.epochs_done}" if trainer.epochs_done else "")


def _line(metrics: EpochMetrics, epochs: int) -> str:
    evaluation = _evaluation_text(metrics)
    seconds = metrics.train_seconds + metrics.eval_seconds
    return (
        f"epoch {metrics.epoch:3}/{epochs}  train {metrics.train_loss:.4f} "
        f"{metrics.train_accuracy:6.2%}  {evaluation}  {seconds:.1f} s"
    )


def _evaluation_text(metrics: EpochMetrics) -> str:
    if metrics.val_accuracy is not None:
        return f"validation {metrics.val_loss:.4f} {metrics.val_accuracy:6.2%}"
    if metrics.test_accuracy is not None:
        return f"test set {metrics.test_loss:.4f} {metrics.test_accuracy:6.2%}"
    return "not evaluated"


def _summary(history: list[EpochMetrics], checkpoint: Path) -> str:
    seconds = sum(metrics.train_seconds for metrics in history)
    return (
        f"after {plural(len(history), 'epoch')} and {seconds:.0f} s of training: "
        f"{_evaluation_text(history[-1])}\n"
        f"checkpoint: {checkpoint}"
    )
