"""A user's own network: the Python function that makes it, and the shape of its input."""

import difflib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dsplet.base.errors import UserError


class FactoryError(UserError):
    """What the user gave names no usable function or shape."""


def load_factory(spec: str) -> Callable[[], Any]:
    """The function that "path/to/file.py:name" names. The file is imported, which runs it.

    The file may import its neighbours. Raises FactoryError.
    """
    file, colon, name = spec.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py":
        raise FactoryError(f"'{spec}' names no factory; expected path/to/file.py:function")
    if not path.is_file():
        raise FactoryError(f"{path}: no such file")
    found = importlib.util.spec_from_file_location(path.stem, path)
    source = importlib.util.module_from_spec(found)
    try:
        with neighbours(path):
            found.loader.exec_module(source)
    except Exception as error:  # whatever the user's file does
        raise FactoryError(f"{path}: importing it failed: {error!r}") from error
    factory = getattr(source, name, None)
    if not callable(factory):
        here = [key for key, value in vars(source).items() if callable(value)]
        near = difflib.get_close_matches(name, here, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise FactoryError(f"{path}: has no function '{name}'{hint}")
    return factory


@contextmanager
def neighbours(path: Path) -> Iterator[None]:
    """What runs in here imports the modules beside the file, whatever they are called."""
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def make(spec: str) -> Any:
    """The network that the function of "path/to/file.py:name" makes. Raises FactoryError."""
    factory = load_factory(spec)
    try:
        with neighbours(Path(spec.rpartition(":")[0])):
            module = factory()
    except Exception as error:  # whatever the user's function does
        raise FactoryError(f"{spec}: the function failed: {error!r}") from error
    if not hasattr(module, "state_dict"):
        raise FactoryError(f"{spec}: gives a {type(module).__name__}; expected a torch.nn.Module")
    return module


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape of one input, "1x28x28" -> (1, 28, 28). Raises FactoryError."""
    sizes = text.lower().split("x")
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise FactoryError(f"input shape '{text}'; expected sizes of one input such as 1x28x28")
    return tuple(int(size) for size in sizes)
