"""zuko behind the same interface, and nothing of what its import does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pyro_activeinf import flows
from pyro_activeinf.flows.from_zuko import from_zuko
from pyro_activeinf.flows.zuko_kinds import load
from tests.flows.kinds import jacobians

ROOT = Path(__file__).parents[2]
VALIDATION_STAYS = """
import sys
import torch, pyro.distributions as dist
from torch.distributions import Distribution
import pyro_activeinf as aif

assert "zuko" not in sys.modules
before = Distribution._validate_args, Distribution.arg_constraints, dist.Normal._validate_args
flow = aif.flows.NormalizingFlow(2, 2, "zuko_spline_autoregressive")
assert "zuko" in sys.modules
after = Distribution._validate_args, Distribution.arg_constraints, dist.Normal._validate_args
assert before == after
assert isinstance(Distribution.__dict__["arg_constraints"], property)
for normal in (dist.Normal, torch.distributions.Normal):
    try:
        normal(0.0, -1.0)
    except ValueError:
        continue
    raise SystemExit("arguments are no longer validated")
print("validated")
"""
HIDDEN = """
import sys
sys.modules["zuko"] = None
import pyro_activeinf as aif
try:
    aif.flows.NormalizingFlow(2, 2, "zuko_spline_autoregressive")
except ImportError as error:
    print(error)
"""


def run(script: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_argument_validation_stays_on() -> None:
    assert run(VALIDATION_STAYS) == "validated"


def test_where_it_is_not_installed_the_error_says_how_to() -> None:
    found = run(HIDDEN)
    assert found.startswith("`zuko`: expected an installed package, got none.")
    assert 'pip install "pyro-activeinf[zuko]"' in found
    assert "flows.Inverse(flows.SplineAutoregressive())" in found


@pytest.mark.parametrize("context_dim", [0, 2])
def test_a_flow_of_zuko_is_the_same_flow(context_dim: int) -> None:
    theirs = load().flows.NSF(3, context_dim, transforms=3, hidden_features=[32])
    ours = from_zuko(theirs, context_dim)
    context = torch.randn(5, context_dim) if context_dim else None
    ready = ours.condition(context) if context is not None else ours
    x = torch.randn(5, 3)
    expected = theirs(context).log_prob(x)
    torch.testing.assert_close(ready.distribution().log_prob(x), expected)
    torch.testing.assert_close(ready.inverse(x), theirs(context).transform(x))
    torch.testing.assert_close(ready.forward(ready.inverse(x))[0], x)
    assert {id(p) for p in ours.parameters()} == {id(p) for p in theirs.parameters()}
    assert ours.steps(x).points.shape == (4, 5, 3) if context is None else True


def test_log_det_of_a_flow_of_zuko() -> None:
    flow, z = from_zuko(load().flows.MAF(3, hidden_features=[16])), torch.randn(4, 3)
    expected = torch.linalg.slogdet(jacobians(flow, z)).logabsdet
    torch.testing.assert_close(flow(z)[1], expected, rtol=0.0, atol=1e-8)


def test_what_is_no_flow_over_a_standard_normal_is_refused() -> None:
    zuko = load()
    with pytest.raises(TypeError, match=r"`flow`: expected a flow of zuko, got Linear"):
        from_zuko(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"`flow`: expected a flow over a standard normal base"):
        from_zuko(zuko.flows.NCSF(2))


def test_passes_make_a_coupling() -> None:
    flow = flows.NormalizingFlow(4, 1, flows.ZukoAffineAutoregressive(passes=2))
    assert flow.layers[0].transform.passes == 2
