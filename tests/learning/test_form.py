"""Arguments are taken apart and put together again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyro_activeinf.learning.form import Form

ARGS = ({"a": torch.zeros(2), "b": [None, "text"]}, torch.ones(3, 1), 4)


def test_arguments_come_back() -> None:
    form = Form(ARGS)
    tensors = form.tensors(ARGS)
    assert tensors is not None
    back = form.arguments(tensors)
    assert back[0]["a"] is ARGS[0]["a"]
    assert (back[0]["b"], back[2]) == ([None, "text"], 4)


@pytest.mark.parametrize(
    "other",
    [
        ({"a": torch.zeros(3), "b": [None, "text"]}, torch.ones(3, 1), 4),
        ({"a": torch.zeros(2).half(), "b": [None, "text"]}, torch.ones(3, 1), 4),
        ({"a": torch.zeros(2), "b": [None, "other"]}, torch.ones(3, 1), 4),
        ({"a": torch.zeros(2), "b": [None, "text"]}, torch.ones(3, 1), 5),
        ({"a": torch.zeros(2), "b": [None, "text"]}, torch.ones(3, 1), 4.0),
        ({"a": torch.zeros(2), "c": [None, "text"]}, torch.ones(3, 1), 4),
        ({"a": torch.zeros(2), "b": [None, "text"]}, torch.ones(3, 1)),
    ],
)
def test_arguments_of_another_form_are_told(other: Any) -> None:
    assert Form(ARGS).tensors(other) is None
