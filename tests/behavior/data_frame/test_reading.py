"""Data in long format: against loops over rows, and there and back again."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf.behavior import Choices, from_dataframe, to_dataframe


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Subjects of unequal lengths, with sessions and what is missing; rows in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = [
        {"who": who, "session": session, "trial": trial * 10}
        for who in draw(
            st.lists(st.sampled_from(["ann", "Ben", "cy", "10"]), min_size=1, unique=True)
        )
        for session in range(1, draw(st.integers(1, 2)) + 1)
        for trial in range(1, draw(st.integers(1, 4)) + 1)
    ]
    frame = pd.DataFrame(rows)
    columns = {
        "arm": ["left", "right", None],
        "reward": [1.5, -1.0, np.nan],
        "tone": [0, 3, None],
        "drug": ["on", "off"],
        "seconds": [0.5, np.nan],
    }
    for name, values in columns.items():
        frame[name] = rng.choice(np.array(values, dtype=object), len(frame))
    frame["age"] = frame["who"].map({who: rng.normal() for who in frame["who"].unique()})
    frame = frame.sample(frac=1, random_state=int(rng.integers(1000)))
    return frame.astype({"tone": "Int64", "reward": float, "seconds": float})


NAMES = {
    "subject": "who",
    "session": "session",
    "trial": "trial",
    "action": "arm",
    "observation": ["reward"],
    "cue": {"tone": "sound"},
    "condition": ["drug"],
    "covariates": ["age"],
    "response_time": "seconds",
}


@settings(max_examples=30)
@given(frames())
def test_each_row_is_found_at_its_trial(frame: pd.DataFrame) -> None:
    choices = from_dataframe(frame, **NAMES, actions=["left", "right"])
    assert choices.response_times is not None
    assert choices.subjects == tuple(dict.fromkeys(frame["who"]))
    assert choices.num_trials == frame.groupby("who").size().max()
    for i, who in enumerate(choices.subjects):
        rows = frame[frame["who"] == who].sort_values(["session", "trial"])
        assert choices.present[i].sum() == len(rows)
        assert choices.covariates["age"][i].item() == rows["age"].iloc[0]
        for t, (_, row) in enumerate(rows.iterrows()):
            action = {"left": 0, "right": 1}.get(row["arm"], -1)
            assert choices.actions[i, t].item() == action
            assert same(choices.outcomes["reward"][i, t], row["reward"])
            assert choices.cues["sound"][i, t].item() == (
                -1 if pd.isna(row["tone"]) else row["tone"]
            )
            assert same(choices.response_times[i, t], row["seconds"])
            level = choices.levels["drug"][choices.conditions["drug"][i, t].item()]
            assert level == row["drug"]
            first = t == 0 or row["session"] != rows["session"].iloc[t - 1]
            assert choices.starts[i, t].item() == first
        rest = slice(len(rows), None)
        assert (choices.actions[i, rest] == -1).all()
        assert choices.outcomes["reward"][i, rest].isnan().all()
        assert (choices.cues["sound"][i, rest] == -1).all()
        assert not choices.starts[i, rest].any()


def same(found: torch.Tensor, expected: float) -> bool:
    return found.item() == expected or (bool(found.isnan()) and bool(np.isnan(expected)))


BACK = {
    "subject": "subject",
    "session": "session",
    "trial": "trial",
    "action": "action",
    "observation": ["reward"],
    "cue": ["sound"],
    "condition": ["drug"],
    "covariates": ["age"],
    "response_time": "response_time",
}


@settings(max_examples=30)
@given(frames())
def test_there_and_back_again(frame: pd.DataFrame) -> None:
    choices = from_dataframe(frame, **NAMES)
    written = to_dataframe(choices).sample(frac=1, random_state=0)
    written = written.set_index(pd.Index(written["subject"])).loc[list(choices.subjects)]
    again = from_dataframe(written, **BACK)
    equal(again, choices)


def equal(found: Choices, expected: Choices) -> None:
    for name in ("subjects", "levels"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.labels.get("action") == expected.labels.get("action")
    for name in ("actions", "present", "starts", "response_times"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), equal_nan=True)
    for name in ("outcomes", "cues", "conditions", "covariates"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), equal_nan=True)


def two(**columns: Any) -> pd.DataFrame:
    """Two trials of one subject, whose rows are called p and q."""
    base = {"who": ["a", "a"], "t": [1, 2], "arm": [0, 1]}
    return pd.DataFrame({**base, **columns}, index=["p", "q"])


def read(frame: Any, **names: Any) -> Choices:
    return from_dataframe(frame, **{"subject": "who", "trial": "t", "action": "arm", **names})


@pytest.mark.parametrize(
    ("arms", "actions", "labels"),
    [
        ([0, 1], [0, 1], None),
        ([0, 5], [0, 5], None),
        ([1, 2], [0, 1], (1, 2)),
        ([2.0, np.nan], [0, -1], (2,)),
        ([0.0, np.nan], [0, -1], None),
        (["b", "a"], [1, 0], ("a", "b")),
        (["b", None], [0, -1], ("b",)),
        (pd.Categorical(["b", "a"], categories=["c", "b", "a"]), [1, 2], ("c", "b", "a")),
        (pd.array([2, None], dtype="Int64"), [0, -1], (2,)),
        (pd.array([True, None], dtype="boolean"), [0, -1], (True,)),
        ([False, True], [0, 1], (False, True)),
    ],
)
def test_actions_are_positions_of_labels(arms: Any, actions: Any, labels: Any) -> None:
    choices = read(two(arm=arms))
    assert choices.actions.tolist() == [actions]
    assert choices.labels.get("action") == labels


def test_labels_may_be_given() -> None:
    choices = read(two(arm=[2, 3]), actions=[1, 2, 3])
    assert choices.actions.tolist() == [[1, 2]]
    with pytest.raises(
        ValueError, match=r"`action`.*\[1, 2\].*\[3\] in column 'arm', rows \['q'\]"
    ):
        read(two(arm=[2, 3]), actions=[1, 2])


def test_what_was_relabeled_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pyro_activeinf"):
        read(two(arm=[1, 2]))
    assert "action: 1 is 0, 2 is 1" in caplog.text


@pytest.mark.parametrize(
    ("values", "found", "labels"),
    [
        ([0, 1], torch.tensor([[0, 1]]), None),
        ([2, 7], torch.tensor([[2, 7]]), None),
        ([1, -1], torch.tensor([[1.0, -1.0]]), None),
        ([1.0, np.nan], torch.tensor([[1.0, np.nan]]), None),
        (pd.array([3, None], dtype="Int64"), torch.tensor([[3, -1]]), None),
        ([True, False], torch.tensor([[1, 0]]), None),
        (["high", None], torch.tensor([[0, -1]]), ("high",)),
    ],
)
def test_outcomes_are_read_by_their_kind(values: Any, found: torch.Tensor, labels: Any) -> None:
    choices = read(two(seen=values), observation="seen")
    expected = found.to(torch.get_default_dtype()) if found.is_floating_point() else found
    torch.testing.assert_close(choices.outcomes["seen"], expected, equal_nan=True)
    assert choices.labels.get("seen") == labels


def test_several_columns_are_a_vector() -> None:
    choices = read(two(x=[0.1, 0.2], y=[1.0, 2.0]), observation={("x", "y"): "place"})
    assert choices.outcomes["place"].tolist() == [[[0.1, 1.0], [0.2, 2.0]]]
    written = to_dataframe(choices)
    assert written[["place_0", "place_1"]].to_numpy().tolist() == [[0.1, 1.0], [0.2, 2.0]]


def test_covariates_may_be_labels() -> None:
    assert read(two(sex=["f", "f"]), covariates="sex").covariates["sex"] == ("f",)


def test_categorical_subjects_keep_the_order_of_rows() -> None:
    who = pd.Categorical(["z", "a"], categories=["a", "b", "z"])
    assert read(two(who=who)).subjects == ("z", "a")


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({}, {"action": "arms"}, r"`action`.*'who', 't', 'arm'.*'arms'. Did you mean 'arm'\?"),
        ({}, {"observation": ["seen"]}, r"`observation`: expected a column among.*'seen'"),
        ({"t": [1, 1]}, {}, r"`trial`.*one row.*\['who', 't'\].*\[1, 1\].*rows \['p', 'q'\]"),
        ({"t": [1, None]}, {}, r"`trial`.*no missing values.*rows \['q'\]"),
        ({"who": [None, "a"]}, {}, r"`subject`.*no missing values.*'who', rows \['p'\]"),
        ({"arm": [0.5, 1]}, {}, r"`action`.*whole numbers.*\[0.5\].*'arm', rows \['p'\]"),
        ({"arm": [-1, 1]}, {}, r"`action`.*from 0 on.*\[-1\].*rows \['p'\].*NaN"),
        ({"arm": ["a", 1]}, {}, r"`action`.*labels of one kind.*int and str in column 'arm'"),
        (
            {"age": [3, 4]},
            {"covariates": ["age"]},
            r"`covariates`.*'age'.*subject 'a'.*rows \['q'\]",
        ),
        ({"age": [3, None]}, {"covariates": ["age"]}, r"one value of 'age' for subject 'a'"),
        ({"rt": [0.3, -1]}, {"response_time": "rt"}, r"seconds above 0.*\[-1.0\].*rows \['q'\]"),
        ({"rt": ["x", "y"]}, {"response_time": "rt"}, r"`response_time`: expected a column of num"),
        ({"s": [[1], [2]]}, {"observation": "s"}, r"`observation`.*column 's'"),
    ],
)
def test_errors_name_row_and_column(columns: Any, names: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(two(**columns), **names)


def test_something_else_than_a_frame_is_refused() -> None:
    with pytest.raises(TypeError, match="`df`: expected a pandas DataFrame"):
        read([1, 2])


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        read(two().iloc[:0])


def test_sessions_are_in_order_and_trials_may_begin_anew() -> None:
    frame = two(session=[2, 1], t=[1, 1])
    choices = read(frame, session="session")
    assert choices.actions.tolist() == [[1, 0]]
    assert choices.starts.tolist() == [[True, True]]


@pytest.mark.parametrize("labels", ["ab", ["a", "a", "b"]])
def test_labels_of_actions_have_to_differ(labels: Any) -> None:
    df = pd.DataFrame({"who": [1, 1], "t": [1, 2], "arm": ["a", "b"]})
    with pytest.raises(ValueError, match="`actions`: expected a list of labels that differ"):
        from_dataframe(df, subject="who", trial="t", action="arm", actions=labels)


def test_columns_may_be_none_and_nothing_else() -> None:
    df = pd.DataFrame({"who": [1, 1], "t": [1, 2], "arm": ["a", "b"]})
    columns = {"subject": "who", "trial": "t", "action": "arm"}
    assert not from_dataframe(df, **columns, observation=None, cue=None).outcomes
    with pytest.raises(TypeError, match=r"`cue`: expected names of columns, or a dict.*got 3"):
        from_dataframe(df, **columns, cue=3)  # type: ignore[arg-type]
