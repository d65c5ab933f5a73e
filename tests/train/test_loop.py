"""The training loop: same seed, same bytes; an interruption leaves no trace; damage is refused."""

import dataclasses
import math
import os

import numpy as np
import pytest
import torch

from dsplet import data
from dsplet.base.files import FileError
from dsplet.data import Splits
from dsplet.train import checkpoint, loop, zoo
from dsplet.train.checkpoint import CheckpointError
from dsplet.train.config import ConfigError, TrainConfig
from dsplet.train.evaluate import Evaluation, evaluate, predictor

pytestmark = pytest.mark.slow

CARD = zoo.get("zip1989")
CONFIG = TrainConfig(epochs=3, batch_size=16, learning_rate=5e-3, weight_decay=0.05, shift=1)


@pytest.fixture(scope="module")
def few() -> Splits:
    digits = data.load("digits")
    return Splits("few", digits.train[:150], digits.calibration[:20], digits.test[:20])


@pytest.fixture(scope="module")
def finished(few, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "whole.safetensors"
    loop.train(CARD, few, CONFIG, path)
    return path


def test_same_seed_same_bytes(few, finished, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the caller's threads and random state do not matter
    torch.manual_seed(99)
    before = torch.get_rng_state()
    loop.train(CARD, few, CONFIG, tmp_path / "again.safetensors")
    assert torch.equal(before, torch.get_rng_state()) and torch.get_num_threads() == 1
    torch.set_num_threads(threads)
    assert (tmp_path / "again.safetensors").read_bytes() == finished.read_bytes()

    other = dataclasses.replace(CONFIG, seed=1)
    loop.train(CARD, few, other, tmp_path / "other.safetensors")
    assert (tmp_path / "other.safetensors").read_bytes() != finished.read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_resuming_equals_not_stopping(few, tmp_path, optimizer, stop_after):
    config = dataclasses.replace(CONFIG, optimizer=optimizer)
    loop.train(CARD, few, config, tmp_path / "whole.safetensors")
    part = tmp_path / "part.safetensors"
    for state in loop.epochs(CARD, few, config):
        checkpoint.save(state, part)
        if len(state.curve) == stop_after:
            break
    stopped = checkpoint.load(part)
    assert not stopped.finished and stopped.resume
    loop.train(CARD, few, config, part, resume=stopped)
    assert part.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_a_finished_run_is_not_trained_further(few, finished):
    whole = checkpoint.load(finished)
    assert whole.finished and not whole.resume
    assert loop.train(CARD, few, CONFIG, resume=whole) is whole


def test_resuming_another_run_is_refused(few, finished):
    whole = checkpoint.load(finished)
    longer = dataclasses.replace(CONFIG, epochs=9)
    with pytest.raises(CheckpointError, match="the checkpoint's settings: .*epochs=3.*epochs=9"):
        loop.train(CARD, few, longer, resume=whole)
    with pytest.raises(CheckpointError, match="the checkpoint's model: zip1989, now .* lenet5"):
        loop.train(zoo.get("lenet5"), few, CONFIG, resume=whole)
    with pytest.raises(CheckpointError) as caught:
        loop.train(CARD, dataclasses.replace(few, name="usps"), CONFIG, resume=whole)
    assert str(caught.value) == (
        f"cannot resume: the checkpoint's data: {few.name}, now asked for: usps")
    with pytest.raises(CheckpointError) as caught:
        loop.train(CARD, dataclasses.replace(few, train=few.test), CONFIG, resume=whole)
    assert str(caught.value) == (
        f"cannot resume: '{few.name}' is not what the checkpoint has learnt from: other samples, "
        "or another number of them: give the same --data and --samples as at the start")


def test_the_curve_is_recorded(few, finished):
    whole = checkpoint.load(finished)
    assert [row["epoch"] for row in whole.curve] == [1, 2, 3]
    assert whole.curve[-1]["train_loss"] < whole.curve[0]["train_loss"]
    last = evaluate(
        predictor(whole.module()), CARD.inputs(few.calibration.images), few.calibration.labels
    )
    assert whole.curve[-1]["calibration_error"] == last.errors / 20
    assert whole.model == "zip1989" and whole.data_sha256 == few.sha256


def test_an_empty_training_split_is_refused(few):
    with pytest.raises(data.DataError, match="'few' has no training images"):
        loop.train(CARD, dataclasses.replace(few, train=few.train[:0]), CONFIG)


@pytest.mark.parametrize("model, wanted, gives", [("oscillator", "classes", "64 numbers"),
                                                  ("zip1989", "3 numbers", "classes")])
def test_answers_of_another_kind_are_refused(few, model, wanted, gives):
    train = few.train
    if "3" in wanted:
        train = data.Samples(train.images, np.zeros((150, 3), np.float32), train.index)
    splits = Splits("few", train, few.calibration, few.test)
    with pytest.raises(data.DataError, match=f"'few' wants {wanted} of .*'{model}' gives {gives}"):
        loop.train(zoo.get(model), splits, CONFIG)


def test_numbers_are_learnt(tmp_path):
    """The mean of each image's two halves, which a layer without a squash can compute."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (400, 4, 2), np.uint8)
    wanted = images.reshape(400, 2, 4).mean(2).astype(np.float32) / 256
    made = data.Samples(images, wanted, np.arange(400))
    card = dataclasses.replace(
        CARD, input_shape=(1, 4, 2), classes=("up", "down"), loss="numbers", tolerance=0.05,
        normalization=data.Normalization(1 / 256, 0.0),
        build=lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 2)))
    config = TrainConfig(epochs=60, batch_size=16, learning_rate=2e-2)
    last = list(loop.epochs(card, Splits("made", made, made[:50], made), config))[-1]
    first = last.curve[0]
    assert first["train_error"] > 0.5 and last.curve[-1]["calibration_error"] < 0.1
    assert torch.allclose(last.weights["1.weight"], torch.eye(2).repeat_interleave(4, 1) / 4,
                          atol=0.05)


def test_divergence_is_told_with_its_epoch(few):
    config = dataclasses.replace(CONFIG, learning_rate=1e30, optimizer="sgd")
    with pytest.raises(loop.DivergedError, match="diverged in epoch 1 .* lower one than 1e.30"):
        loop.train(zoo.get("lenet5"), few, config)


def test_no_progress_bar_where_there_is_no_terminal(few, capfd):
    loop.train(CARD, few, CONFIG)
    assert capfd.readouterr() == ("", "")


def test_no_calibration_images_leave_a_gap_in_the_curve(few):
    bare = dataclasses.replace(few, calibration=few.calibration[:0])
    first = next(loop.epochs(CARD, bare, CONFIG))
    assert first.curve[0]["calibration_error"] is None


def test_shift_moves_images_whole_and_not_too_far():
    image = torch.zeros(200, 5, 5, dtype=torch.uint8)
    image[:, 2, 2] = 255
    moved = loop.shifted(image, 1)
    where = moved.nonzero()[:, 1:] - 2
    assert moved.sum() == 200 * 255 and where.abs().max() == 1
    assert len({tuple(step) for step in where.tolist()}) == 9


def test_learning_rate_schedules():
    one_cycle = dataclasses.replace(CONFIG, learning_rate=1.0)
    rates = [loop.learning_rate(one_cycle, t) for t in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([0.1, 0.55, 1, 0.5, 0])
    cosine = dataclasses.replace(one_cycle, schedule="cosine")
    rates = [loop.learning_rate(cosine, t) for t in (0, 1 / 3, 1)]
    assert rates == pytest.approx([1, 0.5 + 0.5 * math.cos(math.pi / 3), 0])


# --- checkpoints ---------------------------------------------------------------------------------


def test_checkpoint_round_trip(finished, tmp_path):
    whole = checkpoint.load(finished)
    checkpoint.save(whole, tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == finished.read_bytes()
    assert os.listdir(tmp_path) == ["copy.safetensors"]


def test_missing_truncated_and_foreign_checkpoints(finished, tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileError, match="x.safetensors: no such file: `dsplet train` makes one"):
        checkpoint.load(path)
    path.write_bytes(finished.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="truncated, or not a safetensors file"):
        checkpoint.load(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="truncated, or not a safetensors file"):
        checkpoint.load(path)
    torch.save({"w": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="truncated, or not a safetensors file"):
        checkpoint.load(path)
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of dsplet"):
        checkpoint.load(path)


def test_weights_of_another_model_are_refused(finished):
    whole = checkpoint.load(finished)
    with pytest.raises(CheckpointError, match="not the weights of 'lenet5'"):
        dataclasses.replace(whole, model="lenet5").module()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 0}, "epochs is 0; expected at least 1"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0; expected above 0"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; expected adamw or sgd"),
        ({"momentum": 1.0}, r"momentum is 1.0; expected in \[0, 1\)"),
        ({"dropout": 1}, "unknown key 'dropout'; expected epochs"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig.from_dict(dataclasses.asdict(CONFIG) | change)


# --- accuracy ------------------------------------------------------------------------------------


def test_evaluation():
    scores = np.eye(3, dtype=np.float32)
    x, labels = np.arange(3)[:, None], np.array([0, 1, 1])
    found = evaluate(lambda x: scores[x[:, 0]], x, labels)
    assert found == Evaluation(1, 3)
    assert str(found) == "66.67 % (1 errors in 3 samples)"
    with pytest.raises(ValueError, match="no samples"):
        evaluate(lambda x: x, np.zeros((0, 1)), np.zeros(0))


def _test_error(card, dataset, **changes) -> Evaluation:
    splits = data.load(dataset)
    trained = loop.train(card, splits, dataclasses.replace(card.config(dataset), **changes))
    x = card.inputs(splits.test.images)
    return evaluate(predictor(trained.module()), x, splits.test.labels)


@pytest.mark.slow
def test_zip1989_reads_the_embedded_digits():
    found = _test_error(CARD, "digits")
    assert found.samples == 360 and found.error_percent <= 4.0


@pytest.mark.slow
@pytest.mark.skipif("DSPLET_DATA" not in os.environ, reason="set DSPLET_DATA for usps/usps.npz")
def test_zip1989_reads_zip_codes_about_as_well_as_in_1989():
    found = _test_error(CARD, "usps", epochs=12)
    assert found.samples == 2007 and found.error_percent <= 5.5


def test_zip1989_beats_chance_after_a_few_epochs(few):
    config = TrainConfig(epochs=8, batch_size=16, learning_rate=5e-3, shift=1)
    trained = loop.train(CARD, few, config)
    assert trained.curve[-1]["train_error"] < 0.5


def test_map_loss_is_that_of_1998():
    """Equation 9: penalty of the class, plus the log of a sum over all classes and rubbish."""
    penalties = np.array([[0.5, 3.0, 7.0], [40.0, 1.0, 0.2]])
    labels = [0, 1]
    expected = np.mean([p[i] + np.log(np.exp(-0.1) + np.exp(-p).sum())
                        for p, i in zip(penalties, labels, strict=True)])
    loss = loop.LOSSES["map"](torch.tensor(-penalties), torch.tensor(labels))
    assert loss.item() == pytest.approx(expected)
