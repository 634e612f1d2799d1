"""Distributions and programs as preferences."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.free_energy import Preferences

VALUES = {"o": torch.tensor([0.0, 1.0]), "s": torch.tensor([2.0])}


def test_distributions_and_programs_say_the_same() -> None:
    liked = dist.Normal(1.0, 0.5)
    as_mapping = Preferences.of({"o": liked}).at(3)(VALUES)
    as_program = Preferences.of(lambda: pyro.sample("o", liked)).at(3)(VALUES)
    torch.testing.assert_close(as_mapping, as_program)
    torch.testing.assert_close(as_mapping["o"], liked.log_prob(VALUES["o"]))


def test_a_program_may_know_the_step_and_prefer_states() -> None:
    def prefer(step: int) -> None:
        pyro.sample("s", dist.Normal(float(step), 1.0))

    preferences = Preferences.of(prefer)
    found = [preferences.at(step)(VALUES)["s"] for step in (2, 3)]
    assert float(found[0] - found[1]) == pytest.approx(0.5)


def test_none_are_none() -> None:
    assert Preferences.of(None).at(0)(VALUES) == {}


@pytest.mark.parametrize("given", [3, {"o": 2.0}])
def test_what_is_no_preference(given: Any) -> None:
    with pytest.raises(TypeError, match="`preferences`: expected a distribution for each site"):
        Preferences.of(given)


def test_an_unknown_site() -> None:
    with pytest.raises(ValueError, match="`site 'x' of prefer`: expected an observation site"):
        Preferences.of({"x": dist.Normal(0.0, 1.0)}).at(0)(VALUES)
