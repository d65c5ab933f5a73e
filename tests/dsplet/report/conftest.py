"""Reports that tests read, each written once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from dsplet.report.page import document_of
from dsplet.workflows import report
from tests.dsplet.small_nets import FACTS, digit_net
from tests.quantize.onnx_nets import model, node, random


@dataclass(frozen=True)
class Written:
    """request: what was asked for. report: of the command. file: the page."""

    request: report.Request
    report: report.Report
    file: Path

    @property
    def document(self) -> dict[str, Any]:
        """The JSON in the page."""
        found = document_of(self.file.read_text())
        assert found
        return dict(json.loads(found))


def write(folder: Path, name: str, **asked: Any) -> Written:
    """The report of name.onnx and name.q.onnx."""
    page = folder / f"{name}.html"
    request = report.Request(reference=str(folder / f"{name}.onnx"), page=str(page),
                             test=str(folder / f"{name}.q.onnx"), executed=2, **asked)
    return Written(request, report.run(request), page)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def digits(folder: Path) -> Written:
    """A labelled net of few bits, which flips much, over its budget."""
    (folder / "small.onnx").write_bytes(digit_net().SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (50, 1, 8, 8)).astype(np.float32)
    fixed = quantize(from_onnx.load(folder / "small.onnx"), x, Recipe(2, 3), metadata=FACTS)
    to_qdq.save(fixed, folder / "small.q.onnx")
    return write(folder, "small", samples="60", budget="1us", ram="1B")


@pytest.fixture(scope="session")
def numbers(folder: Path) -> Written:
    """A net of somebody's own: one number of six readings, and samples without labels."""
    net = model([node("Gemm", "readings w b", "h"), node("Tanh", "h", "t"),
                 node("Gemm", "t v", "pace")], {"readings": (6,)},
                {"w": random("w", 6, 5), "b": random("b", 5), "v": random("v", 5, 1)}, ("pace",))
    (folder / "pace.onnx").write_bytes(net.SerializeToString())
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    np.savez(folder / "pace.npz", **{"calibration.readings": x[:20], "test.readings": x[20:]})
    fixed = quantize(from_onnx.load(folder / "pace.onnx"), x[:20], Recipe())
    to_qdq.save(fixed, folder / "pace.q.onnx")
    return write(folder, "pace", data=str(folder / "pace.npz"))
