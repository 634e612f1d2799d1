"""What may happen at a level in the course of one step of the level above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops
from ..compile import control_sizes
from ..filters import ExactFilter, JointBelief
from ..filters.exact_context import ExactContext
from .choosing import sharpened
from .level import Level

NEVER = 1e-12  # how probable a first state is held to be that ``initial`` rules out


@dataclass(frozen=True)
class Courses:
    """Courses of events below, side by side, ``(n)``."""

    log_joint: Tensor  # (n, values, states): log p(o_{0:t}, s_t | c), without the choices
    log_choice: Tensor  # (n): log-probability of all actions that were chosen

    def taken(self, index: Tensor) -> Courses:
        """Some of them."""
        return Courses(self.log_joint[index], self.log_choice[index])


class Course:
    """One step of the level above, as the level below goes through it."""

    def __init__(self, level: Level, context: ExactContext, filter: ExactFilter) -> None:
        self.level, self.context, self.filter = level, context, filter
        self.begin = context.start()
        mask = (self.begin > -math.inf).to(self.begin)
        prior = mask @ filter.initial().probs
        self.log_prior = (prior + NEVER).log()  # (values): as initial says
        self.values = len(self.begin)
        self.outcomes = ops.log(filter.joint_likelihood)  # (states, outcomes)

    def begun(self, count: int) -> Courses:
        """So many courses before anything was seen."""
        joint = self.begin.expand(count, *self.begin.shape)
        return Courses(joint, joint.new_zeros(count))

    def seen(self, courses: Courses, outcome: Tensor) -> Courses:
        """After an outcome of each of them, ``(n)``."""
        log_joint = courses.log_joint + self.outcomes.mT[outcome].unsqueeze(1)
        return Courses(log_joint, courses.log_choice)

    def belief(self, courses: Courses, tick: int) -> JointBelief:
        """What the level believes, which has seen them."""
        return self.context.belief(courses.log_joint, self.log_prior, tick)

    def over(self, courses: Courses, tick: int) -> Tensor:
        """Whether each of them has come to its end, ``(n)``."""
        ticks = torch.full((len(courses.log_choice),), tick + 1)
        return self.level.over(ticks, self.belief(courses, tick)).expand(len(ticks))

    def choices(self, courses: Courses, tick: int) -> Tensor:
        """Log-probabilities of the next actions, ``(n, actions)``."""
        if self.filter.actions is None:
            return torch.zeros_like(courses.log_choice).unsqueeze(-1)
        plan = self.level.planner(self.filter, self.belief(courses, tick))
        return ops.log(sharpened(plan, self.level.action_precision).flatten(1))

    def moved(self, courses: Courses, action: Tensor, log_probs: Tensor) -> Courses:
        """After actions ``(n)``, as positions in the flattened space."""
        sizes = control_sizes(self.filter.actions) if self.filter.actions is not None else ()
        taken = torch.stack(ops.unravel(action, sizes), -1) if len(sizes) > 1 else action
        moved = self.context.move(courses.log_joint, taken if sizes else None)
        return Courses(moved, courses.log_choice + log_probs)

    def worth(self, courses: Courses, tick: int) -> Tensor:
        """Expected log-preference of what is to be seen, ``(n, values)``, times its chance."""
        value, forbidden = self.filter.worth(tick)
        value = torch.where(forbidden > 0, -math.inf, value)
        log_joint = courses.log_joint + courses.log_choice[:, None, None]
        return ops.exp_dot(log_joint, value.to(log_joint))
