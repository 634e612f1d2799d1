"""From choices to parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyro
import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import (
    MAP,
    NUTS,
    ChoiceModel,
    Choices,
    Hierarchical,
    Laplace,
    Variational,
    fit,
)
from tests.behavior.coin import Coin, coins, posterior, program, tosses

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


class Killed(Exception):
    """Somebody ended the process."""


@dataclass(frozen=True)
class Fragile(Coin):
    """A coin that breaks after it has been looked at some times."""

    left: list[int] = field(default_factory=list)

    def trace(self, choices: Choices) -> Tensor:
        self.left[0] -= 1
        if not self.left[0]:
            raise Killed
        return super().trace(choices)


ENGINES = {
    "NUTS": NUTS(draws=8, warmup=30, chains=2),
    "Variational": Variational(steps=40, draws=20, stop=None, num_particles=2),
}


@pytest.mark.parametrize("name", ENGINES)
def test_a_fit_that_was_killed_goes_on_with_the_same_numbers(name: str, tmp_path: Path) -> None:
    engine, path = ENGINES[name], tmp_path / "fit.pt"
    pyro.set_rng_seed(5)
    whole = fit(coins(), CHOICES, engine, progress=False)
    foretold = whole.foretold()
    pyro.set_rng_seed(5)
    left = [25]
    fragile = ChoiceModel(program, lambda p: Fragile(p["heads"], left))
    with pytest.raises(Killed):
        fit(fragile, CHOICES, engine, checkpoint=path, checkpoint_every=3, progress=False)
    assert path.exists()

    pyro.set_rng_seed(6)
    found = fit(coins(), CHOICES, engine, checkpoint=path, resume=True, progress=False)

    assert torch.equal(found.found.z, whole.found.z)
    assert torch.equal(found.foretold(), foretold)


def test_engines_without_steps_keep_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"
    with pytest.raises(TypeError, match=r"`checkpoint`: expected none.*NUTS\(\) and Variational"):
        fit(coins(), CHOICES, MAP(), checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="`resume`: expected a checkpoint"):
        fit(coins(), CHOICES, NUTS(), resume=True, progress=False)
    with pytest.raises(FileNotFoundError, match="`checkpoint`"):
        fit(coins(), CHOICES, NUTS(), checkpoint=path / "a" / "b", progress=False)
    assert not list(tmp_path.iterdir())
