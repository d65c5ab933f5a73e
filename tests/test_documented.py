"""Every public function says what it is for; those of `import dsplet` also what each argument is,
the shapes of arrays, the units of numbers, and what they raise, which is then what they raise."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache

import numpy as np
import pytest

import dsplet
from docs.site import public
from dsplet.quantize.ptq.recipe import Recipe
from tests.dsplet import small_nets
from tests.each import each
from tests.figures import modules

REGISTRIES = {"reads", "rewrites", "algorithm"}
"""Functions that these take are documented by what they are registered with: ONNX's operator, the
config of the algorithm."""


def undocumented(module: str) -> Iterator[str]:
    """Public functions and classes of a module without a docstring."""
    for node in ast.parse(modules()[module].read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            callers = {d.func.id for d in node.decorator_list
                       if isinstance(d, ast.Call) and isinstance(d.func, ast.Name)}
            if not ast.get_docstring(node) and not callers & REGISTRIES:
                yield f"{module}.{node.name}"


def test_every_public_function_and_class_says_what_it_is_for():
    missing = [name for module in modules() for name in undocumented(module)]
    assert not missing, f"{len(missing)} without a docstring: {', '.join(missing)}"


# --- import dsplet --------------------------------------------------------------------------------

API = public.functions()


@cache
def said(name: str) -> str:
    """The docstring, its class's, and those that it says to see."""
    text = inspect.getdoc(API[name]) or ""
    owner = getattr(dsplet, name.partition(".")[0])
    for other in re.findall(r"see `([\w.]+)`", text):
        other = other if other in API or other in dsplet.__all__ else f"{owner.__name__}.{other}"
        text += said(other) if other in API else inspect.getdoc(getattr(dsplet, other)) or ""
    return text + (inspect.getdoc(owner) or "" if inspect.isclass(owner) else "")


@each("name", API)
def test_a_function_of_the_api_says_it_all(name):
    function, text = API[name], said(name)
    assert inspect.getdoc(function)
    told = inspect.signature(function)
    silent = [p for p in told.parameters
              if p != "self" and not re.search(rf"\b{p}\b", text, re.IGNORECASE)]
    assert not silent, f"{name} does not say what {silent} are"
    arrays = [part for part in (*(p.annotation for p in told.parameters.values()),
                                told.return_annotation) if re.search("ndarray|Samples", str(part))]
    assert not arrays or re.search(r"\(N[,)]", text), f"{name} does not say its arrays' shape"
    shapes = re.search(r"\bShape\b", str(told.return_annotation))
    assert not shapes or re.search(r"\([\d, ]+\)", text), f"{name} shows no shape"
    is_property = any(isinstance(inspect.getattr_static(getattr(dsplet, owner), inner), property)
                      for owner, _, inner in [name.partition(".")] if inner)
    assert is_property or "Raises" in text or name.startswith("UserError"), (
        f"{name} does not say what it raises")


UNITS = {"ms", "bytes", "percent", "db", "bits", "mhz", "cycles", "macs"}
COUNTED = {"samples", "integers", "numbers", "answers", "instructions", "symbols", "steps"}


@each("kind", public.reports())
def test_a_number_of_a_report_has_a_unit_or_is_explained(kind):
    text = inspect.getdoc(kind) or ""
    assert text and not text.startswith(f"{kind.__name__}("), "what dataclass makes of none"
    bare = [f.name for f in fields(kind) if re.match(r"(int|float)\b", str(f.type))
            and not {*f.name.split("_")} & (UNITS | COUNTED)
            and not re.search(rf"\b{f.name}\b", text)]
    assert not bare, f"{kind.__name__}: of what unit are {bare}?"


# --- what they raise ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_nets.write(tmp_path_factory.mktemp("documented"))


X = np.random.default_rng(1).uniform(0, 1, (40, 1, 8, 8))
MISTAKES: dict[str, tuple[Callable, ...]] = {
    "FloatNet.__call__": (lambda net: net(X[..., 1:]), lambda net: net("digits")),
    "FloatNet.inputs": (lambda net: net.inputs(X * np.nan),),
    "FloatNet.outputs": (lambda net: net.outputs({}),),
    "FloatNet.quantize": (
        lambda net: net.quantize(X, "best"), lambda net: net.quantize(X, weight_bits=40),
        lambda net: net.quantize(X, Recipe(), weight_bits=4), lambda net: net.quantize(X[:0]),
        lambda net: net.quantize(X, weight_bits=16, activation_bits=16, accumulator_bits=8)),
    "FloatNet.simulate": (lambda net: net.simulate(target="z80"),),
    "FixedNet.compare": (
        lambda net: net.compare(net, X, np.zeros(3, int)), lambda net: net.compare(net, X[:0]),
        lambda net: net.compare(net, X, np.full(40, 99))),
    "FixedNet.simulate": (
        lambda net: net.simulate(X, target="z80"), lambda net: net.simulate(X, board="none"),
        lambda net: net.simulate(X, clock="fast"), lambda net: net.simulate(X, budget="soon"),
        lambda net: net.simulate(goal="fast"), lambda net: net.simulate(labels=np.zeros(1, int))),
    "FixedNet.emit_c": (lambda net: net.emit_c("3x"), lambda net: net.emit_c(goal="fast")),
    "FixedNet.save": (lambda net: net.save("none/x.q.onnx"), lambda net: net.save("/")),
    "load": (lambda _: dsplet.load("none.onnx"), lambda _: dsplet.load(__file__)),
}


@pytest.mark.slow
@each("name", MISTAKES)
def test_what_is_raised_is_what_is_said(name, folder):
    net = dsplet.load(folder / ("small.onnx" if name.startswith("Float") else "small.q.onnx"))
    for mistake in MISTAKES[name]:
        with pytest.raises(dsplet.UserError) as error:
            mistake(net)
        raises = re.findall(r"Raises (.*?)(?:\n\n|\Z)", said(name), re.DOTALL)
        assert error.type.__name__ in ", ".join(raises), f"{name} raises {error.value!r}"
