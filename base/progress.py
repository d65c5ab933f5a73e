"""A progress bar for what takes longer than two seconds, on a terminal only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

PATIENCE_S = 2.0


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Yield `tick(done, total)`; the bar goes to standard error and leaves nothing behind."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    bar = Progress(console=console, transient=True)
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
