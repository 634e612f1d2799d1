"""A guide to the random parameters of a model: those that are ``PyroSample`` attributes."""

from __future__ import annotations

from typing import Any

import pyro
import torch
from torch import Tensor, nn

from ..models.neural_heads import Member
from ..models.unroll import random_names
from .sites import Quantity, latent, quantity, quiet

START_SCALE = 0.05


class RandomParameters(nn.Module):
    r"""Mean-field guide to parameters that are ``PyroSample`` attributes of a model.

    .. math:: q(\theta) = \prod_i q(\theta_i)

    A Gaussian per number (carried to the support of the parameter), or a probability for each
    value of a discrete one. Which member of an ensemble speaks is left to chance.

    Example:
        >>> from pyro_activeinf.models import Bayesian, Neural
        >>> model = Neural(2, 1, hidden_dims=(8,), uncertainty=Bayesian())
        >>> draws = RandomParameters.of(model).draw(3)
        >>> [(name, tuple(value.shape)) for name, value in draws.items()]
        [('dynamics.weight', (3, 8, 4)), ('dynamics.bias', (3, 4))]
    """

    def __init__(self, priors: dict[str, Any]) -> None:
        super().__init__()
        self.priors = {name: fn for name, fn in priors.items() if isinstance(fn, Member)}
        self.quantities: dict[str, Quantity] = {}
        self.numbers = nn.ParameterList()
        for name, fn in priors.items():
            if name not in self.priors:
                self.quantities[name] = quantity(name, fn)
                start = self.quantities[name].near(fn.sample(), START_SCALE)
                self.numbers.append(nn.Parameter(start.detach().clone()))

    @classmethod
    def of(cls, model: Any) -> RandomParameters | None:
        """The guide to a model's random parameters; ``None`` where it has none."""
        names = random_names(model)
        if not names:
            return None
        found = latent(quiet(model))
        return cls({name: found[name] for name in found if name in names})

    def distributions(self) -> dict[str, Any]:
        """q of each parameter, by the name of its site."""
        learned = zip(self.quantities.items(), self.numbers, strict=True)
        found = {name: kind.distribution(numbers) for (name, kind), numbers in learned}
        return {**self.priors, **found}

    def forward(self) -> dict[str, Tensor]:
        """Sample each of them."""
        return {name: pyro.sample(name, fn) for name, fn in self.distributions().items()}

    def draw(self, n: int) -> dict[str, Tensor]:
        """Site to draws ``(n, *event)``, outside of any trace."""
        with torch.no_grad():
            return {name: fn.sample((n,)) for name, fn in self.distributions().items()}
