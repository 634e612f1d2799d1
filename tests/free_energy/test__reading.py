"""What an evaluation tells of each sample statement."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoNormalMessenger

from pyro_activeinf.free_energy._reading import Reading, Site
from tests.free_energy.programs import chain, gaussian, summed_out


def untouched(site: Site) -> None:
    return None


def test_sites_are_told_before_and_after_they_are_run() -> None:
    told: list[tuple[str, str, bool, bool]] = []

    def before(site: Site) -> float:
        told.append(("before", site.name, site.in_guide, site.is_latent))
        return 2.0

    def after(site: Site) -> None:
        assert site.message["scale"] in {2.0, 2.0 * 5 / 2}
        told.append(("after", site.name, site.in_guide, site.is_latent))

    pair = gaussian(2)
    Trace_ELBO().loss(*Reading(before, after).of(pair.model, pair.guide))
    assert told == [
        (when, *site)
        for site in [
            ("mean", True, True),
            ("z", True, True),
            ("mean", False, True),
            ("z", False, True),
            ("x", False, False),
        ]
        for when in ("before", "after")
    ]


def test_names_are_sorted_by_what_they_are() -> None:
    pair, reading = summed_out(), Reading(untouched)
    with pytest.warns(UserWarning, match="Found vars in model but not guide"):
        Trace_ELBO().loss(*reading.of(pair.model, pair.guide))
    assert reading.guide_sites == {"mean"}
    assert reading.latent_sites == {"mean", "kind"}
    assert reading.summed_sites == {"kind"}
    assert reading.observed_sites == {"x"}


def test_a_factor_of_the_model_is_observed() -> None:
    pair, reading = chain(), Reading(untouched)
    Trace_ELBO().loss(*reading.of(pair.model, pair.guide))
    assert "bonus" in reading.observed_sites
    assert reading.latent_sites == reading.guide_sites


def test_arguments_and_results_pass() -> None:
    def program(x: int, *, y: int) -> int:
        return x + y

    for watched in Reading(untouched).of(program, program):
        assert watched(1, y=2) == 3


def test_a_guide_messenger_is_found_within() -> None:
    def model() -> None:
        pyro.sample("z", dist.Normal(0.0, 1.0))

    guide = AutoNormalMessenger(model)
    _, watched = Reading(untouched).of(model, guide)
    assert poutine.unwrap(watched) is guide


def test_a_message_is_not_written_to_unless_it_is_scaled() -> None:
    scales: list[Any] = []
    pair = gaussian()
    reading = Reading(untouched, lambda site: scales.append(site.message["scale"]))
    Trace_ELBO().loss(*reading.of(pair.model, pair.guide))
    assert scales == [1.0] * 5
    assert not any(torch.is_tensor(scale) for scale in scales)
