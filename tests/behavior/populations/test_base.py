"""Sites of a program, watched."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior.populations.base import Watched, by_subject, without_trials


def program() -> None:
    with pyro.plate("items", 2, dim=-3):
        pyro.sample("x", dist.Normal(0.0, 1.0))
    pyro.sample("seen", dist.Normal(0.0, 1.0), obs=torch.tensor(1.0))


def test_what_the_program_leaves_open_is_latent() -> None:
    with poutine.condition(data={"x": torch.ones(2, 1, 1)}), Watched() as watched:
        program()
    assert list(watched.sites) == ["x"]
    assert watched.sites["x"]["value"].shape == (2, 1, 1)


def test_sites_are_renamed_and_kept_under_their_own_name() -> None:
    with poutine.trace() as tracer, Watched("{}_typical") as watched:
        program()
    assert {"x_typical", "seen_typical", "items"} <= tracer.trace.nodes.keys()
    assert watched.sites["x"]["name"] == "x_typical"


@pytest.mark.parametrize(
    ("shape", "event", "expected"),
    [((), 0, (4,)), ((4, 1), 0, (4,)), ((2, 4, 1, 3), 1, (2, 4, 3)), ((3,), 1, (4, 3))],
)
def test_the_dim_of_trials_is_dropped(
    shape: tuple[int, ...], event: int, expected: tuple[int, ...]
) -> None:
    assert without_trials(torch.zeros(shape), event, 4).shape == expected


def test_plates_of_subjects_are_no_parameters() -> None:
    found = by_subject(
        lambda: pyro.sample("x", dist.Normal(0.0, 1.0)), pyro.plate("subject", 4, dim=-2)
    )
    assert {name: value.shape for name, value in found.items()} == {"x": (4,)}
