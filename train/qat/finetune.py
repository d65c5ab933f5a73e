"""Finetuning: a few epochs in which a fixed-point graph learns from the float network.

The loss is distillation: the divergence from the float network's probabilities, and something of
the labels' cross entropy. Where the network ends in a table (a tanh), the squared distances to the
float network's outputs, and to what it gives on average for the right class and for the others.
"""

import json
import math
from collections.abc import Callable, Mapping
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

Teacher = Callable[[np.ndarray], np.ndarray]
"""Float inputs (N, *shape) -> the float network's first output, (N, classes)."""


class Lessons(Protocol):
    """Training samples: pictures, uint8 (N, H, W), which are distorted, or arrays of any other
    kind, which are not; and classes (N,) or (N, T)."""

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
                   LEAST_RATE, absolutely, for weights so fine that they are as good as real. In a
                   loop over time, where every turn adds to what a step does, it is the smaller by
                   the square root of the number of turns
    step_rate:     of the log2 of the steps, likewise; they are frozen for the last `frozen` part
    shift, rotation_degrees, stretch: how far each training image is distorted (see
                   `train.distort`): what rounding broke shows on unusual images, and on those the
                   teacher's answer is known as well as on any
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


def finetune(graph: Graph, functions: Mapping[str, Callable], teacher: Teacher, train: Lessons,
             inputs: Callable[[np.ndarray], np.ndarray], config: FinetuneConfig,
             tick: Callable[[int, int], None] = lambda done, total: None) -> Graph:
    """The graph after training, with the same nodes and bit widths.

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
        _learn(network, teacher, train, inputs, config, tick)
        learnt = network.graph()
    facts = dict(graph.metadata) | {"dsplet.finetuned": json.dumps(asdict(config), sort_keys=True)}
    return replace(learnt, metadata=tuple(sorted(facts.items())))


def _learn(network, teacher, train, inputs, config, tick) -> None:
    images = torch.from_numpy(train.images)
    labels = torch.from_numpy(train.labels.astype(np.int64))
    fmt, (name, divergence) = network.start.inputs[0].format, _goal(network.start)
    optimizer = _optimizer(network, config)
    steps = config.epochs * math.ceil(len(images) / config.batch_size)
    done = 0
    for epoch in range(config.epochs):
        total = 0.0
        for batch in torch.randperm(len(images)).split(config.batch_size):
            _set_rates(optimizer, done / steps)
            drawn = images[batch]
            if drawn.dtype is torch.uint8:
                drawn = distorted(drawn, config.shift, config.rotation_degrees, config.stretch)
            x = inputs(drawn.numpy())
            said = labels[batch].flatten()  # of every place of a sequence
            target = torch.from_numpy(np.ascontiguousarray(teacher(x))).reshape(len(said), -1)
            x = torch.from_numpy(fmt.dequantize(fmt.quantize(x)).astype(np.float32))
            y = network(x)[name].reshape(len(said), -1)
            if divergence is None:
                taught, told = F.mse_loss(y, target), F.mse_loss(y, _ideal(target, said))
            else:
                taught, told = divergence(y, target), F.cross_entropy(y, said)
            loss = (1 - config.labels) * taught + config.labels * told
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            done += 1
            tick(done, steps)
        if not math.isfinite(total):
            raise DivergedError(f"finetuning diverged in epoch {epoch + 1}: the loss is no longer "
                                "a number")


Goal = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


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
        LEAST_RATE) / math.sqrt(layer.turns)} for layer in layers]
    fracs = [*network.fracs, *(frac for layer in layers for frac in layer.fracs)]
    return torch.optim.Adam([*groups, {"params": fracs, "awake": 1 - config.frozen,
                                       "peak": config.step_rate}])


def _set_rates(optimizer: torch.optim.Optimizer, progress: float) -> None:
    for group in optimizer.param_groups:
        fraction = min(progress / group["awake"], 1.0)
        group["lr"] = group["peak"] * (0.5 + 0.5 * math.cos(math.pi * fraction))
