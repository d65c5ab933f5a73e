"""Who hears how a long job gets on: nobody, or whoever sits at the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_S = 2.0

Tick = Callable[[int, int], None]
"""`tick(done, total)`."""


class Watch:
    """Hears everything and says nothing."""

    @contextmanager
    def progress(self, description: str) -> Iterator[Tick]:
        """Yield `tick(done, total)` for a job, to be called as it gets on."""
        yield lambda done, total: None

    def note(self, text: str) -> None:
        """Something to know that is no part of a result."""


SILENT = Watch()


class Terminal(Watch):
    """Standard error: notes as lines, and on a terminal a bar for what takes over two seconds,
    which leaves nothing behind."""

    @contextmanager
    def progress(self, description: str) -> Iterator[Tick]:
        if not sys.stderr.isatty():
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import Progress
        bar = Progress(console=Console(stderr=True), transient=True)
        task = bar.add_task(description)
        begin = time.monotonic()

        def tick(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not bar.live.is_started and time.monotonic() - begin > PATIENCE_S:
                bar.start()

        try:
            yield tick
        finally:
            bar.stop()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
