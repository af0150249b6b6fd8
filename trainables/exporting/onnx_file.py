"""An exported network as ONNX files, for small devices: in float32, and in 8 bits."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.exporting.difference import largest_difference, run
from trainables.files.whole_file import whole_file

# onnx, onnxscript and onnxruntime are optional: functions that need them import them.

ONNX = "model.onnx"
INT8 = "model.int8.onnx"
CALIBRATION_BATCH = 64
INPUT, OUTPUT = "images", "logits"


class OnnxError(ValueError):
    """The ONNX file cannot be written, or would have other outputs than the network."""


def write_onnx_files(
    folder: Path,
    module: nn.Module,
    images: Tensor,
    calibration: Tensor | None,
    held_out: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    *,
    tolerance: float,
) -> dict[str, dict[str, Any]]:
    """Writes ``model.onnx``, and ``model.int8.onnx`` where calibration images are given.

    Args:
        folder: to write the files to.
        module: as for ``write_onnx``.
        images: as for ``write_onnx``.
        tolerance: as for ``write_onnx``.
        calibration: as for ``write_int8``; None writes no file in 8 bits.
        held_out: returns an iterator over batches of images and labels, a new one at each call.

    Returns:
        By file name its ``bytes``, its ``accuracy`` on the held-out images (None where there are
        none) and the number of those ``images``; for the float32 file also its ``difference``.
    """
    off = write_onnx(folder / ONNX, module, images, tolerance=tolerance)
    if calibration is not None:
        with _reported_as("onnxruntime cannot write the network in 8 bits", "--int8"):
            write_int8(folder / INT8, folder / ONNX, calibration)
    rows = {}
    for name in [ONNX] if calibration is None else [ONNX, INT8]:
        right, seen = OnnxProgram(folder / name).count_correct(held_out())
        accuracy = right / seen if seen else None
        size = (folder / name).stat().st_size
        rows[name] = {"bytes": size, "accuracy": accuracy, "images": seen}
    rows[ONNX]["difference"] = off
    return rows


def write_onnx(path: Path, module: nn.Module, images: Tensor, *, tolerance: float) -> float:
    """Writes a module for any batch size, and checks that onnxruntime computes its logits.

    Args:
        path: of the file.
        module: in evaluation mode, in float32 on the CPU.
        images: normalised, (B, 3, H, W); outputs are compared on them.
        tolerance: the most that ``largest_difference`` may be.

    Returns:
        The ``largest_difference``.

    Raises:
        OnnxError: where it exceeds the tolerance, and where torch or onnxruntime cannot do what the
            network does. Nothing is written then.
    """
    import onnx

    with _quiet(), _reported_as("torch cannot write the network as ONNX", "--onnx"):
        program = torch.onnx.export(
            module,
            (images[:2].contiguous(),),
            dynamo=True,
            optimize=False,  # else factors become kernels, and the file grows
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    assert program is not None
    model = program.model_proto
    _drop_source_locations(model)
    expected = run(module, images)
    with whole_file(path) as draft:
        onnx.save(model, draft)
        with _reported_as("onnxruntime cannot run the network", "--onnx"):
            runtime = OnnxProgram(draft)
            difference = largest_difference(
                lambda some: torch.from_numpy(runtime(some)), images, expected
            )
        if difference > tolerance:
            raise OnnxError(
                f"onnxruntime's outputs are off by {difference:.2g}, at most {tolerance:g} allowed"
            )
    return difference


def write_int8(path: Path, source: Path, calibration: Tensor) -> None:
    """Writes a file in 8 bits from one in float32, by static quantisation.

    Weights are quantised per output channel, activations per tensor by their ranges on the
    calibration images (onnxruntime's minimum and maximum). A kernel that is computed from factors
    at every forward pass is not a stored weight, and stays in float32.

    Args:
        path: of the file to write.
        source: the file that ``write_onnx`` wrote.
        calibration: normalised training images, (B, 3, H, W).
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(calibration.split(CALIBRATION_BATCH))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch.contiguous().numpy()}

    scratch = tempfile.TemporaryDirectory(dir=path.parent)
    with scratch as folder, whole_file(path) as draft, _quiet():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(prepared, draft, Images(), quant_format=QuantFormat.QDQ, per_channel=True)


class OnnxProgram:
    """An ONNX file, run by onnxruntime on as many CPU threads as torch uses."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, images: Tensor) -> np.ndarray:
        """(B, 3, H, W) normalised images → (B, classes) logits."""
        return self._session.run([OUTPUT], {INPUT: images.contiguous().numpy()})[0]

    def count_correct(self, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[int, int]:
        """How many images (B, 3, H, W) are classified as their label (B,), and of how many."""
        correct = total = 0
        for images, labels in batches:
            correct += int((self(images).argmax(1) == labels.numpy()).sum())
            total += len(labels)
        return correct, total


def _drop_source_locations(model: Any) -> None:
    """Removes the location in torch's code of each node: most bytes of a small file."""
    graph = model.graph
    parts = (graph.node, graph.value_info, graph.input, graph.output, graph.initializer)
    for part in (*(item for group in parts for item in group), graph, model):
        del part.metadata_props[:]
        part.doc_string = ""


@contextlib.contextmanager
def _reported_as(what: str, option: str) -> Iterator[None]:
    """Says what failed and why, of the exceptions that led to each other the first."""
    try:
        yield
    except Exception as problem:  # of converters for any operation: it may be any
        first: BaseException = problem
        while first.__cause__ is not None:
            first = first.__cause__
        reason = str(first).strip().partition("\n")[0]
        raise OnnxError(
            f"{what}: {type(first).__name__}: {reason}; its torch.export program does not need "
            f"that: leave {option} out"
        ) from problem


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporters, which print progress and warn of choices that are deliberate."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
