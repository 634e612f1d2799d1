"""Files that hold a state: written as a whole or not at all, and loaded without running code."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from ._checks import complain

FORMAT = "pyro_activeinf"
VERSION = 1
SEAL = 64  # bytes of a digest


def save(path: str | os.PathLike[str], kind: str, state: Mapping[str, Any]) -> None:
    """Write a state to a file, which afterwards is the old one or the new one, never a part.

    The new file is written beside the old one, brought to the disk and then renamed.

    Args:
        path: the file; its folder exists.
        kind: what the state is of, which :func:`load` asks for.
        state: tensors, numbers, text, ``None``, and lists, tuples and dicts of them.

    Raises:
        OSError: where the file cannot be written; an old one stays as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Path(folder) / "walk.pt", "walk", {"place": torch.tensor([2.0, 3.0])})
        ...     load(Path(folder) / "walk.pt", "walk")["place"]
        tensor([2., 3.])
    """
    target = Path(path)
    content = {"format": FORMAT, "version": VERSION, "kind": kind, "state": dict(state)}
    buffer = BytesIO()
    torch.save(content, buffer)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_sealed(buffer.getvalue()))
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(target)
    except BaseException:  # an interrupt too: no draft is left behind
        Path(draft).unlink(missing_ok=True)
        raise
    _settle(target.parent)


def _sealed(archive: bytes) -> bytes:
    """A zip archive with a digest of itself as its comment, whose length is the last field."""
    body = archive[:-2] + SEAL.to_bytes(2, "little")
    return body + _digest(body)


def _digest(body: bytes) -> bytes:
    return sha256(body).hexdigest().encode()


def _settle(folder: Path) -> None:
    """Bring the renaming to the disk, where a folder can be opened for it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """Read the state that :func:`save` has written.

    Nothing in the file is run: it is checked against the digest that it holds, and read with
    ``torch.load(weights_only=True)``.

    Args:
        path: the file.
        kind: what the state has to be of.

    Raises:
        FileNotFoundError: where there is none.
        ValueError: for a damaged file, one of another program, version or kind.
    """
    content = _read(Path(path))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refused(path, kind, "a file that another program wrote")
    if content.get("version") != VERSION:
        raise _refused(path, kind, f"one of format {content.get('version')!r}, not {VERSION}")
    if content.get("kind") != kind or not isinstance(content.get("state"), dict):
        raise _refused(path, kind, f"one of a {content.get('kind')}")
    return content["state"]


def _read(path: Path) -> Any:
    content = path.read_bytes()
    if content[-SEAL:] != _digest(content[:-SEAL]):
        raise _refused(path, "state", "a damaged or foreign file")
    try:
        return torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise _refused(path, "state", "one with more than tensors and plain values") from error


def place(checkpoint: str | os.PathLike[str] | None, resume: bool) -> Path | None:
    """Where a run that may be interrupted keeps what a later start needs; ``None``: nowhere.

    Raises:
        ValueError: to go on from nowhere.
        IsADirectoryError: where the file is a folder.
        FileNotFoundError: where its folder is not there.

    Example:
        >>> str(place("run.pt", resume=True))
        'run.pt'
    """
    if checkpoint is None:
        if resume:
            raise ValueError(complain("resume", "a checkpoint= to go on from", "none"))
        return None
    path = Path(checkpoint)
    if path.is_dir():
        raise IsADirectoryError(
            complain("checkpoint", "a file", f"the folder {path}", "Name a file in it.")
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(complain("checkpoint", "a file in a folder that is there", path))
    return path


def _refused(path: str | os.PathLike[str], kind: str, got: str) -> ValueError:
    expected = f"a file with the {kind} that this library saved"
    return ValueError(complain("path", expected, f"{path}, {got}", "Name another file."))
