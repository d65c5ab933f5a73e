"""From a PyTorch network to fixed point to machine code of a small processor.

In a notebook:

    import dsplet
    net = dsplet.load("x.onnx")               # or export_module(module, "x.onnx", (1, 28, 28))
    fixed = net.quantize(samples)             # calibration samples: a numpy array
    fixed.compare(net, samples, labels)       # accuracies, flips, signal to noise of every layer
    fixed.simulate(samples, target="dsp32c-40")     # machine code: cycles, latency, memory
    fixed.emit_c()                            # C99 sources, by file name
    fixed.maps("c1/Conv", samples)            # what the chip's memory held, as pictures
    fixed.save("x.q.onnx")

Samples are numpy arrays (N, *shape), a dictionary of them by name where there are several inputs:
floats as the network reads them, or uint8 images where the network's file says how pixels become
its input. What is found is a frozen dataclass with the fields of the commands' --json, which a
notebook shows as tables. Nothing prints. A mistake of the user is a `UserError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsplet.base.display import curves, table
    from dsplet.base.errors import UserError
    from dsplet.maps import Maps
    from dsplet.nets import FixedNet, FloatNet, export_module, load

__all__ = ["FixedNet", "FloatNet", "Maps", "UserError", "curves", "export_module", "load", "table"]
HOMES = {"Maps": "dsplet.maps", "UserError": "dsplet.base.errors",
         "curves": "dsplet.base.display", "table": "dsplet.base.display"}
"""Of what is not in `dsplet.nets`."""


def __getattr__(name: str) -> Any:
    """Everything is imported when it is asked for: NumPy is large, and an interrupt meanwhile is
    for the command line to tell of."""
    if name not in __all__:
        raise AttributeError(f"module 'dsplet' has no attribute '{name}'")
    from importlib import import_module
    return getattr(import_module(HOMES.get(name, "dsplet.nets")), name)
