"""What every estimator of expected free energy does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, auto

from ..filters.prediction import Estimate, Prediction


class States(Enum):
    """How an estimator wants the states of a belief, where there is a choice."""

    DRAWN = auto()  # independent draws
    LISTED = auto()  # all of them, with their probabilities
    MATCHED = auto()  # points that have the belief's mean and covariance


class Estimator(ABC):
    """A rule from one predicted step to its expected free energy, in nats."""

    states: States

    @abstractmethod
    def __call__(self, prediction: Prediction) -> Estimate:
        """Terms ``(*batch)``, each with its standard error where it is noisy."""

    @abstractmethod
    def numbers(self, particles: int) -> int:
        """About how many numbers it holds at a time for one prediction: what scores are chunked by.

        Args:
            particles: of the prediction.
        """
