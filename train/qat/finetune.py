"""Finetuning: a few epochs in which a fixed-point graph learns from the float network.

The loss is distillation: the divergence from the float network's probabilities, and something of
the labels' cross entropy. Where the network ends in a table (a tanh), the squared distances to the
float network's outputs, and to what it gives on average for the right class and for the others.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from dsplet.data import DataError
from dsplet.data.answers import are_numbers
from dsplet.quantize.fixed.graph import Graph
from dsplet.train.distort import distorted
from dsplet.train.loop import DivergedError, deterministic
from dsplet.train.qat.network import Layer, Network

LEAST_RATE = 3e-4

MOST_HELD_OUT = 1000
RECOGNISED = 2 / 3
"""Of the held-out samples that the float network reads right: how many it has to read right when
they are distorted, or nothing is. Codes of letters, moved and turned, are none that say anything:
learning what a network makes of those cost dates_attention 20 of 2,500 strings."""

Teacher = Callable[[np.ndarray], np.ndarray]
"""Float inputs (N, *shape) -> the float network's first output, (N, classes)."""

Goal = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Tick = Callable[[int, int], None]


class Lessons(Protocol):
    """Training samples: uint8 (N, H, W), which are distorted where they turn out to be pictures, or
    arrays of any other kind, which are not; and classes (N,) or (N, T)."""

    @property
    def images(self) -> np.ndarray: ...

    @property
    def labels(self) -> np.ndarray: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of one run; the same settings and data give the same bytes.

    Chosen for LeNet-5 on the last 5,000 MNIST training images, kept back for it, and on 20,000
    distorted views of them. Against moves by a pixel at up to four times the rate, distortions
    raise the agreement with the float network on those views from 98.7 to 99.0 % (3/3 bits) and
    from 98.5 to 98.8 % (2/8); at 2/2 it stays at 97.3 %, within 0.1. Averaged weights, batches of
    64, a temperature of 3 and no labels gained nothing. For a network that ends in a table, labels
    do: of 1,291 zip codes kept back, zip1989 in 6/3 bits misreads 1.42 % with them and 1.68 %
    without (at a rate of 0.03; 1.52 % before, 1.32 % in float; means of three).

    epochs:        passes over the training images, >= 1
    batch_size:    samples a step
    learning_rate: of weights and biases, the largest of a cosine, in steps of the layer's weights:
                   to cross from one integer to the next takes as long at any width; but at least
                   LEAST_RATE, absolutely, for weights so fine that they are as good as real
    step_rate:     of the log2 of the steps, likewise; they are frozen for the last `frozen` part
    shift, rotation_degrees, stretch: how far each training image is distorted (see
                   `train.distort`): what rounding broke shows on unusual images, and on those the
                   teacher's answer is known as well as on any. Bytes may be other things than
                   pictures, letters in codes or a telephone's signal: only what the teacher still
                   reads when it is distorted is (see RECOGNISED)
    labels:        weight of the labels, in [0, 1]; the teacher has the rest
    seed:          of the order of the samples and their distortions
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 0.01
    step_rate: float = 1e-3
    frozen: float = 0.3
    shift: int = 1
    rotation_degrees: float = 8.0
    stretch: float = 0.08
    labels: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """What an epoch came to on samples that were held out. epoch: 0 at the start. loss: the mean of
    what is learnt by. right: the share of them that was read right."""

    epoch: int
    loss: float
    right: float


@dataclass(frozen=True)
class Finetuned:
    """graph: the best of the start and the ends of all epochs; the one that was given where that is
    the start. curve: of all, on the `held_out` samples, as they are and, where they are pictures,
    distorted as well. best: whose graph it is. distorted: whether samples were."""

    graph: Graph
    held_out: int
    distorted: bool
    curve: tuple[HeldOut, ...]
    best: HeldOut


