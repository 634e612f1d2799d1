"""Trajectories as ArviZ data, in memory and in netCDF."""

from __future__ import annotations

import importlib.metadata
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz
import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch
import xarray

from pyro_activeinf import Agent, Trajectory, rollout, to_arviz
from pyro_activeinf.learning import TrainingRun
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.store.groups import data_tree, groups, held, inference_data
from tests.plots.trajectories import made

GROUPS = [
    "posterior",
    "observed_data",
    "beliefs",
    "free_energy",
    "expected_free_energy",
    "policies",
]


OLD = arviz.__version__.startswith("0.")


def names(data: Any) -> list[str]:
    """Names of the groups, in order."""
    return sorted(data.groups() if OLD else data.children)


def plain(group: Any) -> xarray.Dataset:
    """A group of ArviZ 0.x or 1.x as a data set."""
    return group if isinstance(group, xarray.Dataset) else group.to_dataset()


def lived(episodes: int = 2) -> Trajectory:
    agent = Agent(TMaze(), planner=OpenLoop(2))
    env = gym.make("pyro_activeinf/TMaze-v0")
    return rollout(agent, env, episodes=episodes, progress=False)


def test_the_groups_are_those_of_the_documentation() -> None:
    data = to_arviz(made())

    assert type(data).__name__ == ("InferenceData" if OLD else "DataTree")
    assert names(data) == sorted(GROUPS)
    for name in GROUPS:
        assert f"``{name}``:" in (to_arviz.__doc__ or "")


@pytest.mark.parametrize("group", GROUPS)
def test_time_says_episode_and_step(group: str) -> None:
    run = made((4, 3))
    data = to_arviz(run)[group]

    assert data["time"].values.tolist() == list(range(7))
    assert data["episode"].dims == data["step"].dims == ("time",)
    assert data["episode"].values.tolist() == run.episode.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert data["step"].values.tolist() == run.step.tolist() == [0, 1, 2, 3, 0, 1, 2]


def same(variable: Any, dims: tuple[str, ...], expected: torch.Tensor) -> None:
    assert variable.dims == dims
    assert variable.dtype == expected.numpy().dtype
    np.testing.assert_array_equal(variable.values, expected.numpy())


def test_observed_data_are_observations_actions_and_rewards() -> None:
    run = made()
    data = to_arviz(run)["observed_data"]

    assert set(data.data_vars) == {"sound", "light", "actions", "rewards"}
    same(data["sound"], ("time",), run.observations["sound"])
    same(data["light"], ("time",), run.observations["light"])
    same(data["actions"], ("time",), run.actions)
    same(data["rewards"], ("time",), run.rewards)
    assert -1 in data["light"]
    assert -1 in data["actions"]
    assert np.isnan(data["rewards"].values[-1])


def test_observations_with_event_dims_name_them() -> None:
    run = made((3,))
    picture = torch.rand(3, 2, 5)
    data = to_arviz(replace(run, observations={"picture": picture}))["observed_data"]

    same(data["picture"], ("time", "picture_dim_0", "picture_dim_1"), picture)


def test_beliefs_are_probabilities_over_the_values_of_each_site() -> None:
    run = made()
    data = to_arviz(run)["beliefs"]

    assert set(data.data_vars) == {"place", "mood"}
    same(data["place"], ("time", "place_value"), run.beliefs["place"])
    same(data["mood"], ("time", "mood_value"), run.beliefs["mood"])
    assert data["place_value"].values.tolist() == [0, 1, 2, 3]


def test_free_energy_is_complexity_minus_accuracy_in_nats() -> None:
    run = made()
    data = to_arviz(run)["free_energy"]

    same(data["complexity"], ("time",), run.free_energy.complexity)
    same(data["accuracy"], ("time",), run.free_energy.accuracy)
    np.testing.assert_allclose(data["free_energy"], data["complexity"] - data["accuracy"])
    assert data["site"].values.tolist() == ["sound", "light"]
    same(
        data["accuracy_per_site"].sel(site="light").drop_vars("site"),
        ("time",),
        run.free_energy.per_site["light"],
    )
    assert {variable.attrs["units"] for variable in data.data_vars.values()} == {"nats"}


