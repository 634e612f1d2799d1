"""From choices to parameters."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior import MAP, NUTS, Hierarchical, Laplace, fit
from tests.behavior.coin import coins, posterior, tosses

CHOICES = tosses()


def test_the_engine_draws_and_is_kept() -> None:
    engine = Laplace(draws=30)

    found = fit(coins(), CHOICES, engine, progress=False)

    assert found.engine is engine
    assert found.choices is CHOICES
    assert found.parameters["heads"].shape == (1, 30, 3)
    a, b = posterior(CHOICES)
    mode = fit(coins(), CHOICES, MAP(), start=found, progress=False)
    torch.testing.assert_close(mode.means["heads"], a / (a + b), rtol=1e-5, atol=1e-5)


def test_without_an_engine_it_is_nuts(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Laplace(draws=2)
    asked = []

    def call(engine: NUTS, *args: object) -> object:
        asked.append(engine)
        return quick(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(NUTS, "__call__", call)

    assert fit(coins(), CHOICES, progress=False).engine == NUTS()
    assert asked == [NUTS()]


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(TypeError, match="`engine`: expected an engine"):
        fit(coins(), CHOICES, "nuts", progress=False)  # type: ignore[arg-type]


def test_a_start_of_another_model_is_refused() -> None:
    start = fit(coins(), CHOICES, MAP(), progress=False)

    with pytest.raises(ValueError, match="`start`: expected a fit of a model with 5 coordinates"):
        fit(coins(Hierarchical()), CHOICES, MAP(), start=start, progress=False)
