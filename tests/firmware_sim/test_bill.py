"""The bill by networks inside a network."""

from dataclasses import astuple

from dsplet.firmware_sim.bill import LayerRow, module_rows


def bill_of(*layers):
    """Rows of (name, MACs, cycles), and their sum."""
    total = ("total", *(sum(layer[i] for layer in layers) for i in (1, 2)))
    return [LayerRow(layer=name, op="", macs=macs, cycles=cycles, worst_case=None, lower_bound=0.0,
                     spent={}, cycles_per_mac=None) for name, macs, cycles in (*layers, total)]


def test_networks_inside_a_network_have_their_own_bill():
    """h computes the weights of g, in turns."""
    rows = module_rows(bill_of(("x", 0, 5.0), ("h.a/Gemm", 10, 12.0), ("g/MatMul", 20, 30.0),
                               ("h.b.c/Tanh", 0, 3.0), ("y", 0, 0.0)))
    assert [astuple(row) for row in rows] == [
        ("x", 0, 5.0, 10.0, None), ("h", 10, 15.0, 30.0, 1.5), ("g", 20, 30.0, 60.0, 1.5),
        ("y", 0, 0.0, 0.0, None)]


def test_a_network_of_layers_has_no_bill_by_networks():
    assert module_rows(bill_of(("x", 0, 5.0), ("h1/Gemm", 10, 12.0), ("f/v1.5", 0, 1.0))) is None
