"""What a step has to do whatever runs it: multiplications, bytes moved, operations launched.

Counted, not timed: the step is run once, operation by operation, and each is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MATRIX = ("convolution", "mm", "addmm", "bmm", "linear")
"""Operations whose time is that of their multiplications, by parts of their names."""


GATHERS = ("index_select", "index", "gather")
"""Operations that read of a larger tensor as much as they write."""


@dataclass
class Count:
    """Of one step. Bytes are those of every tensor that an operation reads or writes.

    moved: of the operations that multiply nothing (BatchNorm, pools, casts, the optimiser).
    """

    operations: int = 0
    moved: int = 0


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = Count()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.is_view or func.namespace != "aten":
            return result  # nothing is moved
        name = func.overloadpacket.__name__
        size = _bytes(2 * [result] if name in GATHERS else (args, kwargs, result))
        if size == 0 or name.startswith(("empty", "detach")):
            return result
        self.count.operations += 1
        if not any(part in name for part in MATRIX):
            self.count.moved += size
        return result


def _bytes(values: Any) -> int:
    """Of every tensor among some values, each once for each time it is named."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def counted(step: Callable[[], None]) -> Count:
    """Runs a step and counts it."""
    with _Counting() as counting:
        step()
    return counting.count


def floor_seconds(
    flops: float, count: Count, peaks: Mapping[str, float], precision: str
) -> dict[str, float]:
    """Seconds of one step at the card's measured peaks.

    multiply: the multiplications alone. multiply_and_move: and each operation of today's step that
    multiplies nothing reads and writes its tensors once.
    """
    multiply = flops / (peaks[f"{precision}_tflops"] * 1e12)
    move = count.moved / (peaks["copy_gb_per_second"] * 1e9)
    return {"multiply": multiply, "multiply_and_move": multiply + move}
