"""The error bar of a network whose answers can be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from dsplet.data.feed import Batch
from dsplet.firmware_sim import report
from dsplet.firmware_sim.backend import Compiled
from dsplet.firmware_sim.sensitivity import ErrorBar, error_bar
from dsplet.quantize.network import Arrays


class Subject(Protocol):
    """A network to run."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Its file's metadata."""

    def inputs(self, x: Arrays) -> list[np.ndarray]:
        """Reals as the machine reads them, for each input."""

    def reals(self, y: np.ndarray) -> np.ndarray:
        """A first output as the machine gives it, as reals."""


def spread(subject: Subject, compiled: Compiled, samples: Batch,
           progress: Callable[[int, int], None]) -> ErrorBar:
    """See `error_bar`; samples: of which the first are run."""
    def right(y: np.ndarray) -> float | None:
        labels = None if samples.labels is None else samples.labels[:len(y)]
        reals = subject.reals(y).reshape(len(y), -1)
        return report.score(reals, labels, subject.facts).accuracy_percent

    return error_bar(compiled, subject.inputs(samples.x), progress, right)
