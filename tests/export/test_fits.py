"""Fits of behavior as ArviZ data, with ArviZ 0.x and 1.x."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pytest
import torch

from pyro_activeinf import to_arviz
from pyro_activeinf.behavior import (
    NUTS,
    AdaptiveImportance,
    BehaviorFit,
    ChoiceModel,
    Choices,
    Hierarchical,
    LogNormalTimes,
    Mixture,
    Variational,
    fit,
)
from pyro_activeinf.store.groups import held
from tests.behavior.coin import Coin, coins, program, tosses


def named() -> Choices:
    plain = tosses()
    return Choices(
        plain.actions,
        outcomes={"reward": torch.rand(3, 12), "picture": torch.zeros(3, 12, 2)},
        cues={"light": torch.ones(3, 12, dtype=torch.long)},
        covariates={"age": torch.tensor([20.0, 30.0, 40.0])},
        subjects=("ann", "bob", "cat"),
        labels={"action": ("tails", "heads")},
    )


def fitted(engine: Any = None, population: Any = None) -> BehaviorFit:
    chosen = Variational(steps=20, draws=40) if engine is None else engine
    return fit(coins(population), named(), chosen, progress=False)


def variables(group: Any) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, value.dims)) for name, value in group.data_vars.items()}


def test_groups_variables_and_dims() -> None:
    data = to_arviz(fitted(), draws=7)
    rows = ("subject", "trial")

    assert variables(data["posterior"]) == {"heads": ("chain", "draw", "subject")}
    assert variables(data["prior"]) == variables(data["posterior"])
    assert dict(data["prior"].sizes) == {"chain": 1, "draw": 7, "subject": 3}
    assert variables(data["posterior_predictive"]) == {"choice": ("chain", "draw", *rows)}
    assert variables(data["prior_predictive"]) == {"choice": ("chain", "draw", *rows)}
    assert variables(data["log_likelihood"]) == {"choice": ("chain", "draw", "observation")}
    by_subject = variables(data["log_likelihood_by_subject"])
    assert by_subject == {"choice": ("chain", "draw", "subject")}
    assert variables(data["observed_data"]) == {"choice": rows}
    assert variables(data["constant_data"]) == {
        "present": rows,
        "start": rows,
        "cue_light": rows,
        "outcome_reward": rows,
        "outcome_picture": (*rows, "outcome_picture_dim_0"),
        "covariate_age": ("subject",),
    }


def test_coordinates_are_labels() -> None:
    data = to_arviz(fitted(), draws=2)

    assert data["posterior"]["subject"].values.tolist() == ["ann", "bob", "cat"]
    told = data["log_likelihood"]["choice"]
    assert told["observation_subject"].values.tolist() == ["ann"] * 12 + ["bob"] * 8 + ["cat"] * 12
    assert told["observation_trial"].values.tolist() == [*range(12), *range(8), *range(12)]


def test_log_likelihoods_are_log_probabilities_of_actions() -> None:
    found = fitted()
    data = to_arviz(found, draws=2)
    heads = found.parameters["heads"]
    actions = found.choices.actions
    p = torch.where(actions == 1, heads.unsqueeze(-1), 1 - heads.unsqueeze(-1)).log()
    expected = torch.where(actions >= 0, p, 0.0).sum((-1, -2)).numpy()

    by_choice = data["log_likelihood"]["choice"].sum("observation").values
    by_subject = data["log_likelihood_by_subject"]["choice"].sum("subject").values

    np.testing.assert_allclose(by_choice, expected, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(by_subject, expected, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("group", ["log_likelihood", "log_likelihood_by_subject"])
def test_arviz_leaves_one_out(group: str) -> None:
    data = to_arviz(fitted(Variational(steps=200, draws=400)), draws=2)

    found = loo(held({"posterior": data["posterior"], "log_likelihood": data[group]}))

    assert found.n_data_points == data[group]["choice"].shape[-1]
    assert -40 < total(found) < -10


def test_arviz_takes_a_fit_of_choices_as_it_is_and_one_of_times_by_name() -> None:
    engine = AdaptiveImportance(draws=200, proposals=100, rounds=2)
    choices = Choices(tosses().actions, response_times=torch.rand(3, 12) + 0.1)
    alone = to_arviz(fit(coins(), choices, engine, progress=False), draws=2)
    timed = ChoiceModel(program, lambda p: Coin(p["heads"]), None, as_quick)
    both = to_arviz(fit(timed, choices, engine, progress=False), draws=2)

    assert total(loo(alone)) == total(loo(alone, var_name="choice"))
    count = int(choices.counted.sum())
    for name in ("choice", "response_time"):
        assert loo(both, var_name=name).n_data_points == count


def loo(data: Any, **options: Any) -> Any:
    given: Any = arviz
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return given.loo(data, **options)


def total(found: Any) -> float:
    by_0x = getattr(found, "elpd_loo", None)
    return float(found.elpd if by_0x is None else by_0x)


def test_what_is_foretold_has_the_frequencies_of_the_probabilities() -> None:
    found = fitted(Variational(steps=20, draws=4000))

    drawn = to_arviz(found, draws=2)["posterior_predictive"]["choice"]

    there = found.choices.counted.numpy()
    expected = found.means["heads"].unsqueeze(-1).expand(3, 12).numpy()[there]
    np.testing.assert_allclose(drawn.mean(("chain", "draw")).values[there], expected, atol=0.04)


def test_a_population_and_a_sampler() -> None:
    data = to_arviz(fitted(NUTS(draws=6, warmup=10, chains=2), Hierarchical()), draws=3)

    assert variables(data["posterior"]) == {
        "heads": ("chain", "draw", "subject"),
        "heads_typical": ("chain", "draw"),
        "heads_spread": ("chain", "draw"),
        "heads_z": ("chain", "draw", "subject"),
    }
    assert variables(data["sample_stats"])["diverging"] == ("chain", "draw")
    assert dict(data["posterior"].sizes) == {"chain": 2, "draw": 6, "subject": 3}


def test_types_of_persons_have_a_dim_of_their_own() -> None:
    data = to_arviz(fitted(population=Mixture(2)), draws=3)

    assert variables(data["posterior"])["heads"] == ("chain", "draw", "subject", "type")
    assert data["posterior"]["type"].values.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_it_is_kept_in_files(kind: str, tmp_path: Path) -> None:
    from pyro_activeinf.store import save

    data: Any = to_arviz(fitted(), draws=3)
    path = tmp_path / ("fit.nc" if kind == "netcdf" else "fit.zarr")

    if kind == "netcdf":
        data.to_netcdf(str(path))
        again: Any = arviz.from_netcdf(str(path))
    else:
        save(data, path)
        import xarray

        again = xarray.open_datatree(path, engine="zarr", consolidated=False)

    likelihoods = ("log_likelihood", "log_likelihood_by_subject")
    for group in ("posterior", *likelihoods, "observed_data", "constant_data"):
        for name, value in data[group].data_vars.items():
            np.testing.assert_array_equal(again[group][name].values, value.values)
        subject = "observation_subject" if group == "log_likelihood" else "subject"
        assert list(dict.fromkeys(again[group][subject].values)) == ["ann", "bob", "cat"]


def as_quick(_: Any) -> LogNormalTimes:
    one = torch.tensor(1.0)
    return LogNormalTimes(-one, one, one)


def test_what_is_foretold_is_missing_where_nothing_was_observed() -> None:
    actions = torch.tensor([[0, -1, 1], [1, 1, 0]])
    times = torch.tensor([[0.5, 0.4, torch.nan], [0.6, 0.7, 0.8]])
    choices = Choices(actions, response_times=times)
    engine = AdaptiveImportance(draws=8, proposals=8, rounds=1)
    timed = ChoiceModel(program, lambda p: Coin(p["heads"]), None, as_quick)
    for model, names in ((coins(), {"choice"}), (timed, {"choice", "response_time"})):
        data = to_arviz(fit(model, choices, engine, progress=False), draws=4)
        for group in ("posterior_predictive", "prior_predictive"):
            assert set(data["observed_data"].data_vars) == set(data[group].data_vars) == names
            told = data[group]["choice"].values
            assert ((told == -1) == (actions.numpy() == -1)).all()
    told = data["posterior_predictive"]["response_time"].values
    there = np.array([[True, False, False], [True, True, True]])
    assert (np.isfinite(told) == there).all()
    assert (told[..., there] > 0).all()


def test_times_of_which_a_model_says_nothing_are_constant_data() -> None:
    choices = Choices(torch.tensor([[0, 1, 1]]), response_times=torch.ones(1, 3))
    engine = AdaptiveImportance(draws=8, proposals=8, rounds=1)
    data = to_arviz(fit(coins(), choices, engine, progress=False), draws=4)
    assert set(data["observed_data"].data_vars) == {"choice"}
    assert variables(data["constant_data"])["response_time"] == ("subject", "trial")
