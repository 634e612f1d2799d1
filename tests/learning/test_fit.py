"""Runs: what is learned, recorded, saved, refused, and survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, RenyiELBO, Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal, AutoNormal
from torch import Tensor

import pyro_activeinf as aif
from pyro_activeinf import checkpoint
from pyro_activeinf.learning import LearningRate, Plateau, RobbinsMonro, TrainingRun, fit
from pyro_activeinf.learning.annealing import Linear

from . import killed
from .programs import (
    Regression,
    Weights,
    line,
    parameters,
    same,
    saved_at,
    stored_guide,
    stored_model,
    uncompiled,
)

ROOT = Path(__file__).parents[2]
quiet = partial(fit, progress=False)


def test_steps_are_those_of_svi_to_the_last_bit() -> None:
    guide = AutoMultivariateNormal(stored_model, init_scale=0.1)
    run = quiet(stored_model, guide, line(), loss=Trace_ELBO(), steps=10, seed=3)
    pyro.clear_param_store()
    pyro.set_rng_seed(3)
    guide = AutoMultivariateNormal(stored_model, init_scale=0.1)
    svi = SVI(stored_model, guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
    assert run.losses.tolist() == pytest.approx([svi.step(*line()) for _ in range(10)], abs=1e-9)


def test_a_conjugate_posterior_and_its_evidence_are_found() -> None:
    x, y = line(rows=40)

    def model(x: Tensor, y: Tensor) -> None:
        weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(x @ weights, 0.5), obs=y)

    guide = AutoMultivariateNormal(model, init_scale=0.1)
    decay = LearningRate(Linear(400, start=1.0, stop=0.01))
    adam = partial(torch.optim.Adam, lr=0.06)
    quiet(model, guide, (x, y), optimizer=adam, learning_rate=decay, steps=400, seed=0)
    precision = torch.eye(3) + x.T @ x / 0.25
    mean = torch.linalg.solve(precision, x.T @ y / 0.25)
    found = guide.get_posterior()
    assert torch.allclose(found.mean, mean, atol=0.02)
    assert torch.allclose(found.covariance_matrix, precision.inverse(), atol=1e-3)
    evidence = dist.MultivariateNormal(torch.zeros(40), x @ x.T + 0.25 * torch.eye(40)).log_prob(y)
    losses = torch.tensor([Trace_ELBO().loss(model, guide, x, y) for _ in range(20)])
    assert losses.mean().item() == pytest.approx(-evidence.item(), abs=0.05)


def test_minibatches_lead_where_all_data_lead() -> None:
    losses = []
    for size in (None, 4):
        model, guide = Regression(), Weights()
        adam = partial(torch.optim.Adam, lr=0.05)
        run = quiet(model, guide, line(), optimizer=adam, steps=250, batch_size=size, seed=1)
        losses.append(run.losses[-80:].mean().item())
    assert losses[1] == pytest.approx(losses[0], abs=1.0)


def test_complexity_and_accuracy_are_those_of_the_loss() -> None:
    run = quiet(Regression(), Weights(), line(), steps=25, read_every=10, batch_size=5, seed=0)
    assert run.evaluated.tolist() == [0, 10, 20, 24]
    assert torch.allclose(run.complexity - run.accuracy, run.losses[run.evaluated], atol=1e-9)


def test_reading_terms_off_changes_nothing() -> None:
    runs = [
        quiet(Regression(), Weights(), line(), steps=20, read_every=every, seed=0, batch_size=5)
        for every in (1, 20)
    ]
    assert torch.equal(runs[0].losses, runs[1].losses)


def test_a_loss_without_terms_has_a_record_without_them() -> None:
    run = quiet(Regression(), Weights(), line(), loss=RenyiELBO(num_particles=2), steps=3)
    assert (run.steps, len(run.evaluated), len(run.complexity)) == (3, 0, 0)


def test_the_store_is_left_alone_for_modules() -> None:
    pyro.param("mine", torch.ones(2))
    quiet(Regression(), AutoNormal(Regression()), line(), steps=2, batch_size=4)
    assert list(pyro.get_param_store().keys()) == ["mine"]
    assert not pyro.settings.get("module_local_params")


def test_two_guides_of_one_model_learn_apart() -> None:
    model, first, second = Regression(), Weights(), Weights()
    quiet(model, first, line(), steps=5)
    before = parameters(first)
    quiet(model, second, line(), steps=5)
    assert same(before, parameters(first))


def test_gradients_are_clipped_and_their_norms_recorded() -> None:
    guides = Weights(), Weights()
    sgd = partial(torch.optim.SGD, lr=1.0)
    run = quiet(Regression(), guides[0], line(), optimizer=sgd, steps=1, clip_norm=0.01)
    assert run.gradient_norms.item() > 1.0
    assert torch.allclose(guides[0].loc, guides[1].loc, atol=0.0101)


def test_epochs_are_passes_over_the_rows() -> None:
    assert quiet(Regression(), Weights(), line(), epochs=3, batch_size=5).steps == 6
    assert quiet(Regression(), Weights(), line(), epochs=3).steps == 3


def test_an_early_stop() -> None:
    still = partial(torch.optim.SGD, lr=0.0)
    loss = TraceMeanField_ELBO(num_particles=1)
    stop = Plateau(window=5, tolerance=1e6)
    run = quiet(
        Regression(), Weights(), line(), loss=loss, optimizer=still, early_stop=stop, steps=100
    )
    assert (run.steps, run.ending) == (10, "early stop")


class Walk(aif.GenerativeModel):
    """A noisy walk that is seen through noise; its drift is a parameter."""

    actions = gym.spaces.Box(-1.0, 1.0, (1,))

    def __init__(self) -> None:
        super().__init__()
        self.drift = torch.nn.Parameter(torch.tensor(0.0))

    def initial(self) -> Tensor:
        return pyro.sample("place", dist.Normal(0.0, 1.0))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("place", dist.Normal(state + self.drift + action[..., 0], 0.3))

    def observe(self, state: Tensor) -> None:
        pyro.sample("seen", dist.Normal(state, 0.3))


class Look(aif.guides.RecognitionGuide):
    """Places each state near what is seen."""

    def __init__(self, model: Walk) -> None:
        super().__init__(model)
        self.gain = torch.nn.Parameter(torch.tensor(0.5))

    def recognize(self, previous: Any, action: Any, observation: Any) -> Tensor:
        return pyro.sample("place", dist.Normal(self.gain * observation["seen"], 0.3))


@pytest.mark.parametrize("size", [None, 8])
@pytest.mark.parametrize("compile", [False, uncompiled])
def test_a_generative_model_and_a_recognition_guide(size: int | None, compile: Any) -> None:
    actions = 0.2 * torch.rand(16, 3, 1)
    steps = torch.cat([torch.zeros(16, 1), 0.8 + actions[..., 0]], -1)
    data = {"seen": steps.cumsum(-1) + 0.1 * torch.randn(16, 4)}, actions
    model = Walk()
    guide = Look(model)
    adam = partial(torch.optim.Adam, lr=0.05)
    run = quiet(
        model, guide, data, optimizer=adam, steps=80, batch_size=size, compile=compile, seed=0
    )
    assert run.not_compiled == ""
    assert model.drift.item() == pytest.approx(0.8, abs=0.1)
    assert run.losses[-20:].mean() < run.losses[:20].mean() - 40


@pytest.mark.parametrize("size", [None, 4])
def test_compiled_runs_are_those_as_written(size: int | None) -> None:
    runs = [
        quiet(
            Regression(),
            Weights(),
            line(),
            steps=15,
            batch_size=size,
            compile=way,
            clip_norm=5.0,
            seed=0,
            read_every=5,
        )
        for way in (False, uncompiled)
    ]
    assert (runs[1].not_compiled, runs[1].compile_seconds > 0) == ("", True)
    for name in ("losses", "gradient_norms", "complexity", "accuracy"):
        written, traced = (getattr(run, name) for run in runs)
        assert torch.allclose(written, traced, rtol=1e-12, atol=1e-12)


def test_the_time_to_compile_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    fit(Regression(), Weights(), line(), steps=3, compile=uncompiled)
    assert "fit: compiled in" in capsys.readouterr().out


# Interruptions


def learner(path: Path | None, steps: int = 12, **options: Any) -> TrainingRun:
    return quiet(
        options.pop("model", None) or Regression(),
        options.pop("guide", None) or Weights(),
        line(),
        steps=steps,
        seed=0,
        checkpoint=path,
        **{"checkpoint_every": 4, "batch_size": 5, "read_every": 3} | options,
    )


def test_a_process_that_is_killed_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    whole = killed.run(tmp_path / "whole.pt")
    path = tmp_path / "killed.pt"
    for kill_at in torch.randint(3, 30, (2,)).tolist():
        command = [sys.executable, "-m", "tests.learning.killed", str(path), str(kill_at)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    run = killed.run(path)
    assert run.steps == killed.STEPS
    for name in ("losses", "gradient_norms", "evaluated", "complexity", "accuracy"):
        assert torch.equal(getattr(whole, name), getattr(run, name))
    ends = [saved_at(file)["training"]["parameters"] for file in (tmp_path / "whole.pt", path)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("guide", [Weights, partial(AutoNormal, Regression())])
@pytest.mark.parametrize("compile", [False, uncompiled])
def test_a_run_in_two_parts_is_the_run_in_one(
    tmp_path: Path, guide: Callable[[], Any], compile: Any
) -> None:
    whole = learner(None, guide=guide(), compile=compile)
    learner(tmp_path / "a.pt", steps=7, guide=guide(), compile=compile)
    torch.rand(5)
    second = learner(tmp_path / "a.pt", guide=guide(), compile=compile, resume=True)
    assert torch.equal(whole.losses, second.losses)
    assert (second.seconds.diff() > 0).all()


def test_functions_with_parameters_in_the_store_go_on(tmp_path: Path) -> None:
    pair = {"model": stored_model, "guide": stored_guide}
    with pyro.get_param_store().scope():
        whole = learner(None, **pair)
    with pyro.get_param_store().scope():
        learner(tmp_path / "a.pt", steps=7, **pair)
    assert torch.equal(learner(tmp_path / "a.pt", resume=True, **pair).losses, whole.losses)


def test_going_on_without_a_file_is_starting(tmp_path: Path) -> None:
    assert learner(tmp_path / "a.pt", resume=True).steps == 12


def test_going_on_with_a_finished_run_returns_its_record(tmp_path: Path) -> None:
    first = learner(tmp_path / "a.pt")
    guide = Weights()
    again = learner(tmp_path / "a.pt", guide=guide, resume=True)
    assert torch.equal(first.losses, again.losses)
    assert guide.loc.abs().max() > 0


class Interrupted(Regression):
    """Somebody presses Ctrl-C while it runs for the nth time."""

    def __init__(self, at: int, how: Callable[[], None]) -> None:
        super().__init__()
        self.at, self.how = at, how

    def forward(self, x: Tensor, y: Tensor) -> None:
        self.at -= torch.is_grad_enabled()
        if self.at == 0:
            self.how()
        super().forward(x, y)


def raised() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [partial(signal.raise_signal, signal.SIGINT), raised])
def test_an_interrupt_loses_nothing(tmp_path: Path, how: Callable[[], None]) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    whole = learner(None, read_every=100)
    run = learner(tmp_path / "a.pt", model=Interrupted(9, how), read_every=100)
    assert run.ending == "interrupt"
    assert 4 <= run.steps < 12
    assert torch.equal(run.losses, whole.losses[: run.steps])
    again = learner(tmp_path / "a.pt", resume=True, read_every=100)
    assert torch.equal(again.losses, whole.losses)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


# Files that are of no use here


def refused(path: Path, message: str, **options: Any) -> None:
    model, guide = options.pop("model", Regression()), options.pop("guide", Weights())
    before = parameters(model, guide)
    with pytest.raises(ValueError, match=message):
        learner(path, model=model, guide=guide, resume=True, **options)
    assert same(before, parameters(model, guide))
    assert all(p.grad is None for module in (model, guide) for p in module.parameters())


def test_checkpoints_of_others_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    learner(path)

    class Renamed(Weights):
        def __init__(self) -> None:
            super().__init__()
            self.other = torch.nn.Parameter(torch.zeros(1))

    refused(path, r"as guide.other: float64\[1\], got absent", guide=Renamed())
    refused(path, r"the state of \['SGD'\]", optimizer=partial(torch.optim.SGD, lr=0.1))
    rate = LearningRate(RobbinsMonro())
    refused(path, r"the state of \['Adam', 'LambdaLR'\]", learning_rate=rate)
    refused(path, "a run over data with", batch_size=6)
    refused(path, "a run over data with no batches", batch_size=None)


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    learner(path)
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "a damaged or foreign file")
    torch.save(Weights().state_dict(), path)
    refused(path, "a damaged or foreign file")
    checkpoint.save(path, "agent", {})
    refused(path, "one of a agent")


def test_a_checkpoint_is_read_with_weights_only(tmp_path: Path) -> None:
    learner(tmp_path / "a.pt")
    state = saved_at(tmp_path / "a.pt")
    assert len(state["record"]["losses"]) == 12
    assert os.listdir(tmp_path) == ["a.pt"]  # noqa: PTH208


# Arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`steps, epochs`: expected one of the two, got steps=None, epochs=None"),
        ({"steps": 1, "epochs": 1}, "`steps, epochs`: expected one of the two"),
        ({"steps": 0}, "`steps`"),
        ({"epochs": 0}, "`epochs`"),
        ({"steps": 1, "clip_norm": 0.0}, "`clip_norm`: expected a number above 0"),
        ({"steps": 1, "clip_norm": -1.0}, "`clip_norm`"),
        ({"steps": 1, "batch_size": 100}, "`batch_size`: expected at most 12 rows"),
        ({"steps": 1, "checkpoint_every": 0}, "`checkpoint_every`"),
        ({"steps": 1, "read_every": 0}, "`read_every`"),
        ({"steps": 1, "resume": True}, "`resume`: expected a checkpoint= to go on from"),
    ],
)
def test_wrong_arguments_are_named(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quiet(Regression(), Weights(), line(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.1}, "`learning_rate`: expected a function from an optimizer"),
        ({"learning_rate": lambda _: 5}, "`learning_rate`: .* got one that makes 5"),
        ({"early_stop": 3}, "`early_stop`: expected a function of all losses so far, got 3"),
        ({"compile": "inductor"}, "`compile`: expected True, False, or a compiler of graphs"),
    ],
)
def test_what_is_no_function_is_named(options: Any, message: str) -> None:
    guide = Weights()
    before = parameters(guide)
    with pytest.raises(TypeError, match=message):
        quiet(Regression(), guide, line(), steps=3, **options)
    assert same(parameters(guide), before)


def test_a_folder_is_no_checkpoint_and_that_is_said_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="`checkpoint`: expected a file, got the folder"):
        learner(tmp_path)


def test_a_folder_that_is_not_there_is_named_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`checkpoint`"):
        learner(tmp_path / "none" / "a.pt")
