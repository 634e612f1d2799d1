"""Latent sites as coordinates without bounds."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch

from pyro_activeinf.behavior.engines.sites import (
    independent_plate,
    latents_of,
    plate_dims,
    program_trace,
    sampled,
)


def program() -> None:
    pyro.sample("shares", dist.Dirichlet(torch.tensor([1.0, 2.0, 3.0])))
    with pyro.plate("rows", 4, dim=-2):
        rate = pyro.sample("rate", dist.Beta(2.0, 1.0))
        with pyro.plate("times", 5, dim=-1):
            pyro.sample("y", dist.Bernoulli(rate), obs=torch.zeros(4, 5))


def apart() -> None:
    with pyro.plate("rows", 4, dim=-1):
        pyro.sample("rate", dist.Beta(2.0, 1.0))


def test_sites_have_the_shapes_of_plates_and_events() -> None:
    trace = program_trace(program)
    shares, rate = latents_of(trace, plate_dims(trace))

    assert plate_dims(trace) == 2
    assert [name for name, _ in sampled(trace)] == ["shares", "rate", "y"]
    assert (shares.name, shares.batch, shares.event, shares.inner) == ("shares", (1, 1), (3,), (2,))
    assert (rate.name, rate.batch, rate.event, rate.inner) == ("rate", (4, 1), (), ())
    assert (shares.size, rate.size) == (2, 4)
    assert [frame.name for frame in rate.plates] == ["rows"]


def test_there_and_back_again() -> None:
    trace = program_trace(program)
    for latent in latents_of(trace, 2):
        z = torch.randn(7, latent.size)

        value, log_det = latent.value(z)

        assert value.shape == (7, *latent.batch, *latent.event)
        assert log_det.shape == (7, *latent.batch)
        torch.testing.assert_close(latent.coordinates(value), z)
        torch.testing.assert_close(latent.coordinates(latent.named(value)), z)


def test_log_determinants_are_those_of_jacobians() -> None:
    trace = program_trace(program)
    shares, rate = latents_of(trace, 2)
    z = torch.randn(1, 2)

    jacobian = torch.autograd.functional.jacobian(lambda u: shares.value(u)[0].flatten()[:2], z)
    expected = torch.linalg.slogdet(jacobian.squeeze(1)).logabsdet
    torch.testing.assert_close(shares.value(z)[1].squeeze(), expected)

    z = torch.randn(1, 4)
    expected = (z.sigmoid() * (1 - z.sigmoid())).log()
    torch.testing.assert_close(rate.value(z)[1].flatten(), expected.flatten())


def test_a_look_at_a_program_takes_no_random_numbers() -> None:
    before = torch.get_rng_state()

    program_trace(program)

    assert torch.equal(torch.get_rng_state(), before)


def test_members_of_a_plate_are_independent_where_every_site_is_in_it() -> None:
    assert independent_plate(program_trace(apart)).name == "rows"
    assert independent_plate(program_trace(program)) is None
