"""Records as plain values."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from pyro_activeinf.agents.plain import from_plain, to_plain
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze


def test_there_and_back() -> None:
    carrier = ExactFilter(TMaze())
    belief = carrier.update(carrier.initial((2,)), {"position": 0})
    again = from_plain(to_plain("belief", belief))
    assert type(again) is type(belief)
    assert torch.equal(again.probs, belief.probs)
    assert torch.equal(again.free_energy, belief.free_energy)
    assert from_plain(to_plain("x", {"a": (1, None, [True, "b"])})) == {"a": (1, None, [True, "b"])}


@dataclass(frozen=True)
class Foreign:
    """A record that is not of the library."""

    number: int


@pytest.mark.parametrize("value", [Foreign(1), {1, 2}, print, {"deep": [Foreign(2)]}])
def test_nothing_else_is_written(value: object) -> None:
    with pytest.raises(TypeError, match="`belief"):
        to_plain("belief", value)


@pytest.mark.parametrize(
    "name", [["os", "system"], ["pyro_activeinf.agents.single", "Agent"], ["nowhere", "Foreign"]]
)
def test_nothing_else_is_read(name: list[str]) -> None:
    with pytest.raises(ValueError, match=r"`path`.*records of this library"):
        from_plain({"record": name, "fields": {}})
