"""`dsplet emit --format kernels`: every pass of either pipeline can be read."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.compile import optimize
from dsplet.quantize.fixed.kernel_reader import from_text
from dsplet.quantize.fixed.kernel_text import to_text
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.network import fixed_graph
from dsplet.workflows.emit import Request
from dsplet.workflows.emit import run as emit
from dsplet.workflows.request import RequestError
from tests.dsplet import small_nets
from tests.firmware_sim.meaning import VOCABULARY


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return str(small_nets.write(tmp_path_factory.mktemp("kernels")) / "small.q.onnx")


def written(source, folder, **asked):
    report = emit(Request(source=source, form="kernels", folder=str(folder), **asked))
    assert report.written == [str(folder / "small.kernels")]
    return (folder / "small.kernels").read_text()


def test_before_any_pass_it_is_the_program(source, tmp_path):
    assert to_text(from_text(written(source, tmp_path))) == to_text(lower(fixed_graph(source)))


def test_after_each_pass_for_c_it_means_the_same(source, tmp_path):
    """The reader and the interpreter, which no pass knows."""
    graph = fixed_graph(source)
    x = graph.inputs[0]
    samples = np.random.default_rng(0).integers(x.format.min, x.format.max + 1, (3, *x.shape))
    names = [name for name, _ in optimize.passes(lower(graph), "balanced")]
    texts = [written(source, tmp_path, after=name) for name in names]
    assert len(set(texts)) > 2
    for text in texts:
        program = from_text(text)
        for sample in samples:
            assert np.array_equal(run(program, sample)[0], graph.run(sample[None])[
                graph.outputs[0].name][0])


def test_after_each_pass_for_the_chip(source, tmp_path):
    compiled = targets.compile(lower(fixed_graph(source)), targets.get("dsp32c-40"))
    for name, program in compiled.passes().items():
        text = written(source, tmp_path, after=name)
        again = to_text(from_text(text, VOCABULARY))
        assert text == to_text(program) and again == to_text(from_text(again, VOCABULARY))
    assert "Round(" in written(source, tmp_path, after="scale")
    assert "Round(" not in written(source, tmp_path, after="memory_time")
    c = {name for name, _ in optimize.passes(compiled.program, "time")}
    assert not c & set(compiled.passes()), "a name must say which processor's pass is meant"


@pytest.mark.parametrize("asked, told", [
    ({"form": "kernels", "after": "fuze"},
     "unknown pass 'fuze'; expected one of forward, fuse_consumers"),
    ({"form": "kernels", "goal": "time"}, "before any pass know no processor: leave out -O"),
    ({"form": "listing", "after": "fuse"}, "is past all passes: leave out --after"),
    ({"form": "c", "after": "fuse"}, "leave out --after")])
def test_what_would_do_nothing_is_refused(source, tmp_path, asked, told):
    with pytest.raises(RequestError) as error:
        emit(Request(source=source, folder=str(tmp_path / "out"), **asked))
    assert told in str(error.value)
    assert not (tmp_path / "out").exists()
