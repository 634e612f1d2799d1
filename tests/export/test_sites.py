"""Names of the dims of sites."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine

from pyro_activeinf.export.sites import kinds, layout, stacked


def program() -> None:
    with pyro.plate("row", 3, dim=-2):
        pyro.sample("a", dist.Normal(0.0, 1.0))
        with pyro.plate("column", 4, dim=-1):
            pyro.sample("b", dist.Dirichlet(torch.ones(2)))
    loose = pyro.sample("loose", dist.Normal(torch.zeros(5), 1.0))
    pyro.deterministic("c", loose.sum())
    pyro.sample("seen", dist.Normal(0.0, 1.0), obs=torch.tensor(0.0))


def test_layouts() -> None:
    trace = poutine.trace(program).get_trace()
    found = {
        name: layout(name, trace.nodes[name], trace.nodes[name]["value"])
        for names in kinds(trace).values()
        for name in names
    }

    assert {name: (how.dims, how.shape) for name, how in found.items()} == {
        "a": (("row",), (3,)),
        "b": (("row", "column", "b_dim_0"), (3, 4, 2)),
        "loose": (("loose_batch_0",), (5,)),
        "c": ((), ()),
        "seen": ((), ()),
    }
    assert kinds(trace) == {
        "latent": ["a", "b", "loose"],
        "deterministic": ["c"],
        "observed": ["seen"],
    }


def test_draws_are_stacked_by_chain() -> None:
    values = [torch.full((3, 1), float(n)) for n in range(4)]

    assert stacked(values, 2, (3,))[..., 0].tolist() == [[0.0, 1.0], [2.0, 3.0]]
