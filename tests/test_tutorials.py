"""Every notebook runs from a clean state, and is stored with the outputs of such a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import install
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<])(?:/[\w.@+-]+){2,}|\b[A-Za-z]:\\\w")
NOT_FINITE = re.compile(r"(?<![\w.])[-+]?(?:nan|inf|infinity)(?!\w)", re.IGNORECASE)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(output: Any) -> list[str]:
    """What an output says in words and numbers; pictures are left out."""
    found = [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return [*found, output.get("text", "")]


def printed(notebook: Any) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "\n".join(text for output in outputs for text in texts(output))


def kinds(cell: Any) -> list[list[str]]:
    """What a cell shows, but for warnings and progress bars."""
    shown = [output for output in cell.outputs if output.get("name") != "stderr"]
    names = [sorted(output.get("data", {})) or [output.output_type] for output in shown]
    return [name for i, name in enumerate(names) if i == 0 or name != names[i - 1]]


@pytest.fixture
def own_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kernel of the running interpreter, free of the user's own settings and start-up files."""
    install(prefix=str(tmp_path), kernel_name="own")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYRO_ACTIVEINF_SMOKE", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    return "own"


def test_there_are_notebooks_and_each_is_listed() -> None:
    readme = (FOLDER / "README.md").read_text()
    assert NOTEBOOKS
    assert all(path.name in readme for path in NOTEBOOKS)


@each_notebook
def test_runs_from_a_clean_state_and_shows_what_is_stored(
    path: Path, own_kernel: str, tmp_path: Path
) -> None:
    stored, fresh = read(path), read(path)
    for cell in code_cells(fresh):
        cell.outputs = []
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(fresh, kernel_name=own_kernel, timeout=120, resources=where).execute()
    shown = {cell.id: kinds(cell) for cell in code_cells(fresh)}
    assert shown == {cell.id: kinds(cell) for cell in code_cells(stored)}
    assert NOT_FINITE.findall(printed(fresh)) == []


@each_notebook
def test_stored_outputs_are_of_one_full_run(path: Path) -> None:
    cells = code_cells(read(path))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output.output_type != "error" for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)


@each_notebook
def test_stored_text_is_finite_and_free_of_the_machine(path: Path) -> None:
    notebook = read(path)
    assert printed(notebook)
    assert NOT_FINITE.findall(printed(notebook)) == []
    assert ABSOLUTE_PATH.findall(printed(notebook)) == []
    assert notebook.metadata.kernelspec.name == "python3"
    assert all("execution" not in cell.metadata for cell in notebook.cells)


@pytest.mark.parametrize("text", ["/home/ada/x.py", "in '/usr/lib'", r"C:\Users", "(/srv/a:3)"])
def test_paths_are_recognized(text: str) -> None:
    assert ABSOLUTE_PATH.search(text)


@pytest.mark.parametrize("text", ["</div></span>", "https://a.org/b/c", "pyro_activeinf/TMaze-v0"])
def test_what_is_no_path_is_let_through(text: str) -> None:
    assert ABSOLUTE_PATH.search(text) is None


@pytest.mark.parametrize(
    ("text", "found"), [("G = nan", True), ("[-inf]", True), ("information 0.3", False)]
)
def test_numbers_that_are_not_finite_are_recognized(text: str, found: bool) -> None:
    assert bool(NOT_FINITE.search(text)) == found
