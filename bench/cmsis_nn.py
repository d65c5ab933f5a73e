"""CMSIS-NN's int8 kernels on a network's shapes, built from a checkout of one's own and counted on
the core and with the compiler that the emitted C has. Weights are random: what a kernel executes
depends on shapes alone, but for a few limits.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from dsplet.export.c.emulate import PRINT, Core, printed
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.movement import Pad
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool

LEFT_OUT = ("_f16", "_f32", "_s4", "_flt")
"""Kernels of other types."""


@dataclass(frozen=True)
class Peer:
    """instructions: of one inference. arena_bytes: the most that is alive at one time, whole
    tensors and a kernel's scratch, without the network's input and output: no planner does with
    less."""

    instructions: int
    arena_bytes: int


@dataclass(frozen=True)
class Layer:
    """call: a C expression that is 0 where all is well. scratch: one for bytes."""

    reads: tuple[str, ...]
    writes: str
    data: tuple[str, ...]
    call: str
    scratch: str = "0"


def measure(graph: Graph, core: Core, checkout: Path, options: str = "-O2") -> Peer | None:
    """What CMSIS-NN needs for the network; None where it has no kernel for one of its layers."""
    layers = list(_layers(graph))
    if None in layers:
        return None
    kept = [layer for layer in layers if layer is not None]
    objects = _library(checkout.resolve(), core, options)
    folder = Path(mkdtemp(prefix="dsplet-cmsis-nn-"))
    words = printed(core, folder, "typedef int nothing;\n", _main(graph, kept, checkout.resolve()),
                    options, objects=[str(objects)])
    instructions, wrong = next(words), next(words)
    if wrong:
        raise RuntimeError(f"a kernel of CMSIS-NN refused its arguments ({wrong})")
    return Peer(instructions, _arena(graph, kept, list(words)))


@cache
def _library(checkout: Path, core: Core, options: str) -> Path:
    """Its kernels of int8 as an archive."""
    folder = Path(mkdtemp(prefix="dsplet-cmsis-nn-"))
    sources = [str(f) for f in sorted(checkout.glob("Source/*/*.c"))
               if not any(word in f.stem for word in LEFT_OUT)]
    if not sources:
        raise FileNotFoundError(f"{checkout} has no Source/*/*.c; expected a checkout of CMSIS-NN")
    compiler, *flags = core.compiler
    subprocess.run([compiler, *flags, options, "-ffunction-sections", "-fdata-sections", "-w",
                    f"-I{checkout / 'Include'}", "-c", *sources], cwd=folder, check=True)
    subprocess.run([compiler.replace("gcc", "ar"), "rcs", "kernels.a",
                    *(f.name for f in sorted(folder.glob("*.o")))], cwd=folder, check=True)
    return folder / "kernels.a"


def _arena(graph: Graph, layers: list[Layer], scratch: list[int]) -> int:
    """See `Peer`; a layer does not write where it reads."""
    sizes = {v.name: v.size for v in (*graph.inputs, *(n.output for n in graph.nodes))}
    free = {v.name for v in graph.inputs} | {layers[-1].writes}
    most = 0
    for i, (layer, extra) in enumerate(zip(layers, scratch, strict=True)):
        made = {other.writes for other in layers[:i]}
        needed = {name for other in layers[i:] for name in other.reads} & made
        most = max(most, extra + sum(sizes[n] for n in (needed | {layer.writes}) - free))
    return most


def _main(graph: Graph, layers: list[Layer], checkout: Path) -> str:
    """Runs the layers; prints their instructions, their status, and the bytes of their scratch."""
    sizes = {v.name: v.size for v in (*graph.inputs, *(n.output for n in graph.nodes))}
    tensors = {name for layer in layers for name in (*layer.reads, layer.writes)}
    return "\n".join([
        f'#include "{checkout}/Include/arm_nnfunctions.h"',
        "void start_counting(void);", "uint32_t instructions(void);", PRINT,
        "static int32_t scratch[32768];",
        *(f"static int8_t {_c(name)}[{sizes[name]}];" for name in sorted(tensors)),
        *(line for layer in layers for line in layer.data),
        "__attribute__((noinline)) static int32_t all(void)", "{", "    int32_t wrong = 0;",
        *(f"    wrong |= {layer.call};" for layer in layers), "    return wrong;", "}",
        "int main(void)", "{", "    start_counting();",
        "    const uint32_t before = instructions();", "    const int32_t wrong = all();",
        "    print(instructions() - before);", "    print((uint32_t)wrong);",
        *(f"    print((uint32_t)({layer.scratch}));" for layer in layers),
        "    return 0;", "}", ""])


def _c(name: str) -> str:
    return "t_" + "".join(c if c.isalnum() else "_" for c in name)


def _layers(graph: Graph) -> Iterator[Layer | None]:
    """One for each node that computes; what only moves is looked through."""
    same: dict[str, str] = {}
    pads: dict[str, tuple[Value, tuple[int, ...]]] = {}
    for i, node in enumerate(graph.nodes):
        if not node.inputs:
            yield None
            continue
        if isinstance(node, Pad):
            pads[node.output.name] = node.inputs[0], node.before[1:]
            same[node.output.name] = same.get(node.inputs[0].name, node.inputs[0].name)
            continue
        if node.op == "Reshape":
            same[node.output.name] = same.get(node.inputs[0].name, node.inputs[0].name)
            continue
        x, before = pads.get(node.inputs[0].name, (node.inputs[0], (0, 0)))
        names = [same.get(v.name, v.name) for v in node.inputs]
        yield _layer(node, x, before, names, f"l{i}")


def _layer(node: Node, x: Value, before: tuple[int, ...], names: list[str], own: str
           ) -> Layer | None:
    """x: what it reads, without the border `before`. own: what its data are called."""
    y, source = _c(node.output.name), _c(names[0])
    context = "&(cmsis_nn_context){scratch, sizeof scratch}"
    match node:
        case Conv() if len(x.shape) == 3 and len(names) == 1:
            return _conv(node, x, before, names, own, context)
        case MaxPool() | AveragePool() if len(x.shape) == 3:
            kind = "max_pool" if isinstance(node, MaxPool) else "avgpool"
            wide = node.output.shape[2]
            return Layer((names[0],), node.output.name, (
                f"static const cmsis_nn_pool_params {own}_p = {{{_tile(node.strides)}, "
                f"{_tile(before)}, {{-128, 127}}}};",),
                f"arm_{kind}_s8({context}, &{own}_p, {_dims(x)}, {source}, "
                f"{_dims(None, 1, *node.window, 1)}, {_dims(node.output)}, {y})",
                f"arm_avgpool_s8_get_buffer_size({wide}, {x.shape[0]})"
                if kind == "avgpool" else "0")
        case Gemm() if len(x.shape) == 1:
            outs, ins = node.weight.q.shape
            return Layer((names[0],), node.output.name, (
                *_weights(own, node.weight.q.size, outs),
                f"static const cmsis_nn_fc_params {own}_p = {{128, 0, 0, {{-128, 127}}}};"),
                f"arm_fully_connected_s8({context}, &{own}_p, "
                "&(cmsis_nn_per_tensor_quant_params){1 << 30, -8}, "
                f"{_dims(None, 1, 1, 1, ins)}, {source}, {_dims(None, ins, 1, 1, outs)}, {own}_w, "
                f"{_dims(None, 1, 1, 1, outs)}, {own}_b, {_dims(None, 1, 1, 1, outs)}, {y})")
    if node.op == "Add" and len({v.shape for v in node.inputs}) == 1:
        return Layer(tuple(names), node.output.name, (), (
            f"arm_elementwise_add_s8({source}, {_c(names[1])}, 128, 1 << 30, 0, 128, 1 << 30, 0, "
            f"20, {y}, 0, 1 << 30, -19, -128, 127, {node.output.size})"))
    if node.op in ("Softmax", "LogSoftmax"):
        return Layer((names[0],), node.output.name, (),
                     f"(arm_softmax_s8({source}, 1, {x.size}, 1 << 30, 20, -128, {y}), 0)")
    return None


def _conv(node: Conv, x: Value, before: tuple[int, ...], names: list[str], own: str, context: str
          ) -> Layer | None:
    outs, ins, *window = node.weight.q.shape
    apart = node.groups > 1 and ins == 1
    if node.groups > 1 and not apart:
        return None
    kind, name = ("dw_conv", "depthwise_conv") if apart else ("conv", "convolve")
    more = f"{outs // node.groups}, " if apart else ""
    taps = _dims(None, 1, *window, outs) if apart else _dims(None, outs, *window, ins)
    data = (*_weights(own, node.weight.q.size, outs),
            f"static int32_t {own}_m[{outs}] = {{[0 ... {outs - 1}] = 1 << 30}};",
            f"static int32_t {own}_s[{outs}] = {{[0 ... {outs - 1}] = -8}};",
            f"static const cmsis_nn_{kind}_params {own}_p = {{128, 0, {more}"
            f"{_tile(node.strides)}, {_tile(before)}, {_tile(node.dilations)}, {{-128, 127}}}};")
    return Layer((names[0],), node.output.name, data, (
        f"arm_{name}_wrapper_s8({context}, &{own}_p, "
        f"&(cmsis_nn_per_channel_quant_params){{{own}_m, {own}_s}}, {_dims(x)}, "
        f"{_c(names[0])}, {taps}, {own}_w, {_dims(None, 1, 1, 1, outs)}, {own}_b, "
        f"{_dims(node.output)}, {_c(node.output.name)})"),
        f"arm_{name}_wrapper_s8_get_buffer_size(&{own}_p, {_dims(x)}, {taps}, "
        f"{_dims(node.output)})")


def _weights(own: str, count: int, outs: int) -> Iterator[str]:
    q = np.random.default_rng(0).integers(-127, 128, count)
    yield f"static const int8_t {own}_w[{count}] = {{{', '.join(map(str, q))}}};"
    yield f"static const int32_t {own}_b[{outs}] = {{1}};"


def _dims(v: Value | None, *sizes: int) -> str:
    """Of a value, channels last; or n, height, width, channels as they are given."""
    if v is not None:
        sizes = (1, *v.shape[1:], v.shape[0])
    return f"&(cmsis_nn_dims){{{', '.join(map(str, sizes))}}}"


def _tile(along: tuple[int, ...]) -> str:
    """Width first."""
    return f"{{{along[1]}, {along[0]}}}"
