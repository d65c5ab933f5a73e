"""Train a fixed-point network to do what its float network does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.base.progress import SILENT, Watch
from dsplet.data import Samples
from dsplet.data.answers import percent_right
from dsplet.data.feed import Feed
from dsplet.data.fitting import chosen
from dsplet.data.source import Arrays
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.network import Network
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows.request import FromData, RequestError, check_out, classes


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """reference: the float network. test: the fixed-point one. out: what it becomes."""

    reference: str
    test: str
    out: str
    epochs: int = 3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """How the held-out samples, pictures distorted as well, are read after it; 0: before the first.
    loss: of what is learnt by, the divergence from the float network and from the labels."""

    epoch: int
    held_out_loss: float
    held_out_accuracy_percent: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """best_epoch: whose network is written; 0 is TEST as it was, which no epoch read better than.
    held_out_samples: of the training split, that nothing was learnt from; by them the best is
    chosen, as `curve` has it. distorted_samples: whether those that taught were, as pictures are.
    samples: of the test split, that the accuracies are counted on. trained_on_test_samples: nobody
    has split the data."""

    FIRST = ("after_accuracy_percent", "before_accuracy_percent", "reference_accuracy_percent",
             "best_epoch", "file")

    file: str
    data: str
    best_epoch: int
    training_samples: int
    held_out_samples: int
    distorted_samples: bool
    trained_on_test_samples: bool | None = None
    epochs: int
    seed: int
    samples: int
    reference_accuracy_percent: float
    before_accuracy_percent: float
    after_accuracy_percent: float
    curve: list[Epoch]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """The bit widths stay; weights, biases and steps learn, on the training split; what is written
    is the best of TEST as it was and of the ends of all epochs, on training samples that were held
    out. Raises ModelError, DataError, DivergedError, RequestError."""
    check_out(request.out, request.reference, request.test, request.data)
    teacher, student = Network(request.reference), Network(request.test)
    if teacher.float is None or student.fixed is None:
        raise RequestError(
            f"{request.reference} must be a float network and {request.test} a fixed-point one, "
            f"made by dsplet quantize {request.reference} -o {request.test}")
    from dsplet.train.qat.finetune import FinetuneConfig, finetune
    feeding = request.feed(student.facts, student.inputs)
    test = feeding.test("all")
    labels = classes("dsplet finetune", student, test)
    lessons, inputs = _lessons(feeding)
    functions = {n.name: n.expr for n in teacher.float.nodes if isinstance(n, Function)}
    execute, (x,), y = FloatNetwork(request.reference), teacher.inputs, teacher.float.outputs[0]
    with watch.progress("finetuning") as tick:
        found = finetune(student.fixed, functions, lambda given: execute({x: given})[y], lessons,
                         inputs, FinetuneConfig(epochs=request.epochs, seed=request.seed), tick)
    to_qdq.save(found.graph, request.out)
    with watch.progress("comparing") as tick:
        reference, before, after = (percent_right(n.scores(test.x, tick), labels)
                                    for n in (teacher, student, Network(request.out)))
    return Report(
        file=request.out, data=feeding.data, best_epoch=found.best.epoch,
        training_samples=len(lessons), held_out_samples=found.held_out,
        distorted_samples=found.distorted,
        trained_on_test_samples=feeding.source.unsplit or None, epochs=request.epochs,
        seed=request.seed, samples=len(test), reference_accuracy_percent=reference,
        before_accuracy_percent=before, after_accuracy_percent=after,
        curve=[Epoch(epoch=one.epoch, held_out_loss=one.loss,
                     held_out_accuracy_percent=100 * one.right)
               for one in found.curve])


@dataclass(frozen=True)
class _Given:
    """Samples as the network reads them, float32 (N, *shape), and their classes."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def _lessons(feeding: Feed) -> tuple[Samples | _Given, Callable[[np.ndarray], np.ndarray]]:
    """The training samples, pictures as such; and what makes them inputs of the network."""
    (name, _), = feeding.inputs.items()
    given = feeding.source.part("train")
    array = chosen(given.arrays, feeding.inputs)[name]
    images = array[:, 0] if array.ndim == 4 and array.shape[1] == 1 else array
    if given.labels is None or images.dtype != np.uint8 or images.ndim != 3:
        batch = feeding.train()
        if batch.labels is None:
            raise RequestError("the training samples have no labels")
        return _Given(batch.x[name], batch.labels), lambda x: x
    index = np.arange(len(images)) if given.index is None else given.index
    return (Samples(images, given.labels, index),
            lambda drawn: feeding.batch(Arrays({name: drawn})).x[name])
