"""Reading, level over level and flat: one and the same inference."""

import gymnasium as gym
import pyro
import pytest
import torch

from pyro_activeinf import Belief, HierarchicalAgent, rollout
from pyro_activeinf.agents import Highest, Level
from pyro_activeinf.envs import reading as world
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import ReadingFlat, ReadingPage, ReadingSentence, reading
from pyro_activeinf.planning import OpenLoop


def known(belief: Belief) -> torch.Tensor:
    return belief.marginals["word"].probs.amax(-1) > 0.95


def reader() -> HierarchicalAgent:
    page = Level(ReadingPage(), OpenLoop(1), steps_per_update=5, until=known)
    return HierarchicalAgent([page, Level(ReadingSentence(), OpenLoop(1))], Highest())


def test_words_and_sentences_are_those_of_the_world() -> None:
    names = list(world.WORDS)
    assert tuple(world.WORDS.values()) == reading.WORDS
    assert world.FLIPS == reading.FLIPS
    numbered = tuple(tuple(names.index(word) for word in words) for words in world.SENTENCES)
    assert numbered == reading.SENTENCES


def test_the_hierarchy_believes_what_the_flat_model_does() -> None:
    pyro.set_rng_seed(0)
    agent, flat = reader(), ExactFilter(ReadingFlat())
    env = gym.make("pyro_activeinf/Reading-v0")
    observation, _ = env.reset(seed=1)
    expected = flat.initial()
    for _ in range(8):
        belief = agent.perceive(observation)
        expected = flat.update(expected, observation)
        for name, site in (("level2/sentence", "sentence"), ("level1/flip", "flip")):
            torch.testing.assert_close(
                belief.marginals[name].probs, expected.marginals[site].probs, atol=1e-10, rtol=0.0
            )
        assert float(belief.free_energy) == pytest.approx(float(expected.free_energy), abs=1e-10)
        action = agent.act()
        expected = flat.predict(expected, action)
        observation, _, over, *_ = env.step(int(action))
        if over:
            break


def test_levels_save_fixations() -> None:
    pyro.set_rng_seed(0)
    env = gym.make_vec("pyro_activeinf/Reading-v0", num_envs=20)
    found = rollout(reader(), env, episodes=20, progress=False, keep_policies=False)
    looks = ((found.actions >= 0) & (found.actions < reading.LOOKS)).sum(-1)
    assert bool((found.rewards.nan_to_num(0.0).sum(-1) == 1.0).all())
    assert float(looks.double().mean()) < 7.0
