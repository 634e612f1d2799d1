"""The world of reading along a line."""

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs.reading_line import LETTERS, TEXTS, ReadingLine


def test_it_is_a_gymnasium_world() -> None:
    check_env(gym.make("pyro_activeinf/ReadingLine-v0").unwrapped)


@pytest.mark.parametrize("text", range(8))
def test_letters_are_those_of_the_word_that_is_read(text: int) -> None:
    env = ReadingLine()
    observation, info = env.reset(seed=0, options={"text": text})
    assert info == {"text": text}
    for line, word in enumerate(TEXTS[text]):
        observation, *_ = env.step(1 + line)
        seen = [observation["letter"]]
        for place in (1, 2, 3, 3):  # at the end one stays
            observation, *_ = env.step(0)
            assert (observation["page"], observation["position"]) == (line, place)
            seen.append(observation["letter"])
        assert "".join(LETTERS[i] for i in seen) == word + word[-1]


def test_words_begin_alike() -> None:
    assert len({word[:-1] for words in TEXTS for word in words}) == 1


def test_a_report_ends_the_trial() -> None:
    env = ReadingLine()
    for text, reward in ((2, 1.0), (3, -1.0)):
        env.reset(seed=0, options={"text": 2})
        observation, got, terminated, truncated, _ = env.step(5 + text)
        assert (got, terminated, truncated) == (reward, True, False)
        assert observation["feedback"] == (1 if reward > 0 else 2)
        with pytest.raises(gym.error.ResetNeeded, match="with the report"):
            env.step(0)


def test_a_trial_without_a_report_is_cut_off() -> None:
    env = ReadingLine(limit=2)
    env.reset(seed=0)
    assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)


@pytest.mark.parametrize("bad", [{"text": 8}, {"word": 1}])
def test_options_that_are_none_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="options"):
        ReadingLine().reset(options=bad)
