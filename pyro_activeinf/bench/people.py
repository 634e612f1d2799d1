"""Which model of behavior people are: an agent, learners from rewards, and rules of thumb.

``python -m pyro_activeinf.bench.people choices.txt --output docs/results`` writes ``people.json``
and ``people.png``.

The choices are a table, separated by tabs, with the columns ``subjID``, ``trial``, ``choice`` and
``outcome`` (1 for a reward, -1 for a loss) of a reversal learning task, as that of Ahn, Haines and
Zhang (2017), "Revealing neurocomputational mechanisms of reinforcement learning and
decision-making with the hBayesDM package", Computational Psychiatry 1. Each model is fitted
hierarchically by NUTS; leave-one-out densities say how well it foretells a choice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .. import behavior, models
from ..agents import Agent
from ..behavior import BehaviorFit, ChoiceModel, Choices, Comparison, Hierarchical
from ..behavior.peers import RandomChoice, RescorlaWagner, WinStayLoseShift
from ..demo.files import writable_folder, write
from ..planning import OpenLoop

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

AGENT, PEER = "active inference", "Rescorla-Wagner"
Values = Mapping[str, Tensor]


def read(frame: DataFrame) -> Choices:
    """Choices of a table with the columns of the module's text."""
    table = frame.assign(outcome=(frame["outcome"] > 0).astype(int))
    return behavior.from_dataframe(
        table, subject="subjID", trial="trial", action="choice", observation=["outcome"]
    )


def _believer() -> None:
    pyro.sample("hazard", dist.Beta(1.5, 8.0))
    pyro.sample("trust", dist.Beta(6.0, 2.0))
    pyro.sample("preference", dist.LogNormal(1.0, 0.8))


def _agent(values: Values) -> Agent:
    good = 0.5 + values["trust"] / 2
    model = models.ReversalLearning(good, 1 - good, values["hazard"], values["preference"])
    return Agent(model, planner=OpenLoop(1, precision=1.0), action_precision=1.0)


def _learner() -> None:
    pyro.sample("rate", dist.Beta(1.5, 1.5))
    pyro.sample("temperature", dist.LogNormal(0.5, 0.8))


def _two_rates() -> None:
    _learner()
    pyro.sample("loss_rate", dist.Beta(1.5, 1.5))


def _follower(values: Values) -> RescorlaWagner:
    return RescorlaWagner(
        values["rate"], values["temperature"], values.get("loss_rate"), utilities=(-1.0, 1.0)
    )


def _rule() -> None:
    pyro.sample("stay", dist.Beta(2.0, 1.0))
    pyro.sample("shift", dist.Beta(1.0, 1.0))


def _by_rule(values: Values) -> WinStayLoseShift:
    return WinStayLoseShift(values["stay"], values["shift"])


def _side() -> None:
    pyro.sample("side", dist.Normal(0.0, 1.0))


def _at_random(values: Values) -> RandomChoice:
    return RandomChoice(torch.stack([0 * values["side"], values["side"]]))


MODELS: Mapping[str, tuple[Callable[[], None], Callable[[Values], Any]]] = {
    AGENT: (_believer, _agent),
    PEER: (_learner, _follower),
    "two rates": (_two_rates, _follower),
    "win-stay lose-shift": (_rule, _by_rule),
    "random": (_side, _at_random),
}


def fitted(name: str, choices: Choices, engine: behavior.Engine, steps: int = 400) -> BehaviorFit:
    """A hierarchical fit of one of the models; a quick approximation tells where to start."""
    model = ChoiceModel(*MODELS[name], Hierarchical())
    quick = behavior.Variational(steps=steps, draws=400, stop=None)
    start = behavior.fit(model, choices, quick)
    return behavior.fit(model, choices, engine, start=start)


def to_json(fits: Mapping[str, BehaviorFit], found: Comparison) -> dict[str, Any]:
    """What was found of each model, and of the agent beside its peer."""
    gap, error = found.difference(AGENT, PEER)
    by_model = {
        name: {
            **found.table.loc[name].to_dict(),
            "r_hat": fit.quality.worst_r_hat,
            "ess": fit.quality.least_ess,
            "divergences": fit.quality.divergences,
            "typical": {
                key: [float(value.mean()), float(value.std())]
                for key, value in fit.group.items()
                if key.endswith("_typical")
            },
        }
        for name, fit in fits.items()
    }
    beside = {"difference": gap, "standard_error": error}
    return {"models": by_model, f"{AGENT} less {PEER}": beside, "advice": found.advice}


def figure(found: Comparison) -> Figure:
    """Leave-one-out densities, with standard errors of the difference from the best."""
    from matplotlib.figure import Figure

    table = found.table[::-1]
    page = Figure(figsize=(6.0, 0.4 * len(table) + 1.0), layout="constrained")
    axes = page.subplots()
    axes.errorbar(table["elpd_diff"], table.index, xerr=table["dse"], fmt="o", color="#0072B2")
    axes.axvline(0, color="0.7", linewidth=1)
    axes.set_xlabel("leave-one-out density less that of the best model (nats)")
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit all models and compare them; see the module."""
    import pandas as pd

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choices", type=Path, help="the table")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--draws", type=int, default=1000, help="of each of four chains")
    parser.add_argument("--warmup", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=[*MODELS], default=[*MODELS])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    folder = writable_folder(options.output)
    choices = read(pd.read_csv(options.choices, sep="\t"))
    engine = behavior.NUTS(draws=options.draws, warmup=options.warmup)
    begun = time.perf_counter()
    fits = {}
    for name in options.only:
        pyro.set_rng_seed(options.seed)
        fits[name] = fitted(name, choices, engine)
    found = behavior.compare(fits)
    numbers = {
        **to_json(fits, found),
        "subjects": choices.num_subjects,
        "choices": int(choices.counted.sum()),
        "seconds": time.perf_counter() - begun,
        "settings": {"draws": options.draws, "warmup": options.warmup, "seed": options.seed},
    }
    text = json.dumps(numbers, indent=1) + "\n"
    write(folder / "people.json", lambda path: path.write_text(text))
    write(folder / "people.png", partial(figure(found).savefig, dpi=150))


if __name__ == "__main__":
    main()
