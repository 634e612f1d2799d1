"""Adaptation of the step size and the metric of a chain while it warms up."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class DualAveraging:
    r"""A step size whose mean acceptance comes to a target.

    .. math:: \log \epsilon_{t+1} = \mu - \frac{\sqrt t}{\gamma} \bar H_t, \qquad
        \bar H_t = (1 - \tfrac{1}{t + t_0}) \bar H_{t-1} + \tfrac{1}{t + t_0} (\delta - \alpha_t)

    Reference: Hoffman and Gelman (2014), "The No-U-Turn sampler", JMLR, section 3.2.
    """

    step: float
    target: float = 0.8
    count: int = 0  # steps seen
    lack: float = 0.0  # H-bar
    mean: float = 0.0  # of log epsilon
    center: float = math.nan  # mu; ten times the first step where it is not given

    def __post_init__(self) -> None:
        if math.isnan(self.center):
            self.center = math.log(10.0 * self.step)

    def update(self, accept: float) -> None:
        """Take account of a mean acceptance."""
        self.count += 1
        rate = 1.0 / (self.count + 10.0)
        self.lack = (1.0 - rate) * self.lack + rate * (self.target - accept)
        log_step = self.center - math.sqrt(self.count) / 0.05 * self.lack
        weight = self.count**-0.75
        self.mean = weight * log_step + (1.0 - weight) * self.mean
        self.step = math.exp(log_step)

    @property
    def final(self) -> float:
        """The step to go on with."""
        return math.exp(self.mean) if self.count else self.step


def windows(warmup: int) -> tuple[int, list[int]]:
    """Steps before the first window, and at which step each window of the metric ends.

    As in Stan: 75 steps before, windows from 25 on that double, 50 steps after; in proportion
    where the warm-up is short.

    Example:
        >>> windows(1000)
        (75, [100, 150, 250, 450, 950])
        >>> windows(100)
        (15, [90])
    """
    if warmup < 20:
        return warmup, []
    before, size, after = 75, 25, 50
    if before + size + after > warmup:
        before, after = int(0.15 * warmup), int(0.1 * warmup)
        size = warmup - before - after
    ends, end = [], before
    while end < warmup - after:
        end += size
        size *= 2
        if end + size > warmup - after:
            end = warmup - after
        ends.append(end)
    return before, ends
