"""Whether the tensors of a file are a module's weights; PyTorch's tensors, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dsplet.base.errors import UserError

SHOWN = 4
"""Of many faults a message lists so many."""


class WeightsError(UserError):
    """A file that does not hold the module's weights, or a module whose weights none can hold."""


def dense(module: Mapping[str, Any]) -> None:
    """WeightsError where an entry of a module's state is no dense tensor of real numbers."""
    for name, tensor in module.items():
        layout = str(getattr(tensor, "layout", ""))
        if not layout or getattr(tensor, "is_quantized", False):
            raise WeightsError("the module is quantized by PyTorch", where=f"tensor '{name}'",
                               expected="the float module, which dsplet quantizes itself")
        if layout != "torch.strided":
            raise WeightsError(f"is sparse ({layout})", where=f"tensor '{name}'",
                               expected="a dense tensor", remedy="tensor.to_dense() makes one")
        if tensor.is_complex():
            raise WeightsError(f"is complex ({_dtype(tensor)})", where=f"tensor '{name}'",
                               expected="real numbers")


def fitted(stored: Mapping[str, Any], module: Mapping[str, Any]) -> dict[str, Any]:
    """The stored tensors under every name of the module's state. A tensor that has several names in
    the module needs but one in the file.

    Raises WeightsError: which names, shapes and kinds of numbers differ.
    """
    dense(module)
    found = dict(stored)
    for group in _tied(module):
        given = [name for name in group if name in stored]
        for name in group:
            if given and name not in stored:
                found[name] = stored[given[0]]
    if prefix := _prefix(found, module):
        raise WeightsError(f"every key lacks the prefix '{prefix}'", remedy="write the file from "
                           "the whole module's state_dict()")
    if prefix := _prefix(module, found):
        raise WeightsError(f"every key has the prefix '{prefix}' too many", remedy="write the file "
                           "from the state_dict() of the module inside")
    faults = [f"'{a}' and '{b}' are one tensor in the module and two in the file"
              for a, *others in _tied(module) for b in others
              if a in stored and b in stored and not stored[a].equal(stored[b])]
    faults += [f"'{name}' is missing" for name in module if name not in found]
    faults += [f"'{name}' is not in the module" for name in found if name not in module]
    for name, tensor in module.items():
        if name in found:
            faults += _differences(name, found[name], tensor)
    if faults:
        more = f"; and {len(faults) - SHOWN} more" * (len(faults) > SHOWN)
        raise WeightsError(f"these are not the module's weights: {'; '.join(faults[:SHOWN])}{more}")
    return found


def _tied(module: Mapping[str, Any]) -> list[list[str]]:
    """The names of every tensor that has several."""
    groups: dict[tuple, list[str]] = {}
    for name, tensor in module.items():
        if tensor.numel():
            key = tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), _dtype(tensor)
            groups.setdefault(key, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _prefix(short: Mapping[str, Any], long: Mapping[str, Any]) -> str:
    """What stands before every name of `short` in `long`; "" where that is not all."""
    if not short or len(short) != len(long):
        return ""
    first = next(iter(short))
    ends = [name.removesuffix(first) for name in long if name.endswith(f".{first}")]
    return next((p for p in ends if all(p + name in long for name in short)), "")


def _differences(name: str, found: Any, wanted: Any) -> list[str]:
    if found.shape != wanted.shape:
        return [f"'{name}' is {tuple(found.shape)}, the module's {tuple(wanted.shape)}"]
    if found.is_floating_point() != wanted.is_floating_point() or found.is_complex():
        return [f"'{name}' holds {_dtype(found)}, the module's {_dtype(wanted)}"]
    return []


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")
