"""A Zarr store of many results: a group for each, which is there as a whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import complain, instance, path_of
from .groups import held
from .saving import discard, settle, write_zarr, zarr_module

if TYPE_CHECKING:
    from xarray import Dataset, DataTree

MARK = "zarr.json"  # what makes a folder a Zarr group
NAME = re.compile(r"(?![._])[^/\\:\0]{1,150}")  # of a result


class Store(Mapping[str, Any]):
    """Results by name, in one Zarr store; they are read when they are looked at.

    The store is a folder that is itself a Zarr group, and each result a group in it, so that any
    reader of Zarr can open it. A result is first written beside the store, brought to the disk and
    then renamed into it, which file systems do in one go: whoever is killed while writing leaves
    no part of a result.

    Args:
        path: the folder, which need not be there yet; all workers have to see it.

    Raises:
        TypeError: ``path`` is none.
        NotADirectoryError: a file is there.
        ValueError: a folder with something else is there.

    Example:
        >>> import tempfile
        >>> import xarray
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = Store(Path(folder) / "study.zarr")
        ...     found = store.put("first", {"posterior": xarray.Dataset({"rate": ("draw", [0.5])})})
        ...     list(store), store["first"]["posterior"]["rate"].values.tolist()
        (['first'], [0.5])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path_of("store", path).absolute()
        if self.path.exists() and not self.path.is_dir():
            expected = "a folder, or a new path"
            raise NotADirectoryError(complain("store", expected, f"the file {self.path}"))
        if self.path.is_dir() and not self.begun and any(self.path.iterdir()):
            raise ValueError(
                complain("store", "a Zarr store, or a new path", f"a folder of files, {self.path}")
            )

    @property
    def begun(self) -> bool:
        """Whether the store is there."""
        return (self.path / MARK).is_file()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}): {len(self)} results"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (self.path / name / MARK).is_file()

    def __iter__(self) -> Iterator[str]:
        """Names of the results; numbers first, in their order."""
        found = self.path.iterdir() if self.path.is_dir() else iter(())
        names = [folder.name for folder in found if folder.name in self]
        return iter(sorted(names, key=lambda n: (not n.isdecimal(), len(n) * n.isdecimal(), n)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        """A result as ArviZ holds it (``InferenceData`` or ``DataTree``), unread yet."""
        if name not in self:
            raise KeyError(name)
        tree = self._open(self.path / name)
        return held({key: node.to_dataset() for key, node in tree.children.items()})

    def tree(self) -> DataTree:
        """All results as one tree, unread yet: ``tree["name/posterior"]``.

        Raises:
            FileNotFoundError: there is no store yet.
        """
        self._require_begun()
        return self._open(self.path)

    def together(self, group: str) -> Dataset:
        """A group of all results side by side, along a new dim ``job`` with their names.

        Raises:
            KeyError: a result is without this group.
            ValueError: there are no results.
        """
        import xarray

        if not len(self):
            raise ValueError(
                complain("store", "results", f"none in {self.path}", "Put some there.")
            )
        parts = [self[name][group] for name in self]
        found = [p if isinstance(p, xarray.Dataset) else p.to_dataset() for p in parts]
        names = xarray.Variable("job", list(self))
        joined = xarray.concat(found, "job", combine_attrs="drop", join="outer", **_ALL)
        return joined.assign_coords(job=names)

    def attrs(self, name: str = "") -> dict[str, Any]:
        """Attributes of the store, or of a result.

        Raises:
            FileNotFoundError: there is no store yet.
            KeyError: there is no such result.
        """
        self._require_begun()
        if name and name not in self:
            raise KeyError(name)
        return dict(zarr_module().open_group(self.path / name, mode="r").attrs)

    def begin(self, attrs: Mapping[str, Any]) -> None:
        """Make the store where it is not there; set attributes of it.

        Raises:
            TypeError: ``attrs`` are no attributes by name.
        """
        instance("attrs", attrs, Mapping, "a dict of attributes by name")
        zarr = zarr_module()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(self.path, mode="a", zarr_format=3)
        group.update_attributes(dict(attrs))

    def put(
        self, name: str, found: Mapping[str, Dataset], attrs: Mapping[str, Any] | None = None
    ) -> bool:
        """Add a result; returns whether it is this one that is kept, for the first one stays.

        Args:
            name: of the result, which is the name of a folder too.
            found: its groups.
            attrs: what is written beside them.

        Raises:
            TypeError: where groups are no data sets by name.
            ValueError: for a name that would lead out of the store, or is hidden.
        """
        _check_result(name, found)
        if not self.begun:
            self.begin({})
        self.drafts.mkdir(exist_ok=True)
        draft = self.drafts / f"{name}.{os.urandom(8).hex()}"
        try:
            write_zarr(found, draft, attrs=attrs)
            settle(draft)
            return self._renamed(draft, self.path / name)
        finally:
            discard(draft)

    @staticmethod
    def _renamed(draft: Path, target: Path) -> bool:
        try:
            draft.rename(target)
        except OSError:  # a folder that holds something is not replaced
            if not (target / MARK).is_file():
                raise
            return False
        return True

    def _require_begun(self) -> None:
        if not self.begun:
            way_out = "`begin`, `put` and `run_many` make one."
            raise FileNotFoundError(
                complain("store", "a store that is there", f"{self.path}, which is not", way_out)
            )

    @property
    def drafts(self) -> Path:
        """Where results are while they are written."""
        return self.path.with_name(f".{self.path.name}.drafts")

    def tidy(self) -> None:
        """Remove what killed workers have left beside the store. Nobody may be writing."""
        discard(self.drafts)

    @staticmethod
    def _open(path: Path) -> DataTree:
        import xarray

        return xarray.open_datatree(path, engine="zarr", consolidated=False)


def _check_result(name: object, found: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        expected = "a name without / \\ : that does not begin with a dot or a low line"
        raise ValueError(complain("name", expected, repr(name)))
    instance("found", found, Mapping, "a dict of data sets by group", "`collected` makes one.")


_ALL: Any = {"data_vars": "all", "coords": "minimal", "compat": "override"}
