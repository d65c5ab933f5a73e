"""The page of the networks that come with the package, written once, in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import chromium
from dsplet.workflows import live
from tests.dsplet.live.paper import film, paper

FILMED = "17043"
TESTED_MS = 120_000
"""The self-test's patience, on a machine that has much else to do."""


@dataclass(frozen=True)
class Written:
    """report: of the command. file: the page."""

    report: live.Report
    file: Path


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    file = tmp_path_factory.mktemp("live") / "live.html"
    return Written(live.run(live.Request(out=str(file))), file)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """With a camera, which sees FILMED on paper."""
    if lack := chromium.found():
        pytest.skip(lack)
    seen = film(tmp_path_factory.mktemp("film") / "paper.y4m", paper(FILMED))
    with chromium.started("--use-fake-device-for-media-stream",
                          f"--use-file-for-fake-video-capture={seen}") as made:
        yield made


Opened = Callable[..., Any]


@pytest.fixture
def opened(browser: Any, written: Written) -> Iterator[Opened]:
    """Opens a page of the networks that come with the package and waits for its self-test. At the
    end no error and no request but for the file was seen."""
    contexts: list[Any] = []
    said: list[str] = []
    asked: list[str] = []

    def open_(width: int = 1280, height: int = 900, **more: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **more))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(written.file.as_uri())
        verdict(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not said and set(asked) <= {written.file.as_uri()}


def verdict(page: Any) -> str:
    """What the self-test said, which ends last."""
    line = page.locator("#selftest", has_text="integers")
    line.wait_for(timeout=TESTED_MS)
    return str(line.inner_text())
