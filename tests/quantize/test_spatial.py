"""Networks over space in fixed point: what ONNX Runtime computes of the float file, within a few
steps, and the same integers in C and on the chip."""

import numpy as np
import pytest

from dsplet.export.c import host
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import quantize
from tests.quantize import onnx_nets as nets
from tests.quantize.spatial_nets import SPATIAL

pytestmark = pytest.mark.slow

MODELS = dict(SPATIAL)
QUICK = """transposed_stride transposed_gaps transposed_3d transposed_folded
resize_linear_half_pixel_odd resize_linear_half_pixel_up resize_nearest_align_corners_odd
resize_upsample pool_excluded_pads
pool_included_ceil pool_max_dilated space_pad_reflect space_conv_3d space_depth_to_space""".split()


def loaded(name, tmp_path):
    (tmp_path / "net.onnx").write_bytes(MODELS[name].SerializeToString())
    return from_onnx.load(tmp_path / "net.onnx")


def sqnr_db(name, tmp_path):
    graph, x = loaded(name, tmp_path), nets.inputs(MODELS[name], 20)["x"]
    fixed = quantize(graph, x)
    expected = nets.run_each(MODELS[name], {"x": x})
    q = fixed.inputs[0].format.quantize(x)
    y = fixed.outputs[0].format.dequantize(Executor(fixed, threads=1)(q)[0])
    noise = ((y - expected) ** 2).sum()
    return fixed, q[:2], 10 * np.log10((expected**2).sum() / max(noise, 1e-30))


@pytest.mark.parametrize("name", QUICK)
def test_a_network_and_its_executions(name, tmp_path):
    fixed, q, found = sqnr_db(name, tmp_path)
    assert found > 30
    expected = fixed.run(q)[fixed.outputs[0].name]
    assert np.array_equal(np.asarray(host.compile(lower(fixed))(q)), expected)
    chip = targets.compile(lower(fixed), targets.get("dsp32c-40"))
    assert np.array_equal(chip.simulate([q]).outputs[0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", [m for m in MODELS if m not in QUICK])
def test_a_network(name, tmp_path):
    assert sqnr_db(name, tmp_path)[2] > 30


@pytest.mark.parametrize("name, macs", [
    # 6 x 7 outputs of 3 channels, each of 2 channels and 3 x 3 taps
    ("transposed_plain", 3 * 6 * 7 * 2 * 9),
    # 8 x 13 outputs at 4 x 5 places: phases of 2 and of 1 tap, and three of 1
    ("transposed_stride", 3 * 2 * (4 * 2 + 4 * 1) * (5 * 3)),
    # a phase without a tap counts as one of one tap
    ("transposed_gaps", 3 * 2 * (3 * 2) * (4 * 3)),
    # 8 x 12 of 2 channels, from 2 x 2 neighbours each
    ("resize_linear_half_pixel_up", 2 * 8 * 12 * 4),
    ("resize_nearest_half_pixel_up", 0)])
def test_nothing_is_multiplied_by_stuffed_zeros(name, macs, tmp_path):
    fixed = quantize(loaded(name, tmp_path), nets.inputs(MODELS[name], 4)["x"])
    assert fixed.macs == macs


def test_a_transposed_convolution_takes_what_stands_around_it(tmp_path):
    graph = loaded("transposed_folded", tmp_path)
    assert [n.op for n in graph.nodes if n.op not in ("Pad", "Slice")] == [
        *["Conv"] * 4, "Interleave", "Conv"]
    assert all(n.bounds == (0, np.inf) for n in graph.nodes[:-3] if n.op == "Conv")
