"""Reading along a line, level over level and flat: one and the same inference."""

import gymnasium as gym
import pyro
import pytest
import torch

from pyro_activeinf.bench.reading import line
from pyro_activeinf.envs import reading_line as world
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import LineFlat, reading_line


def test_words_and_texts_are_those_of_the_world() -> None:
    spelled = tuple(tuple(world.LETTERS.index(x) for x in word) for word in world.WORDS)
    assert spelled == reading_line.SPELLED
    numbered = tuple(tuple(world.WORDS.index(word) for word in words) for words in world.TEXTS)
    assert numbered == reading_line.LINES


@pytest.mark.parametrize("horizon", [1, 2])
def test_the_hierarchy_believes_what_the_flat_model_does(horizon: int) -> None:
    pyro.set_rng_seed(0)
    agent, flat = line(horizon), ExactFilter(LineFlat())
    env = gym.make("pyro_activeinf/ReadingLine-v0")
    observation, _ = env.reset(seed=1)
    expected, over = flat.initial(), False
    for _ in range(30):
        belief = agent.perceive(observation)
        expected = flat.update(expected, observation)
        for name, site in (("level2/text", "text"), ("level1/place", "place")):
            torch.testing.assert_close(
                belief.marginals[name].probs, expected.marginals[site].probs, atol=1e-6, rtol=0.0
            )
        assert float(belief.free_energy) == pytest.approx(float(expected.free_energy), abs=1e-5)
        if over:
            break
        action = agent.act()
        expected = flat.predict(expected, action)
        observation, reward, over, *_ = env.step(int(action))
    assert reward == 1.0
