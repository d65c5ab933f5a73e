"""Trials in processes of their own, each bounded in time and memory."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.fuzz.trials import Outcome, trial

MOST_SECONDS = 5
"""Of a processor's time, so that a busy machine makes no hang of a trial; of the clock, as many
minutes."""
MOST_BYTES = 6 << 30
STARTING = -1


def outcomes(seeds: range, kinds: tuple[str, ...] = (), processes: int = 2
             ) -> Iterator[tuple[int, Outcome]]:
    """What became of the trials of these numbers, in no order."""
    with ThreadPoolExecutor(processes) as pool:
        for found in pool.map(lambda i: list(_run(seeds[i::processes], kinds)), range(processes)):
            yield from found


def _run(seeds: range, kinds: tuple[str, ...]) -> Iterator[tuple[int, Outcome]]:
    """One process after another, as long as some hang or crash."""
    while seeds:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.pool", f"{seeds.start}", f"{seeds.stop}",
             f"{seeds.step}", *kinds], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert worker.stdout and worker.stderr
        last = None
        for line in worker.stdout:
            if line.startswith("{"):
                found = json.loads(line)
                last = found.pop("seed")
                if found:
                    yield last, Outcome(**found)
                    seeds = range(last + seeds.step, seeds.stop, seeds.step)
        words = worker.stderr.read()
        if (code := worker.wait()) == 0:
            return
        if last is None or last not in seeds:
            raise RuntimeError(f"a worker did not start: {words[-2000:]}")
        hangs = code == -signal.SIGPROF or "Timeout" in words
        yield last, Outcome("?", "hang" if hangs else "crash", words[-1500:])
        seeds = range(last + seeds.step, seeds.stop, seeds.step)


def main() -> None:
    first, last, step = map(int, sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    os.environ["OMP_NUM_THREADS"] = "1"
    faulthandler.register(signal.SIGPROF, chain=True)  # says where it is, and ends
    for seed in range(first, last, step):
        print(json.dumps({"seed": seed}), flush=True)
        seconds = MOST_SECONDS + (25 if seed == first else 0)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        faulthandler.dump_traceback_later(60 * seconds, exit=True)
        found = trial(seed, tuple(sys.argv[4:]))
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({"seed": seed, **vars(found)}), flush=True)


if __name__ == "__main__":
    main()
