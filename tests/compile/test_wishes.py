"""What is wished from outside, and where it fits."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.compile import Wishes, wished_sites
from pyro_activeinf.compile.wishes import require_fit

PREFERRED = {"seen": 2, "place": torch.Size([3])}
FLAT = dist.Normal(torch.zeros(3), 1.0)
WRONG = [
    ({"other": torch.zeros(2)}, "`preferences`: expected names among"),
    ({"seen": torch.zeros(3)}, "`seen`: expected 2 log-probabilities, got shape"),
    ({"seen": dist.Normal(0.0, 1.0)}, "`seen`: expected 2 log-probabilities, got a density"),
    ({"place": torch.zeros(3)}, r"real numbers of shape \(3,\), got 3 log-probabilities"),
    ({"place": dist.Normal(0.0, 1.0)}, r"real numbers of shape \(3,\), got one of shape \(\)"),
]


def test_wishes_that_fit() -> None:
    wishes = Wishes({"seen": torch.zeros(2), "place": FLAT.to_event(1)}, {"action": torch.zeros(4)})
    require_fit(wishes, PREFERRED, {"action": 4})
    assert list(wishes.log_habit) == ["action"]
    assert Wishes({}, {"action": FLAT}).log_habit == {}


@pytest.mark.parametrize(("preferences", "told"), WRONG)
def test_wishes_that_do_not_fit_are_refused(preferences: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        require_fit(Wishes(preferences, {}), PREFERRED, {})  # type: ignore[arg-type]


class Timed:
    """Prefers this and that, and breaks after three steps."""

    def prefer(self, step: int) -> None:
        pyro.sample(["early", "late", "last"][step], dist.Normal(0.0, 1.0))
        pyro.sample("always", dist.Exponential(1.0))

    def habit(self) -> None:
        pyro.sample("action", dist.Categorical(torch.ones(2)))


def test_names_of_all_that_a_program_wishes() -> None:
    assert wished_sites(Timed()) == {"early", "always", "action"}  # type: ignore[arg-type]
    every = wished_sites(Timed(), range(9))  # type: ignore[arg-type]
    assert every == {"early", "late", "last", "always", "action"}
    assert wished_sites(object()) == set()  # type: ignore[arg-type]