def test_without_sites_there_is_no_accuracy_of_each() -> None:
    run = made()
    data = to_arviz(replace(run, free_energy=replace(run.free_energy, per_site={})))

    assert set(data["free_energy"].data_vars) == {"free_energy", "complexity", "accuracy"}


@pytest.mark.parametrize(
    "term", ["pragmatic", "epistemic", "novelty", "risk", "ambiguity", "total"]
)
def test_each_term_of_the_plan_is_kept_for_the_whole_and_for_each_site(term: str) -> None:
    run = made(novelty=0.5)
    data = to_arviz(run)["expected_free_energy"]

    same(data[term], ("time",), getattr(run.plan, term))
    per_site = data[f"{term}_per_site"].sel(site="sound").drop_vars("site")
    same(per_site, ("time",), getattr(run.plan.per_site["sound"], term))
    assert data[term].attrs["units"] == "nats"
    assert np.isnan(data[term].values[[3, 6]]).all()


def test_the_terms_of_the_plan_add_up() -> None:
    data = to_arviz(made(novelty=0.5))["expected_free_energy"]

    by_outcomes = data["risk"] + data["ambiguity"] - data["novelty"]
    by_values = -(data["pragmatic"] + data["epistemic"] + data["novelty"])
    np.testing.assert_allclose(data["total"], by_outcomes, atol=1e-12)
    np.testing.assert_allclose(data["total"], by_values, atol=1e-12)


def test_policies_can_be_looked_up_by_their_actions() -> None:
    run = replace(made(), policies=torch.tensor([[0, 0], [3, 1], [3, 2], [1, 1], [2, 0], [0, 3]]))
    data = to_arviz(run)["policies"]

    assert data["policy"].values.tolist() == ["0-0", "3-1", "3-2", "1-1", "2-0", "0-3"]
    one = plain(data).sel(policy="3-1").drop_vars("policy")
    assert run.policy_probs is not None
    assert run.policy_values is not None
    same(one["policy_probs"], ("time",), run.policy_probs[:, 1])
    same(one["expected_free_energy"], ("time",), run.policy_values[:, 1])
    assert one["policy_actions"].values.tolist() == [3, 1]
    assert data["expected_free_energy"].attrs["units"] == "nats"
    same(data["action_probs"], ("time", "action"), run.action_probs)


def test_without_policies_the_action_probabilities_remain() -> None:
    run = made(keep_policies=False)

    assert set(to_arviz(run)["policies"].data_vars) == {"action_probs"}


def test_several_controls_have_a_dim_each() -> None:
    run = made(controls=(3, 2))
    data = to_arviz(run)

    same(data["observed_data"]["actions"], ("time", "control"), run.actions)
    same(data["policies"]["action_probs"], ("time", "action_0", "action_1"), run.action_probs)
    assert data["policies"]["policy_actions"].dims == ("policy", "horizon", "control")
    assert run.policies is not None
    first, second = run.policies[0].tolist()
    name = f"{first[0]},{first[1]}-{second[0]},{second[1]}"
    assert str(data["policies"]["policy"].values[0]) == name


def test_a_batch_of_agents_has_dims_before_time() -> None:
    run = made((4, 3), batch=(2, 5))
    data = to_arviz(run, draws=8)

    batch = ("batch_0", "batch_1", "time")
    same(data["observed_data"]["actions"], batch, run.actions)
    same(data["observed_data"]["rewards"], batch, run.rewards)
    same(data["beliefs"]["place"], (*batch, "place_value"), run.beliefs["place"])
    same(data["free_energy"]["accuracy"], batch, run.free_energy.accuracy)
    same(data["expected_free_energy"]["risk"], batch, run.plan.risk)
    same(data["policies"]["action_probs"], (*batch, "action"), run.action_probs)
    assert run.policy_probs is not None
    same(data["policies"]["policy_probs"], (*batch, "policy"), run.policy_probs)
    assert data["policies"]["policy_actions"].dims == ("policy", "horizon")
    assert data["posterior"]["mood"].dims == ("chain", "draw", *batch)
    assert data["posterior"]["mood"].shape == (1, 8, 2, 5, 7)
    assert data["posterior"]["episode"].dims == ("time",)


