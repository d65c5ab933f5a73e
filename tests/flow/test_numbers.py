"""A network that answers in numbers, by the workflows behind the commands, the whole way."""

import numpy as np
import pytest

from dsplet import data
from dsplet.quantize.network import Network
from dsplet.train import zoo
from dsplet.workflows import compare, diagnose, export, finetune, quantize, simulate, train, widths
from dsplet.workflows.request import RequestError

pytestmark = pytest.mark.slow


def scores(path, images):
    network = Network(path)
    return network.scores(dict.fromkeys(network.inputs, images))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """adding_gru, hardly trained: its .onnx and its .q.onnx."""
    folder = tmp_path_factory.mktemp("numbers")
    weights, net, fixed = (str(folder / f"adding{e}") for e in (".safetensors", ".onnx", ".q.onnx"))
    train.run(train.Request(model="adding_gru", epochs=1, samples=640, out=weights))
    export.run(export.Request(source=weights, out=net))
    quantize.run(quantize.Request(source=net, out=fixed, calibrate=50))
    return net, fixed


def test_compare_and_simulate_print_how_far_off_the_numbers_are(files):
    net, fixed = files
    seen = compare.run(compare.Request(reference=net, test=fixed, samples="300"))
    images = zoo.get("adding_gru").inputs(data.load("adding").test.images[:300])
    wanted = data.load("adding").test.labels[:300].astype(float)
    for which, path in (("reference", net), ("test", fixed)):
        errors = scores(path, images) - wanted
        assert getattr(seen, f"{which}_accuracy_percent") == pytest.approx(
            100 * np.mean(np.abs(errors) < 0.04))
        assert getattr(seen, f"{which}_nrmse_percent") == pytest.approx(
            100 * np.sqrt(np.mean(errors**2)) / wanted.std(), rel=1e-4)
    assert seen.right_within == 0.04 and seen.largest_difference < 0.03
    assert seen.confusion_test is None and seen.mcnemar_p is None

    run = simulate.run(simulate.Request(source=fixed, samples="3", board="1989"))
    assert run.differing_integers == 0 and run.cycles == run.worst_case_cycles
    first = scores(fixed, images[:1])[0, 0] - wanted[0, 0]
    assert run.first_samples[0].largest_error == pytest.approx(abs(first), abs=1e-6)
    assert run.nrmse_percent > 0
    stream = simulate.run(simulate.Request(source=fixed, samples="2", stream=True))
    assert stream.steps == 110 and stream.differing_integers == 0


def test_what_counts_classes_is_refused(files):
    net, fixed = files
    for workflow, asked in (
            (diagnose, diagnose.Request(reference=net, test=fixed)),
            (widths, widths.Request(source=net)),
            (finetune, finetune.Request(reference=net, test=fixed, out=f"{fixed}.new")),
            (quantize, quantize.Request(source=net, out=fixed, stability=2))):
        with pytest.raises(RequestError, match="works with classes, and the labels are numbers"):
            workflow.run(asked)
