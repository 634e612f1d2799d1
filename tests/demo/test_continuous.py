"""The demonstration of a continuous world, with few actions."""

from __future__ import annotations

import json
from pathlib import Path

import arviz
import numpy as np
import pytest
import torch

from pyro_activeinf import rollout
from pyro_activeinf.demo import continuous
from pyro_activeinf.demo.continuous_figure import figure_of
from pyro_activeinf.records import Trajectory


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    output = tmp_path_factory.mktemp("demo") / "new"
    torch.set_default_dtype(torch.float32)
    return output, continuous.run(output, actions=12, seed=1, progress=False)


def test_every_file_is_there_and_nothing_else(finished: tuple[Path, list[int]]) -> None:
    output, found = finished
    assert {path.name for path in output.iterdir()} == set(continuous.FILES)
    kept = json.loads((output / "continuous.json").read_text())
    assert (kept["actions"], kept["seed"], kept["hold"]) == (found, 1, 5)
    data = arviz.from_netcdf(str(output / "continuous.nc"))
    assert data["observed_data"]["actions"].shape[1] == 1
    assert int(np.isfinite(data["observed_data"]["rewards"].values).sum()) == 12


def test_preferences_are_flat_but_for_the_flag() -> None:
    places = torch.tensor([[-1.2, 0.0], [-0.5, 0.07], [0.3, 0.0], [0.6, 0.0]])
    found = continuous.preferences(places)
    assert float(found[:2].max() - found[:2].min()) < 1e-5
    assert float(found[3] - found[0]) > 99


def lived(ends: list[float]) -> Trajectory:
    """Episodes of 3 actions that end at these places."""
    run = rollout(continuous.agent(continuous.world()), continuous.world(), 3, progress=False)
    rows = torch.arange(4).repeat(len(ends))
    again = run.at(rows)
    seen = again.observations["o"].clone()
    seen[3::4, 0] = torch.tensor(ends)
    episode = torch.arange(len(ends)).repeat_interleave(4)
    return Trajectory(**{**vars(again), "observations": {"o": seen}, "episode": episode})


def test_only_episodes_that_ended_at_the_flag_count() -> None:
    run = lived([0.5, -0.2, 0.46])
    assert continuous.lengths(run) == [3, 3]
    figure = figure_of(run, [3, 3], 0.45)
    assert [line.get_label() for line in figure.axes[0].lines][:2] == ["first episode", "episode 2"]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [3, 3]


def test_a_life_without_a_flag_is_shown_too() -> None:
    run = lived([-0.5])
    assert continuous.lengths(run) == []
    assert "not reached" in continuous.table([])
    assert len(figure_of(run, [], 0.45).axes) == 3


def test_an_interrupted_rollout_ends_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(agent: object, env: object, steps: int, **options: object) -> Trajectory:
        return rollout(agent, env, steps - 1, progress=False)  # type: ignore[arg-type]

    monkeypatch.setattr(continuous, "rollout", interrupted)
    with pytest.raises(KeyboardInterrupt):
        continuous.run(tmp_path, actions=3, progress=False)
    assert list(tmp_path.iterdir()) == []
