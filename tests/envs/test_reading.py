"""The world of reading."""

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs.reading import FLIPS, SENTENCES, WORDS, Reading


def test_it_is_a_gymnasium_world() -> None:
    check_env(gym.make("pyro_activeinf/Reading-v0").unwrapped)


@pytest.mark.parametrize("sentence", range(6))
@pytest.mark.parametrize("flip", range(4))
def test_pictures_are_those_of_the_word_on_the_page(sentence: int, flip: int) -> None:
    env = Reading()
    observation, info = env.reset(seed=0, options={"sentence": sentence, "flip": flip})
    assert observation == {"picture": 0, "place": 0, "page": 0, "feedback": 0}
    assert info == {"sentence": sentence, "looks": 0}
    word = WORDS[SENTENCES[sentence][0]]
    for place in range(4):
        observation, *_, info = env.step(place)
        assert observation["picture"] == word[FLIPS[flip][place]]
    assert info["looks"] == 4


def test_a_page_is_opened_in_its_center_and_in_any_flip() -> None:
    env, seen = Reading(limit=500), set()
    env.reset(seed=0, options={"sentence": 0})
    for _ in range(40):
        observation, *_ = env.step(4)
        assert (observation["page"], observation["place"], observation["picture"]) == (0, 0, 0)
        seen.add(tuple(env.step(place)[0]["picture"] for place in range(4)))
    assert len(seen) == 4


def test_a_report_ends_the_trial() -> None:
    env = Reading()
    for sentence, reward in ((2, 1.0), (3, -1.0)):
        env.reset(seed=0, options={"sentence": 2})
        observation, got, terminated, truncated, _ = env.step(8 + sentence)
        assert (got, terminated, truncated) == (reward, True, False)
        assert observation["feedback"] == (1 if reward > 0 else 2)
        with pytest.raises(gym.error.ResetNeeded, match="with the report"):
            env.step(0)


def test_a_trial_without_a_report_is_cut_off() -> None:
    env = Reading(limit=2)
    env.reset(seed=0)
    assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)


@pytest.mark.parametrize("bad", [{"options": {"sentence": 6}}, {"options": {"word": 1}}])
def test_options_that_are_none_are_refused(bad: dict[str, dict[str, int]]) -> None:
    with pytest.raises(ValueError, match="options"):
        Reading().reset(**bad)
