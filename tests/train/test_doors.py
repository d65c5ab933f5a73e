"""Checkpoints that are damaged, foreign or lie: one line each, and nothing else."""

import json
import random

import pytest
import torch
from safetensors.torch import save

from dsplet import data
from dsplet.base.errors import UserError
from dsplet.data import Splits
from dsplet.train import checkpoint, loop, zoo
from dsplet.train.config import TrainConfig
from tests.base.damage import cut, mutated

CARD = zoo.get("net1")
CONFIG = TrainConfig(epochs=2, batch_size=8, learning_rate=1e-3)
FACTS = {"model": "net1", "dataset": "few", "data_sha256": "", "config": {
    "epochs": 2, "batch_size": 8, "learning_rate": 0.001}, "curve": [], "version": "0"}


@pytest.fixture(scope="module")
def few() -> Splits:
    toronto = data.load("toronto")
    return Splits("few", toronto.train[:16], toronto.calibration[:0], toronto.test[:4])


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def of(facts: object) -> bytes:
    return save({"weights/w": torch.zeros(2)}, metadata={
        "dsplet": facts if isinstance(facts, str) else json.dumps(facts)})


WHY = "truncated, or not a safetensors file"


@pytest.mark.parametrize("content, text", [
    (b"", f"{WHY}: "), (b"\xff" * 8, f"{WHY}: "),
    ((2**40).to_bytes(8, "little") + b"{}", f"{WHY}: "),
    (b"PK\3\4" + bytes(100), f"{WHY}: "), (of(FACTS)[:60], f"{WHY}: "),
    (save({"w": torch.zeros(2)}),
     "a safetensors file, but not a checkpoint of dsplet: weights from elsewhere are exported with "
     "their own factory and --weights"),
    (of("{"), "not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
    (of("[" * 10**5), "not JSON: nested too deeply"),
    (of([]), "the whole is []; expected a table"),
    (of({"model": "net1"}), "dataset is missing"),
    (of(FACTS | {"curve": 3}), "curve is 3; expected a list"),
    (of(FACTS | {"curve": [{"epoch": "1"}]}), "curve[0].epoch is '1'; expected a whole number or a "
                                              "number"),
    (of(FACTS | {"config": FACTS["config"] | {"epochs": 0}}), "epochs is 0; expected at least 1"),
    (of(FACTS | {"config": FACTS["config"] | {"epochs": "2"}}),
     "epochs is '2'; expected a whole number"),
    (of(FACTS | {"config": FACTS["config"] | {"epoch": 2}}),
     "unknown key 'epoch'; expected epochs, "),
    (of(FACTS | {"config": FACTS["config"] | {"learning_rate": float("nan")}}),
     "learning_rate is nan; expected above 0"),
    (of(FACTS | {"config": FACTS["config"] | {"weight_decay": float("inf")}}),
     "weight_decay is inf; expected a finite number"),
])
def test_what_is_no_checkpoint(content, text, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert refusal(checkpoint.load, path).startswith(f"{path}: {text}")


def test_a_checkpoint_that_is_not_there(tmp_path):
    assert refusal(checkpoint.load, tmp_path / "a") == (
        f"{tmp_path}/a: no such file: `dsplet train` makes one")
    assert refusal(checkpoint.load, tmp_path) == f"{tmp_path}: is a folder; expected a file"
    assert refusal(checkpoint.load, "/dev/zero") == (
        "/dev/zero: is no regular file; expected a file")


def test_damaged_checkpoints_are_told_or_checkpoints(tmp_path):
    path, whole = tmp_path / "a\udcff.safetensors", of(FACTS)
    for content in [*cut(whole), *mutated(whole, 600, random.Random(5))]:
        path.write_bytes(content)
        try:
            assert isinstance(checkpoint.load(path), checkpoint.Checkpoint)
        except UserError as error:
            str(error).encode()


@pytest.mark.parametrize("damage, text", [
    (lambda resume: resume.pop("random"),
     "cannot resume: the checkpoint holds no random and optimiser state"),
    (lambda resume: resume.update(random=torch.zeros(3)),
     "cannot resume: the checkpoint holds no random and optimiser state"),
    (lambda resume: resume.update({"0.exp_avg": torch.zeros(3)}),
     "cannot resume: the optimiser's '0.exp_avg' (3,) belongs to another network"),
    (lambda resume: resume.update({"99.exp_avg": torch.zeros(3)}),
     "cannot resume: the optimiser's '99.exp_avg' (3,) belongs to another network"),
    (lambda resume: resume.update({"x.exp_avg": torch.zeros(3)}),
     "cannot resume: the optimiser's 'x.exp_avg' (3,) belongs to another network"),
    (lambda resume: resume.pop("0.exp_avg"),
     "cannot resume: a part of the optimiser's state is missing"),
])
def test_a_run_that_cannot_go_on(damage, text, few):
    state = next(loop.epochs(CARD, few, CONFIG))
    damage(state.resume)
    assert refusal(loop.train, CARD, few, CONFIG, None, state) == text


def test_nothing_is_learnt_for_a_file_that_cannot_be_written(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "epochs", lambda *_: pytest.fail("learnt"))
    assert refusal(loop.train, CARD, few, CONFIG, tmp_path / "no/x.safetensors") == (
        f"{tmp_path}/no/x.safetensors: there is no folder {tmp_path}/no: make it, or name one that "
        "is there")
