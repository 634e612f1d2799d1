"""One trial after another by a graph of a time step: the same as written."""

from __future__ import annotations

import torch

from pyro_activeinf.behavior import ChoiceModel
from pyro_activeinf.behavior.tabular import LearnedTables
from tests.behavior.tabular.test_fixed import SUBJECTS, holey
from tests.behavior.tabular.test_learned import counting, drawn, parameters


def test_a_graph_learns_as_the_step_does() -> None:
    choices, model = holey(trials=6), ChoiceModel(parameters, counting)
    leaves = {name: value.requires_grad_() for name, value in drawn(2, SUBJECTS).items()}
    chooser = model.chooser(leaves)
    assert isinstance(chooser, LearnedTables)
    found = []
    for _ in range(2):
        log_probs = chooser.log_probs(chooser.trace(choices))
        total = log_probs.tanh().sum()
        grads = torch.autograd.grad(total, list(leaves.values()), retain_graph=True)
        found.append([log_probs, *grads])
    (pair,) = chooser.skeleton.graphs.values()
    assert pair is not None
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-12)
