"""Records as groups of data sets, and groups as ArviZ holds them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .._checks import complain

if TYPE_CHECKING:
    from arviz import InferenceData
    from xarray import Dataset, DataTree


def attributes() -> dict[str, str]:
    """What is written beside the data: which library made it. No time, so files can be compared."""
    return {
        "inference_library": "pyro_activeinf",
        "inference_library_version": version("pyro-activeinf"),
    }


@singledispatch
def groups(source: object, draws: int) -> dict[str, Dataset]:
    """The data sets that a record is exported as; register a function for each kind of record."""
    kinds = sorted(kind.__name__ for kind in groups.registry if kind is not object)
    way_out = "Of a guide of Pyro: export.Guided(model, guide, args)."
    raise TypeError(complain("source", f"one of {kinds}", type(source).__name__, way_out))


def collected(source: object, draws: int = 100) -> dict[str, Dataset]:
    """The data sets of a record, or of what is data already.

    Args:
        source: a record that :func:`~pyro_activeinf.to_arviz` takes, data of ArviZ or xarray, or a
            dict from names to numbers, arrays or tensors, which becomes the group ``result``.
        draws: number of draws, for records that hold distributions.

    Raises:
        TypeError: for anything else.

    Example:
        >>> collected({"score": 2.0, "path": np.arange(3)})["result"]["path"].dims
        ('path_dim_0',)
    """
    from xarray import Dataset, DataTree

    if isinstance(source, Dataset):
        return {"result": source}
    if isinstance(source, DataTree):
        return _of_tree(source)
    if isinstance(source, Mapping) and hasattr(source, "groups"):  # InferenceData of ArviZ 0.x
        return {name: source[name] for name in source.groups()}
    if type(source) is dict:
        return {"result": _of_values(source)}
    return groups(source, draws)


def _of_tree(tree: DataTree) -> dict[str, Dataset]:
    nodes = ((node.path.strip("/"), node.to_dataset(inherit=False)) for node in tree.subtree)
    return {path: found for path, found in nodes if found.variables}


def _of_values(source: Mapping[str, Any]) -> Dataset:
    from xarray import Dataset

    arrays = {name: _array(name, value) for name, value in source.items()}
    variables = {
        name: (tuple(f"{name}_dim_{i}" for i in range(array.ndim)), array)
        for name, array in arrays.items()
    }
    return Dataset(variables, attrs=attributes())


def _array(name: str, value: object) -> np.ndarray[Any, Any]:
    array = value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "biufcUS":
        raise TypeError(complain(f"source['{name}']", "numbers, text or a tensor", repr(value)))
    return array


def held(found: Mapping[str, Dataset]) -> InferenceData | DataTree:
    """Hold groups as the ArviZ that is installed does."""
    import arviz

    return inference_data(found) if arviz.__version__.startswith("0.") else data_tree(found)


def inference_data(found: Mapping[str, Dataset]) -> InferenceData:
    """Hold groups as ArviZ 0.x does."""
    from arviz import InferenceData

    return InferenceData(attributes(), warn_on_custom_groups=False, **found)


def data_tree(found: Mapping[str, Dataset]) -> DataTree:
    """Hold groups as ArviZ 1.x does: a tree of data sets."""
    from xarray import Dataset, DataTree

    return DataTree.from_dict({"/": Dataset(attrs=attributes()), **found})
