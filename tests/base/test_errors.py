"""A user's mistake: one line, its place, and what a door makes of what it hears."""

import pytest

from dsplet.base.errors import MOST_SHOWN, UserError, door, near, said, shown


class OwnError(UserError):
    """Made with other arguments than its text."""

    def __init__(self, line: int):
        self.line = line
        super().__init__(f"line {line}", where="a.s")


@pytest.mark.parametrize("parts, text", [
    ({}, "weight_bits is 99"),
    ({"where": "a.toml"}, "a.toml: weight_bits is 99"),
    ({"expected": "2 to 16"}, "weight_bits is 99; expected 2 to 16"),
    ({"remedy": "see --help"}, "weight_bits is 99: see --help"),
    ({"where": "a.toml", "expected": "2 to 16", "remedy": "see --help"},
     "a.toml: weight_bits is 99; expected 2 to 16: see --help"),
])
def test_the_parts_make_a_sentence(parts, text):
    assert str(UserError("weight_bits is 99", **parts)) == text


def test_a_wider_place_stands_in_front_and_once():
    inner = UserError("is gone", where="node 'a'")
    assert str(inner.at("net.onnx")) == "net.onnx: node 'a': is gone"
    assert str(inner.at("net.onnx").at("net.onnx")) == "net.onnx: node 'a': is gone"
    assert inner.where == "node 'a'"
    assert str(UserError("is gone", where="shots/a.png").at("shots")) == "shots/a.png: is gone"
    own = OwnError(7).at("net.zip")
    assert (type(own), own.line, str(own)) == (OwnError, 7, "net.zip: a.s: line 7")


def test_what_a_terminal_would_obey_is_escaped():
    assert str(UserError("'\x1b[31m\u202e\udcff\0'")) == r"'\x1b[31m\u202e\udcff\x00'"
    assert str(UserError("two\nlines\tä")) == "two\nlines\tä"


def test_a_door_blames_the_file_for_what_it_names():
    with pytest.raises(OSError, match="ours"), door("a", ValueError):
        raise OSError("ours")
    with pytest.raises(OwnError) as caught, door("b", KeyError):
        raise OwnError(1)
    assert str(caught.value) == "b: a.s: line 1"

    class Wrong(UserError):
        pass

    with pytest.raises(Wrong) as caught, door(
            "c", KeyError, what="no vectors", expected="a list", remedy="make some", kind=Wrong):
        raise KeyError("steps")
    assert str(caught.value) == "c: no vectors: 'steps' is missing; expected a list: make some"
    assert isinstance(caught.value.__cause__, KeyError)
    with door("d"):
        pass


@pytest.mark.parametrize("error, text", [
    (ValueError("one\ntwo"), "one"),
    (ValueError(), "ValueError"),
    (KeyError("x"), "'x' is missing"),
    (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
    (MemoryError(), "it would take more memory than there is"),
    (OSError(28, "No space left on device", "/x"), "No space left on device"),
    (ValueError("y" * 999), "y" * 200 + "..."),
])
def test_what_libraries_say(error, text):
    assert said(error) == text


def test_values_are_quoted_short():
    assert shown("it") == "'it'" and shown(float("nan")) == "nan"
    assert len(shown("x" * 10**6)) == MOST_SHOWN + 3
    assert shown(10**5000) == "a very long int"


def test_the_nearest_word():
    assert near("colums", ["columns", "enter"]) == "did you mean 'columns'?"
    assert near("zzz", ["columns", "enter"]) == ""
