"""Descriptions against their types: what is said of each thing that does not fit."""

import random
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from dsplet.base.errors import UserError
from dsplet.base.schema import fitted, parse_json, read_json, read_toml
from tests.base.damage import cut, mutated


class Wrong(UserError):
    pass


@dataclass(frozen=True)
class Loose:
    left: int
    right: int = 1


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    left: int
    right: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.left > self.right:
            raise Wrong("left is more than right", expected="an order")


class Box(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, Meta(ge=2, le=16)] = 8
    share: Annotated[float, Meta(ge=-9, le=9)] = 0
    names: list[Annotated[str, Meta(min_length=1)]] | None = None
    kind: Literal["time", "memory"] = "time"
    bits: dict[str, Annotated[int, Meta(ge=2, le=16)]] = {}
    word: Annotated[str, Meta(pattern="^[0-9a-f]+$", description="hexadecimal digits")] = "0"
    pair: Pair | None = None
    pairs: tuple[Pair, ...] = ()


@pytest.mark.parametrize("facts, text", [
    ({"size": 99}, "size is 99; expected a whole number from 2 to 16"),
    ({"size": 2.0}, "size is 2.0; expected a whole number from 2 to 16"),
    ({"size": True}, "size is True; expected a whole number from 2 to 16"),
    ({"size": 10**5000}, "size is a very long int; expected a whole number from 2 to 16"),
    ({"share": float("nan")}, "share is nan; expected a number from -9 to 9"),
    ({"share": float("-inf")}, "share is -inf; expected a number from -9 to 9"),
    ({"share": "x"}, "share is 'x'; expected a number from -9 to 9"),
    ({"siez": 1}, "unknown key 'siez'; expected size, share, names, kind, bits, word, pair, pairs: "
                  "did you mean 'size'?"),
    ({"names": ["a", ""]}, "names[1] is ''; expected a text that is not empty"),
    ({"names": "abc"}, "names is 'abc'; expected a list"),
    ({"kind": "space"}, "kind is 'space'; expected time or memory"),
    ({"bits": {"a": 3, "b": 1}}, "bits.b is 1; expected a whole number from 2 to 16"),
    ({"bits": []}, "bits is []; expected a table"),
    ({"word": "xyz"}, "word is 'xyz'; expected hexadecimal digits"),
    ({"pair": {"left": 1, "rihgt": 2}}, "pair: unknown key 'rihgt'; expected left, right: did you "
                                        "mean 'right'?"),
    ({"pair": {"right": 2}}, "pair: left is missing"),
    ({"pair": {"left": 5, "right": 2}}, "left is more than right; expected an order"),
    ({"pairs": [{"left": 0}, {"left": 1, "right": 0}]},
     "pairs[1].right is 0; expected a whole number of at least 1"),
    ([], "the box is []; expected a table"),
    (None, "the box is None; expected a table"),
])
def test_what_does_not_fit(facts, text):
    with pytest.raises(Wrong) as caught:
        fitted(facts, Box, Wrong, "the box")
    assert str(caught.value) == text


def test_a_dataclass_lets_no_unknown_key_pass():
    with pytest.raises(Wrong, match="unknown key 'rihgt'"):
        fitted({"left": 1, "rihgt": 2}, Loose, Wrong)
    assert fitted({"left": 1}, Loose, Wrong) == Loose(1)


@pytest.mark.parametrize("text, said", [
    (b"size = ", "not a TOML file: Invalid value (at end of document)"),
    (b"size = 1\nsize = 2", "not a TOML file: Cannot overwrite a value (at end of document)"),
    (b"size = 99", "size is 99; expected a whole number from 2 to 16"),
    (b"\x80", "not a text file: byte 0x80 at offset 0 is not UTF-8"),
    (b"size = " + b"9" * 5000, "not a TOML file: Exceeds the limit (4300 digits)"),
    (b"size = " + b"[" * 5000, "not a TOML file: nested too deeply"),
    (b"#" * (1 << 21), "holds 2,097,152 bytes; expected at most 1,048,576"),
])
def test_toml_that_is_refused(text, said, tmp_path):
    (tmp_path / "a.toml").write_bytes(text)
    with pytest.raises(UserError) as caught:
        read_toml(tmp_path / "a.toml", Box, Wrong)
    assert str(caught.value).startswith(f"{tmp_path}/a.toml: {said}")


@pytest.mark.parametrize("text, said", [
    (b"", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    (b"[" * 100_000, "not JSON: nested too deeply"),
    (b"9" * 5000, "not JSON: Exceeds the limit (4300 digits)"),
    (b'{"share": NaN}', "share is nan; expected a number from -9 to 9"),
    (b'{"share": 1e999}', "share is inf; expected a number from -9 to 9"),
    (b"[]", "the whole is []; expected a table"),
])
def test_json_that_is_refused(text, said, tmp_path):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(UserError) as caught:
        read_json(tmp_path / "a.json", Box, Wrong)
    assert str(caught.value).startswith(f"{tmp_path}/a.json: {said}")


def test_what_is_read(tmp_path):
    (tmp_path / "a.toml").write_text('names = ["a"]\n[bits]\na = 2\n')
    assert read_toml(tmp_path / "a.toml", Box, Wrong, size=3) == Box(3, names=["a"],
                                                                     bits={"a": 2})
    found: Any = parse_json('{"pair": {"left": 1}}', Box, Wrong)
    assert found.pair == Pair(1)


TOML = b'size = 9\nshare = 1.5\nnames = ["a", "b"]\n[bits]\na = 2\n[pair]\nleft = 1\nright = 3\n'
JSON = b'{"size": 9, "names": ["a"], "bits": {"a": 2}, "pairs": [{"left": 1, "right": 2}]}'


@pytest.mark.parametrize("read, whole", [(read_toml, TOML), (read_json, JSON)])
def test_damage_is_told_or_harmless(read, whole, tmp_path):
    path = tmp_path / "a"
    for data in [*cut(whole), *mutated(whole, 400, random.Random(1))]:
        path.write_bytes(data)
        try:
            assert isinstance(read(path, Box, Wrong), Box)
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
