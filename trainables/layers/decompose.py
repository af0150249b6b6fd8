"""Decompositions of a given tensor at given ranks, in float32 or float64.

Tucker and CP are tntorch's. The sweeps for tensor trains and Tucker-2 are our own, because tntorch
starts from an uncompressed train with cores as large as the channels: for the seven 3x3 kernels of
a width-64 ResNet-9 it takes 2.1 s, the sweep 0.3 s.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from trainables.layers.initialization import normal


def check_precision(tensor: Tensor) -> None:
    """Raise TypeError unless the tensor is float32 or float64."""
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"a decomposition takes float32 or float64, got {tensor.dtype}: torch has no QR or "
            "eigh in half precision on the CPU; pass kernel.float(), convert the layer afterwards"
        )


def leading_vectors(matrix: Tensor, rank: int) -> Tensor:
    """The `rank` leading left singular vectors of a (rows, columns) matrix, as (rows, rank).

    They come from eigh of the smaller Gram matrix, which is 2-4 times as fast as an SVD. Vectors
    whose singular values lie below the square root of the precision are arbitrary, but contribute
    as little to the matrix.
    """
    if matrix.shape[0] <= matrix.shape[1]:
        return torch.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -rank:]
    columns = torch.linalg.eigh(matrix.T @ matrix).eigenvectors[:, -rank:]
    return torch.linalg.qr(matrix @ columns).Q


def tensor_train(tensor: Tensor, ranks: Sequence[int]) -> list[Tensor]:
    """TT-SVD from the left (Oseledets 2011): cores (r_{k-1}, n_k, r_k) for bonds `ranks`."""
    cores, left = [], 1
    rest = tensor
    for mode, rank in zip(tensor.shape, ranks, strict=False):
        rest = rest.reshape(left * mode, -1)
        basis = leading_vectors(rest, rank)
        cores.append(basis.reshape(left, mode, rank))
        rest, left = basis.T @ rest, rank
    return [*cores, rest.reshape(left, tensor.shape[-1], 1)]


def tucker2(kernel: Tensor, input_rank: int, output_rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sequentially truncated HOSVD (Vannieuwenhoven et al. 2012) of an (out, in, k, k) kernel.

    Returns:
        The input factor (in, r1), the core (r2, r1, k, k) and the output factor (out, r2).
    """
    out, _, *window = kernel.shape
    inputs = leading_vectors(kernel.transpose(0, 1).flatten(1), input_rank)
    core = torch.tensordot(inputs.T, kernel, dims=([1], [1])).transpose(0, 1)  # (out, r1, k, k)
    outputs = leading_vectors(core.reshape(out, -1), output_rank)
    core = (outputs.T @ core.reshape(out, -1)).reshape(output_rank, input_rank, *window)
    return inputs, core, outputs


def tucker(
    tensor: Tensor, ranks: Sequence[int], bonds: Sequence[int], generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """HOSVD by tntorch: the core as a train of (r_{k-1}, S_k, r_k), and factors (n_k, S_k).

    tntorch drops ranks that a rank-deficient tensor does not use. They are restored as random
    columns of a factor that the core multiplies by 0, so that training can use them.

    Args:
        tensor: of any number of modes.
        ranks: S_1..S_d.
        bonds: r_0..r_d.
        generator: of the random columns.
    """
    # tntorch's "eig", on Gram matrices, takes half the time but is exact to sqrt(precision) only
    algorithm = "svd" if tensor.dtype == torch.float64 else "eig"
    import tntorch  # takes 0.15 s, and most families need none of it

    form = tntorch.Tensor(tensor, ranks_tucker=list(ranks), algorithm=algorithm)
    shapes = zip(bonds[:-1], ranks, bonds[1:], strict=True)
    cores = [_padded(core, shape) for core, shape in zip(form.cores, shapes, strict=True)]
    return cores, [
        torch.cat([factor, spare[:, factor.shape[1] :].to(factor)], dim=1)
        for factor, rank in zip(form.Us, ranks, strict=True)
        for spare in [normal((factor.shape[0], rank), factor.shape[0] ** -0.5, generator)]
    ]


def canonical(tensor: Tensor, rank: int, generator: torch.Generator) -> list[Tensor]:
    """CP by tntorch's alternating least squares: factors (n_k, rank).

    It starts from the HOSVD, completed with random columns, and may stop at a local optimum. It
    runs in float64: sums in float32 may differ in the last bit between two calls, and the
    iterations can amplify that into another optimum.
    """
    seed = int(torch.randint(2**31, (), generator=generator, device=generator.device))
    # tntorch draws from torch's global generator, whose state is restored afterwards
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        import tntorch  # as above

        cores = tntorch.Tensor(tensor.double(), ranks_cp=rank).cores
    return [core.to(tensor.dtype) for core in cores]


def _padded(core: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The core in the corner of a larger one of zeros."""
    padding = [(0, new - old) for old, new in zip(core.shape, shape, strict=True)]
    return pad(core, [side for pair in reversed(padding) for side in pair])
