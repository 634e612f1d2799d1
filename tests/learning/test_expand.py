from typing import Any, cast

import pyro
import pytest
import torch
from torch import Tensor

from pyro_activeinf.learning import expand
from pyro_activeinf.models import POMDP, CategoricalTable, TMaze


def kinds(size: int) -> POMDP:
    """A hidden kind that stays, and what it shows."""
    return POMDP(
        A=[CategoricalTable(torch.full((size, 4), 0.5))],
        B=[torch.eye(size)[..., None]],
        D=[CategoricalTable(torch.ones(size))],
    )


def shown(profiles: list[list[float]], animals: int, looks: int) -> Tensor:
    """Outcomes (animals, looks) of kinds that take turns."""
    probs = torch.tensor(profiles)[torch.arange(animals) % len(profiles)]
    return torch.multinomial(probs, looks, replacement=True)


@pytest.mark.parametrize("number", [1, 3])
def test_there_are_as_many_kinds_as_the_evidence_asks_for(number: int) -> None:
    pyro.set_rng_seed(0)
    profiles = [[0.85, 0.05, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85], [0.05, 0.45, 0.45, 0.05]]
    seen = {"o0": shown(profiles[:number], 24, 6)}
    found = expand(kinds, seen, most=4, sweeps=8, restarts=2)
    assert found.size == number
    assert list(found.evidence) == list(range(1, number + 2))
    look = found.model.A[0].T
    for profile in profiles[:number]:
        assert float((look - torch.tensor(profile)).abs().sum(-1).min()) < 0.35


def test_no_more_than_asked_for() -> None:
    pyro.set_rng_seed(0)
    seen = {"o0": shown([[0.9, 0.1, 0.0, 0.0], [0.0, 0.0, 0.1, 0.9]], 10, 6)}
    assert expand(kinds, seen, size=1, most=1, sweeps=2, restarts=1).size == 1


def test_models_without_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="CategoricalTable"):
        expand(lambda size: TMaze(), {"position": torch.tensor([0])})
    with pytest.raises(ValueError, match="size"):
        expand(kinds, {}, size=0)
    with pytest.raises(TypeError, match="`make`: expected a function"):
        expand(cast(Any, 3), {})