def test_draws_follow_the_beliefs() -> None:
    run = made((3,), batch=(2,))
    draws = 4000
    sampled = to_arviz(run, draws=draws)["posterior"]["place"].values

    assert sampled.shape == (1, draws, 2, 3)
    frequency = np.stack([(sampled[0] == value).mean(0) for value in range(4)], -1)
    expected = run.beliefs["place"].numpy()
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(frequency - expected) < 4.5 * error).all()


def test_a_certain_belief_gives_the_same_draw_again_and_again() -> None:
    run = made((3,))
    certain = replace(run, beliefs={"place": torch.eye(4)[[2, 0, 3]]})

    sampled = to_arviz(certain)["posterior"]["place"].values
    assert sampled.shape == (1, 100, 3)
    assert np.unique(sampled, axis=1).tolist() == [[[2, 0, 3]]]
    assert sampled.dtype == np.int64


def test_beliefs_in_float32_need_not_add_up_to_the_last_digit() -> None:
    run = made((3,))
    rough = torch.full((3, 3), 0.333333, dtype=torch.float32)

    data = to_arviz(replace(run, beliefs={"place": rough}))
    assert data["beliefs"]["place"].dtype == np.float32
    assert data["posterior"]["place"].shape == (1, 100, 3)


def test_draws_follow_the_seed() -> None:
    run = made()
    found = []
    for seed in (1, 1, 2):
        pyro.set_rng_seed(seed)
        found.append(to_arviz(run)["posterior"])

    assert found[0].identical(found[1])
    assert not found[0].identical(found[2])


def test_tensors_with_a_gradient_are_exported_without_it() -> None:
    run = made()
    probs = run.beliefs["place"].clone().requires_grad_()

    data = to_arviz(replace(run, beliefs={"place": probs}))
    np.testing.assert_array_equal(data["beliefs"]["place"], probs.detach())


def test_data_name_the_library_and_no_time() -> None:
    data = to_arviz(made())

    expected = {
        "inference_library": "pyro_activeinf",
        "inference_library_version": importlib.metadata.version("pyro-activeinf"),
    }
    assert data.attrs == expected
    for group in GROUPS:
        assert data[group].attrs == expected


@pytest.mark.parametrize(
    "kind",
    [{}, {"batch": (2,)}, {"controls": (3, 2)}, {"keep_policies": False}],
    ids=["one agent", "batch", "controls", "no policies"],
)
def test_netcdf_brings_everything_back(kind: dict[str, Any], tmp_path: Path) -> None:
    data = to_arviz(made(**kind))
    path = tmp_path / "trajectory.nc"
    data.to_netcdf(str(path))
    with_again = arviz.from_netcdf(str(path))

    assert names(with_again) == names(data)
    assert with_again.attrs == data.attrs
    for group in GROUPS:
        before, after = plain(data[group]), plain(with_again[group].load())
        assert after.identical(before), group
        for name in before.variables:
            assert after[name].dtype == before[name].dtype, (group, name)


def test_netcdf_of_a_life_in_the_maze(tmp_path: Path) -> None:
    run = lived()
    path = tmp_path / "trajectory.nc"
    to_arviz(run).to_netcdf(str(path))
    data = arviz.from_netcdf(str(path))

    assert data["observed_data"]["actions"].values.tolist() == run.actions.tolist()
    assert data["observed_data"]["actions"].values[2] == -1
    assert np.isnan(data["policies"]["policy_probs"].values[2]).all()
    assert data["policies"]["policy"].values.tolist()[0] == "0-0"
    first = data["beliefs"]["context"].sel(time=0)
    np.testing.assert_allclose(first, [0.5, 0.5], atol=1e-12)


