"""What is said of a step follows from its kernels, and what is counted from its operations."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.gpu.floors import counted, floor_seconds
from benchmarks.gpu.profile import Span, profiled, summarise


def test_gaps_are_the_times_in_which_no_kernel_runs():
    spans = [
        Span("a", 0, 10),
        Span("b", 5, 20),
        Span("c", 6, 8),
        Span("a", 30, 40),
        Span("b", 45, 50),
    ]
    told = summarise(spans, 5)
    assert told["idle_share"] == (10 + 5) / 50
    assert told["longest_gap_us"] == 10
    assert told["busy_us_a_step"] == 35 / 5
    assert told["kernels_a_step"] == 1.0


def test_the_slowest_kernels_come_first_and_no_more_than_ten():
    spans = [Span(f"k{n}", 100 * n, 100 * n + n) for n in range(1, 15)]
    slowest = summarise(spans, 1)["slowest"]
    assert [row["kernel"] for row in slowest] == [f"k{n}" for n in range(14, 4, -1)]
    assert slowest[0]["us_a_step"] == 14
    assert slowest[0]["share"] == pytest.approx(14 / sum(range(1, 15)), abs=1e-4)


def test_a_real_step_is_profiled():
    x = torch.randn(200, 200)
    told = profiled(lambda: [x @ x for _ in range(3)], 3, torch.device("cpu"))
    assert any("mm" in row["kernel"] for row in told["slowest"])


def test_a_step_is_counted_by_what_it_reads_and_writes():
    x, w = torch.randn(4, 3, 8, 8), torch.randn(5, 3, 3, 3)

    def step():
        y = F.conv2d(x, w, padding=1)  # multiplies
        z = y.permute(0, 2, 3, 1)  # moves nothing
        z.relu_()  # reads and writes y

    count = counted(step)
    y_bytes = 4 * 5 * 8 * 8 * 4
    assert count.operations == 2
    assert count.moved == 2 * y_bytes


def test_a_gather_counts_what_it_takes_and_not_where_it_takes_it_from():
    table, rows = torch.zeros(10_000, 16), torch.tensor([1, 2, 3])
    assert counted(lambda: table.index_select(0, rows)).moved == 2 * 3 * 16 * 4


def test_floors_are_work_over_peaks():
    count = counted(lambda: torch.zeros(1000).add_(1.0))  # reads and writes 4 kB
    peaks = {"bf16_tflops": 2.0, "copy_gb_per_second": 1.0}
    floors = floor_seconds(1e12, count, peaks, "bf16")
    assert floors["multiply"] == 0.5
    assert floors["multiply_and_move"] - 0.5 == pytest.approx(count.moved / 1e9)
