"""Which figure of policies is drawn for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from pyro_activeinf import plots
from tests.plots.trajectories import made, posterior


def test_a_posterior_is_drawn_as_bars_and_a_trajectory_as_a_map() -> None:
    assert [len(axes.get_images()) for axes in plots.policies(posterior()).axes] == [0, 0]
    assert len(plots.policies(made()).axes[0].get_images()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "`n`: expected an integer of at least 1, got 0"),
        ({"labels": {"action": ["stay"]}}, r"`labels\['action'\]`: expected a label for each of 3"),
        ({"labels": {"action_1": ["stay"]}}, r"`labels`: expected names among \['action'\]"),
        ({"axes": []}, "`axes`: expected . axes"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    for source in (posterior(), made(), made(keep_policies=False)):
        with pytest.raises(ValueError, match=message):
            plots.policies(source, **arguments)


def test_a_batch_is_refused() -> None:
    one = posterior()
    many = replace(one, probs=torch.stack([one.probs, one.probs]))
    for source in (many, made(batch=(2,))):
        with pytest.raises(ValueError, match=r"`source`: .*a batch of shape \(2,\)"):
            plots.policies(source)


def test_anything_else_is_refused() -> None:
    message = "`source`: expected a PolicyPosterior or a Trajectory, got list"
    with pytest.raises(TypeError, match=message):
        plots.policies([])  # type: ignore[arg-type]
