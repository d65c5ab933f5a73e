"""The notebooks: kept without outputs, and what they say is so, from the first cell to the last."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.figures import ROOT

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))
SECONDS = 600
"""For a cell, on a machine that does much else."""
NOWHERE = "http://127.0.0.1:9"


def read(path):
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(path, as_version=4)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A copy of the examples, where there is no other data and no network."""
    for name in ("DSPLET_DATA", "DSPLET_SHARED"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    return tmp_path / "examples" / "notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_as_text(path):
    """Outputs make differences that nobody reads, and a cell asserts or prints what is told."""
    nbformat = pytest.importorskip("nbformat")
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert [cell.id for cell in notebook.cells] == [
        f"{i:02d}" for i in range(1, len(notebook.cells) + 1)]
    assert path.read_text() == nbformat.writes(notebook) + "\n"
    assert any("assert " in cell.source for cell in code)
    assert max(len(line) for cell in notebook.cells for line in cell.source.splitlines()) <= 100
    for cell in notebook.cells:
        assert cell.source == cell.source.strip("\n")


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_it_runs(name, alone):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("torch")
    notebook = read(alone / name)
    nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3",
                            resources={"metadata": {"path": str(alone)}}).execute()
    said = [output.text for cell in notebook.cells for output in cell.get("outputs", ())
            if output.output_type == "stream" and output.name == "stderr"]
    assert not said, "".join(said)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())
             if "text/html" in output.get("data", ())]
    assert len(shown) >= 5
