"""What a graph would leave out is found before it is recorded."""

import random

import numpy as np
import pytest
import torch
from torch.nn.functional import dropout

from trainables.training.cuda_graphs import refuse_host_draws

DRAWS = {
    "python": random.random,
    "numpy": np.random.random,
    "torch": lambda: torch.rand(()),
    "dropout on a CPU": lambda: dropout(torch.ones(4)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_draw_on_the_host_is_refused(draw):
    with pytest.raises(RuntimeError, match="draws random numbers on the host"), refuse_host_draws():
        draw()


def test_a_step_without_draws_is_not_refused():
    def draw():
        own = torch.Generator().manual_seed(1)
        return [*torch.rand(4, generator=own).tolist(), np.random.default_rng(1).random()]

    with refuse_host_draws():
        drawn = draw()
    assert drawn == draw()
