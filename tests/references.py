"""Recorded outputs of another library, and the models they are of: see reference/README.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles import Array, Arrays

Reference = Mapping[str, NDArray[Any]]


def load_reference(name: str) -> Reference:
    """The arrays of ``tmaze`` or ``grid100`` by key."""
    with np.load(Path(__file__).parent / "reference" / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


def reference_model(reference: Reference) -> Arrays:
    """The model that the recorded outputs are of."""

    def numbered(letter: str) -> list[Array]:
        return [reference[f"{letter}{i}"] for i in range(3) if f"{letter}{i}" in reference]

    def dependencies(key: str) -> list[list[int]]:
        parents: list[list[int]] = json.loads(str(reference.get(key, "[[0]]")))
        return parents

    return Arrays(
        A=numbered("A"),
        B=numbered("B"),
        C=numbered("C"),
        D=numbered("D"),
        A_dependencies=dependencies("A_dependencies"),
        B_dependencies=dependencies("B_dependencies"),
    )
