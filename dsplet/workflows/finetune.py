"""Train a fixed-point network to do what its float network does."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.data.answers import percent_right
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.network import Network
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows.request import FromData, RequestError, refuse_numbers


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """reference: the float network. test: the fixed-point one. out: what it becomes."""

    reference: str
    test: str
    out: str
    epochs: int = 3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """samples: of the test split, that the accuracies are counted on."""

    file: str
    data: str
    training_samples: int
    epochs: int
    seed: int
    samples: int
    reference_accuracy_percent: float
    before_accuracy_percent: float
    after_accuracy_percent: float


def run(request: Request, watch: Watch = SILENT) -> Report:
    """The bit widths stay; weights, biases and steps learn, on the training split. Raises
    ModelError, DataError, DivergedError, RequestError."""
    teacher, student = Network(request.reference), Network(request.test)
    if teacher.float is None or student.fixed is None:
        raise RequestError(
            f"{request.reference} must be a float network and {request.test} a fixed-point one, "
            f"made by dsplet quantize {request.reference} -o {request.test}")
    from dsplet.train.qat.finetune import FinetuneConfig, finetune
    images = request.feed(student.facts, student.shape)
    refuse_numbers("dsplet finetune", images)
    functions = {n.name: n.expr for n in teacher.float.nodes if isinstance(n, Function)}
    execute, y = FloatNetwork(request.reference), teacher.float.outputs[0]
    with watch.progress("finetuning") as tick:
        fixed = finetune(student.fixed, functions, lambda x: execute({teacher.input: x})[y],
                         images.splits.train, images,
                         FinetuneConfig(epochs=request.epochs, seed=request.seed), tick)
    to_qdq.save(fixed, request.out)
    part = images.splits.test
    with watch.progress("comparing") as tick:
        reference, before, after = (
            percent_right(n.scores(images(part.images), tick), part.labels)
            for n in (teacher, student, Network(request.out)))
    return Report(
        file=request.out, data=images.data, training_samples=len(images.splits.train),
        epochs=request.epochs, seed=request.seed, samples=len(part),
        reference_accuracy_percent=reference, before_accuracy_percent=before,
        after_accuracy_percent=after)