def test_a_summary_of_arviz_runs_on_the_posterior(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="arviz")  # which says that one chain has no r_hat
    data = to_arviz(made((3,)))
    summary = arviz.summary(data, round_to="none")

    assert list(summary.index) == [f"{site}[{t}]" for site in ("place", "mood") for t in range(3)]
    expected = data["posterior"]["place"].mean(("chain", "draw")).values
    np.testing.assert_allclose(summary["mean"].values[:3], expected)


def test_statistics_of_arviz_run_where_beliefs_are_certain() -> None:
    summary = arviz.summary(to_arviz(lived(1)), kind="stats", var_names=["location"])

    assert summary["sd"].tolist() == [0.0, 0.0, 0.0]


def test_the_newer_arviz_gets_a_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(arviz, "__version__", "1.3.0")
    pyro.set_rng_seed(0)
    tree = to_arviz(made())

    assert isinstance(tree, xarray.DataTree)
    assert list(tree.children) == GROUPS
    path = tmp_path / "trajectory.nc"
    tree.to_netcdf(path, engine="h5netcdf")
    with xarray.open_datatree(path, engine="h5netcdf") as again:
        assert again.identical(tree)


def test_both_containers_hold_the_same() -> None:
    found = groups(made(), 10)
    tree, data = data_tree(found), inference_data(found) if OLD else held(found)

    assert tree.attrs == data.attrs
    for group in GROUPS:
        assert tree[group].to_dataset().identical(plain(data[group]))


def test_a_slash_in_a_name_becomes_a_dot(tmp_path: Path) -> None:
    run = made()
    moved = replace(
        run,
        observations={"level1/sound": run.observations["sound"]},
        beliefs={"level1/place": run.beliefs["place"]},
    )
    data = to_arviz(moved)
    data.to_netcdf(str(tmp_path / "trajectory.nc"))

    same(data["observed_data"]["level1.sound"], ("time",), run.observations["sound"])
    dims = ("time", "level1.place_value")
    same(data["beliefs"]["level1.place"], dims, run.beliefs["place"])
    again = arviz.from_netcdf(str(tmp_path / "trajectory.nc"))
    assert again["posterior"].load().identical(data["posterior"])


@pytest.mark.parametrize("name", ["actions", "rewards", "time", "episode", "step", "chain", "draw"])
@pytest.mark.parametrize("field", ["observations", "beliefs"])
def test_names_that_the_record_uses_are_refused(field: str, name: str) -> None:
    run = made()
    taken = next(iter(getattr(run, field).values()))

    with pytest.raises(ValueError, match=rf"`source`: expected sites with .*got \['{name}'\]"):
        to_arviz(replace(run, **{field: {name: taken}}))


@pytest.mark.parametrize("draws", [0, -1, 2.5, True])
def test_draws_are_counted(draws: Any) -> None:
    with pytest.raises(ValueError, match="`draws`: expected an integer of at least 1"):
        to_arviz(made(), draws=draws)


def test_what_cannot_be_exported_is_told_what_can() -> None:
    with pytest.raises(TypeError, match=r"`source`: expected one of \[.*'Trajectory'.*got dict"):
        to_arviz({"posterior": 1})


def learned() -> TrainingRun:
    steps = torch.arange(5.0)
    at = torch.tensor([0, 4])
    return TrainingRun(9 - steps, steps + 0.5, 0.1 * steps, at, steps[at], steps[at] - 9)


def test_a_run_of_learning_has_its_steps(tmp_path: Path) -> None:
    data = to_arviz(learned())
    data.to_netcdf(str(tmp_path / "run.nc"))
    data = arviz.from_netcdf(str(tmp_path / "run.nc"))
    same(data["training"]["free_energy"], ("step",), learned().losses)
    same(data["training"]["gradient_norm"], ("step",), learned().gradient_norms)
    same(data["training"]["seconds"], ("step",), learned().seconds)
    assert data["training"].attrs["ending"] == "all steps"
    same(data["free_energy"]["complexity"], ("step",), learned().complexity)
    same(data["free_energy"]["accuracy"], ("step",), learned().accuracy)
    assert data["free_energy"]["step"].values.tolist() == [0, 4]
    assert data["free_energy"]["accuracy"].attrs["units"] == "nats"