def finetune(graph: Graph, functions: Mapping[str, Callable], teacher: Teacher, train: Lessons,
             inputs: Callable[[np.ndarray], np.ndarray], config: FinetuneConfig,
             tick: Tick = lambda done, total: None) -> Finetuned:
    """The graph at its best, with the same nodes and bit widths.

    A tenth of the samples, at most MOST_HELD_OUT, teach nothing: of the start and the ends of all
    epochs, the one is kept that reads most of them right, of equals the one of the least loss.
    Pictures count twice, as they are and distorted: the float network has learnt those,
    and how they are read says little of others. What hardly loses anything can only get worse by
    learning: whatever the gradient, an optimiser that divides by its size takes as long steps, and
    soon weights change for noise.

    graph: of one input. functions: see `Network`. train: what to learn from.
    inputs(images): the network's float input, (N, *shape). tick(done, total) counts steps. Raises
    DataError, DivergedError, UntrainableError, and `fixed.proof.Overflow` where what was learnt
    cannot be proved to fit.
    """
    if not len(train):
        raise DataError("there are no training images to finetune on")
    if are_numbers(train.labels):
        raise DataError("finetuning is for classes; the labels of these data are numbers")
    with deterministic(torch.Generator().manual_seed(config.seed).get_state()):
        network = Network(graph, functions)
        labels = torch.from_numpy(train.labels.astype(np.int64))
        return _best(_Course(network, teacher, torch.from_numpy(train.images), labels, inputs,
                             config, *_goal(graph)), tick)


