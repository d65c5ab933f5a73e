"""A user's own network: the Python function that makes it, and the shape of its input."""

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from dsplet.base.errors import UserError, near, said, shown
from dsplet.base.files import check_readable

MOST_NUMBERS = 1 << 24
"""Of one input: four bytes each, and a network makes more of them."""


class FactoryError(UserError):
    """What the user gave names no usable function or shape."""


def load_factory(spec: str) -> Callable[[], Any]:
    """The function that "path/to/file.py:name" names. The file is imported, which runs it.

    The file may import its neighbours. Raises FactoryError, FileError.
    """
    file, colon, name = spec.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py":
        raise FactoryError(f"'{spec}' names no factory", expected="path/to/file.py:function")
    check_readable(path)
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None and found.loader is not None, "every .py file has a loader"
    source = importlib.util.module_from_spec(found)
    with neighbours(path), users_code(str(path), "importing it failed"):
        found.loader.exec_module(source)
    factory = getattr(source, name, None)
    if not callable(factory):
        here = [key for key, value in vars(source).items() if callable(value)]
        raise FactoryError(f"has no function '{name}'", where=str(path), remedy=near(name, here))
    return factory


@contextmanager
def neighbours(path: Path) -> Iterator[None]:
    """What runs in here imports the modules beside the file, whatever they are called, and leaves
    no compiled ones there."""
    folder, keeps = str(path.parent.resolve()), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = keeps
        if folder in sys.path:
            sys.path.remove(folder)


def make(spec: str) -> Any:
    """The network that the function of "path/to/file.py:name" makes.

    Raises FactoryError, FileError.
    """
    factory = load_factory(spec)
    with neighbours(Path(spec.rpartition(":")[0])), users_code(spec, "the function failed"):
        module = factory()
    if not hasattr(module, "state_dict"):
        raise FactoryError(f"gives a {type(module).__name__}", where=spec,
                           expected="a torch.nn.Module")
    return module


@contextmanager
def users_code(where: str, what: str, kind: type[UserError] = FactoryError) -> Iterator[None]:
    """What the user's own code raises, which may be anything, an exit included, is the user's."""
    try:
        yield
    except UserError as error:
        raise error.at(where) from error.__cause__
    except (Exception, SystemExit) as error:  # the only blanket of this door
        raise kind(f"{what}: {type(error).__name__}: {said(error)}", where=where) from error


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape of one input, "1x28x28" -> (1, 28, 28). Raises FactoryError."""
    sizes = text.lower().split("x")
    if not all(re.fullmatch("0*[1-9][0-9]{0,8}", size) for size in sizes):
        raise FactoryError(f"the input's shape is {shown(text)}",
                           expected="sizes of one input such as 1x28x28")
    shape = tuple(int(size) for size in sizes)
    if prod(shape) > MOST_NUMBERS:
        raise FactoryError(f"an input of {shown(text)} is {prod(shape):,} numbers",
                           expected=f"at most {MOST_NUMBERS:,}")
    return shape
