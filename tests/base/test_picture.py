"""The file that a picture is to be: asked for in time."""

import pytest

from dsplet.base.errors import UserError
from dsplet.base.picture import check


@pytest.mark.parametrize("name, text", [
    ("a.pdf", "{}/a.pdf: not the name of a picture; expected one that ends in .svg or .png"),
    ("no/a.svg", "{0}/no/a.svg: there is no folder {0}/no: make it, or name one that is there"),
])
def test_names_that_are_refused(name, text, tmp_path):
    with pytest.raises(UserError) as caught:
        check(tmp_path / name)
    assert str(caught.value) == text.format(tmp_path)


def test_the_kinds(tmp_path):
    assert check(tmp_path / "a.svg") == "svg" and check(tmp_path / "a.png") == "png"