def _best(course: _Course, tick: Tick) -> Finetuned:
    """Learn, and go back to where the network was best."""
    network, drawn = course.network, torch.randperm(len(course.images))
    held = min(len(drawn) // 10, MOST_HELD_OUT)
    learnt, other = drawn[held:], drawn[:held] if held else drawn
    views = course.views(other)
    curve = [best := HeldOut(0, *course.examined(other, views))]
    kept = copy.deepcopy(network.state_dict())
    for epoch in _epochs(course, learnt, views is not None, tick):
        curve.append(now := HeldOut(epoch, *course.examined(other, views)))
        if (now.right, -now.loss) > (best.right, -best.loss):
            best, kept = now, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    graph = network.start
    if best.epoch:
        graph = network.graph()
        facts = dict(graph.metadata) | {"dsplet.finetuned": json.dumps(
            asdict(course.config) | {"best_epoch": best.epoch}, sort_keys=True)}
        graph = replace(graph, metadata=tuple(sorted(facts.items())))
    return Finetuned(graph, len(other), views is not None, tuple(curve), best)


def _epochs(course: _Course, which: torch.Tensor, pictures: bool, tick: Tick) -> Iterator[int]:
    """Learn of these samples; gives each epoch at its end. Raises DivergedError."""
    config, optimizer = course.config, _optimizer(course.network, course.config)
    steps = config.epochs * math.ceil(len(which) / config.batch_size)
    done = 0
    for epoch in range(1, config.epochs + 1):
        total = 0.0
        for batch in which[torch.randperm(len(which))].split(config.batch_size):
            _set_rates(optimizer, done / steps)
            images = course.images[batch]
            loss, _ = course.loss(course.distorted(images) if pictures else images,
                                  course.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            done += 1
            tick(done, steps)
        if not math.isfinite(total):
            raise DivergedError(f"finetuning diverged in epoch {epoch}: the loss is no longer "
                                "a number")
        yield epoch


@dataclass(frozen=True, eq=False)
class _Course:
    """What is learnt from whom. name, divergence: see `_goal`."""

    network: Network
    teacher: Teacher
    images: torch.Tensor
    labels: torch.Tensor
    inputs: Callable[[np.ndarray], np.ndarray]
    config: FinetuneConfig
    name: str
    divergence: Goal | None

    def loss(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Of a batch, a mean; and how many of it are read right, at every place."""
        given, said = self.inputs(images.numpy()), labels.flatten()
        target = self._taught(given, said)
        fmt = self.network.start.inputs[0].format
        x = torch.from_numpy(fmt.dequantize(fmt.quantize(given)).astype(np.float32))
        y = self.network(x)[self.name].reshape(len(said), -1)
        if self.divergence is None:
            taught, told = F.mse_loss(y, target), F.mse_loss(y, _ideal(target, said))
        else:
            taught, told = self.divergence(y, target), F.cross_entropy(y, said)
        share = self.config.labels
        return (1 - share) * taught + share * told, _right(y, labels)

    @torch.no_grad()
    def examined(self, which: torch.Tensor, views: torch.Tensor | None
                 ) -> tuple[float, float]:
        """The mean loss of these samples, as they are and as views of them, and the share of both
        that is read right."""
        total, right, n = 0.0, 0, 0
        for images in (self.images[which], *([] if views is None else [views])):
            for some, batch in zip(images.split(self.config.batch_size),
                                   which.split(self.config.batch_size), strict=True):
                loss, good = self.loss(some, self.labels[batch])
                total, right, n = total + len(some) * float(loss), right + good, n + len(some)
        return total / n, right / n

    def views(self, which: torch.Tensor) -> torch.Tensor | None:
        """These samples distorted, if they still say what they say then."""
        if self.images.dtype is not torch.uint8:
            return None
        images, labels = self.images[which], self.labels[which]
        views = self.distorted(images)
        plain, other = (_right(self._taught(self.inputs(some.numpy()), labels.flatten()), labels)
                        for some in (images, views))
        return views if other >= RECOGNISED * plain else None

    def distorted(self, images: torch.Tensor) -> torch.Tensor:
        """Each at random, as far as the settings go."""
        c = self.config
        return distorted(images, c.shift, c.rotation_degrees, c.stretch)

    def _taught(self, given: np.ndarray, said: torch.Tensor) -> torch.Tensor:
        """The teacher's scores, (answers, classes)."""
        return torch.from_numpy(np.ascontiguousarray(self.teacher(given))).reshape(len(said), -1)


def _right(scores: torch.Tensor, labels: torch.Tensor) -> int:
    """How many samples are read right, at every place, by scores (answers, classes)."""
    return int((scores.argmax(1).reshape(labels.shape) == labels).reshape(len(labels), -1)
               .all(1).sum())


def _goal(graph: Graph) -> tuple[str, Goal | None]:
    """The value to learn with, what a last softmax reads or else the output; and the divergence of
    its probabilities from the teacher's output. None: by squared distance."""
    name = graph.outputs[0].name
    last = next((n for n in graph.nodes if n.output.name == name), None)
    op = last.op if last else ""  # a sequence that a loop gives beside another output
    if last and op in ("Softmax", "LogSoftmax"):
        name = last.inputs[0].name
    if op == "Softmax":
        return name, lambda y, p: _divergence(y, p.clamp(min=1e-30).log())
    return name, None if op == "Table" else _divergence


def _divergence(y: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Of probabilities (Hinton, Vinyals and Dean, 1503.02531), from scores up to a constant."""
    return F.kl_div(F.log_softmax(y, 1), F.softmax(target, 1), reduction="batchmean")


def _ideal(target: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A teacher without a doubt: its mean output for right classes, and that for the others."""
    right = F.one_hot(labels, target.shape[1]).bool()
    return torch.where(right, target[right].mean(), target[~right].mean())


def _optimizer(network: Network, config: FinetuneConfig) -> torch.optim.Optimizer:
    layers = [layer for layer in network.layers if isinstance(layer, Layer)]
    groups = [{"params": [*layer.weights, layer.bias], "awake": 1.0, "peak": max(
        config.learning_rate * float((2.0 ** -torch.cat([*layer.fracs]).detach()).mean()),
        LEAST_RATE)} for layer in layers]
    fracs = [*network.fracs, *(frac for layer in layers for frac in layer.fracs)]
    return torch.optim.Adam([*groups, {"params": fracs, "awake": 1 - config.frozen,
                                       "peak": config.step_rate}])


def _set_rates(optimizer: torch.optim.Optimizer, progress: float) -> None:
    for group in optimizer.param_groups:
        fraction = min(progress / group["awake"], 1.0)
        group["lr"] = group["peak"] * (0.5 + 0.5 * math.cos(math.pi * fraction))
