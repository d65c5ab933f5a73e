"""A network that answers in numbers, by the functions behind the commands, the whole way."""

import numpy as np
import pytest

from dsplet import cli, data
from dsplet.quantize.network import Network
from dsplet.train import zoo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """adding_gru, hardly trained: its .onnx and its .q.onnx."""
    folder = tmp_path_factory.mktemp("numbers")
    weights, net, fixed = (str(folder / f"adding{e}") for e in (".safetensors", ".onnx", ".q.onnx"))
    cli.train("adding_gru", epochs=1, samples=640, out=weights)
    cli.export(weights, net)
    cli.quantize(net, fixed, calibrate=50)
    return net, fixed


def test_compare_and_simulate_print_how_far_off_the_numbers_are(files):
    net, fixed = files
    seen = cli.compare(net, fixed, samples="300")
    images = zoo.get("adding_gru").inputs(data.load("adding").test.images[:300])
    wanted = data.load("adding").test.labels[:300].astype(float)
    for which, path in (("reference", net), ("test", fixed)):
        errors = Network(path).scores(images) - wanted
        assert seen[f"{which}_accuracy_percent"] == pytest.approx(
            100 * np.mean(np.abs(errors) < 0.04))
        assert seen[f"{which}_nrmse_percent"] == pytest.approx(
            100 * np.sqrt(np.mean(errors**2)) / wanted.std(), rel=1e-4)
    assert seen["right_within"] == 0.04 and seen["largest_difference"] < 0.03
    assert "confusion_test" not in seen and "mcnemar_p" not in seen

    run = cli.simulate(fixed, samples="3", board="1989")
    assert run["differing_integers"] == 0 and run["cycles"] == run["worst_case_cycles"]
    first = Network(fixed).scores(images[:1])[0, 0] - wanted[0, 0]
    assert run["first_samples"][0]["largest_error"] == pytest.approx(abs(first), abs=1e-6)
    assert run["nrmse_percent"] > 0
    stream = cli.simulate(fixed, samples="2", stream=True)
    assert stream["steps"] == 110 and stream["differing_integers"] == 0


def test_what_counts_classes_is_refused(files):
    net, fixed = files
    for command in (lambda: cli.diagnose(net, fixed), lambda: cli.widths(net),
                    lambda: cli.finetune(net, fixed, fixed),
                    lambda: cli.quantize(net, fixed, stability=2)):
        with pytest.raises(cli.UsageProblem, match="works with classes, and data set 'adding'"):
            command()
