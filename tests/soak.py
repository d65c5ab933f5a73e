"""`python -m tests.soak [SECONDS]`: two processes simulate, quantize and emit at random, on a cache
of libraries that is emptied, damaged and closed under them; exit code 1 where a result is another
than that of a quiet run, or where anything is said to be the user's mistake or ours."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.dsplet import small_nets

COMMANDS = {
    "simulate": "simulate small.q.onnx --samples 40 --json",
    "quantize": "quantize small.onnx -o {out}/made.q.onnx --data digits --input-scale 1/256 "
                "--calibrate 50 --recipe nearest --json",
    "emit": "emit small.q.onnx --format c --self-test -o {out} --json",
    "image": "emit small.q.onnx --format image -o {out} --json"}
"""What is run, by a name; {out} is a folder of the process's own."""
OFTEN = ("simulate",) * 3
"""Besides each command once: it is what the cache is for."""


def run(words: str, folder: Path, cache: Path, out: Path) -> tuple[int, str, str]:
    """The exit code, a digest of what was printed and written, and what was said to be wrong."""
    out.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-m", "dsplet", *words.format(out=out).split()],
                          cwd=folder, env=os.environ | {"XDG_CACHE_HOME": str(cache)},
                          capture_output=True, text=True)
    digest = hashlib.sha256(done.stdout.replace(str(out), "").encode())
    for file in sorted(out.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
        file.unlink()
    return done.returncode, digest.hexdigest(), done.stderr


def damages(chance: random.Random) -> list[Callable[[Path], object]]:
    """What may befall a kept library."""
    def changed(path: Path) -> None:
        with open(path, "r+b") as file:
            file.seek(chance.randrange(max(1, path.stat().st_size)))
            file.write(chance.randbytes(16))

    return [Path.unlink, changed, lambda p: os.truncate(p, chance.randrange(20_000)),
            lambda p: os.truncate(p, 0), lambda p: p.write_bytes(b"\x7fELF"),
            lambda p: p.chmod(0o777), lambda p: p.chmod(0)]


def soak(seconds: float, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """How often each command was run and libraries were damaged, and what went wrong: also that
    what there is to see was never there."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder, cache = small_nets.write(Path(scratch)), Path(scratch) / "cache"
        quiet = {name: run(words, folder, Path(scratch) / "quiet", folder / "out")[:2]
                 for name, words in COMMANDS.items()}
        until = time.monotonic() + seconds

        def worker(number: int) -> None:
            chance = random.Random(f"{seed} {number}")
            while time.monotonic() < until:
                name = chance.choice((*COMMANDS, *OFTEN))
                code, digest, said = run(COMMANDS[name], folder, cache, folder / f"out{number}")
                counts[name] += 1
                if (code, digest) != quiet[name] or "error:" in said or "fault:" in said:
                    wrong.append(f"{name}: exit code {code}: {said.strip() or 'another result'}")

        def vandal() -> None:
            chance, libraries = random.Random(seed), cache / "dsplet/libraries"
            while time.monotonic() < until:
                time.sleep(chance.uniform(0, 0.5))
                if libraries.exists():
                    libraries.chmod(chance.choice((0o700, 0o700, 0o700, 0o500, 0o777)))
                for path in sorted(libraries.glob("*")):
                    if chance.random() < 0.5:
                        try:
                            chance.choice(damages(chance))(path)
                            counts["damage"] += 1
                        except OSError:  # the others have been there before
                            pass

        with ThreadPoolExecutor() as pool:
            for job in [pool.submit(vandal), pool.submit(worker, 1), pool.submit(worker, 2)]:
                job.result()
    wrong += [f"{what}: never" for what in ("simulate", "damage") if not counts[what]]
    return counts, wrong


if __name__ == "__main__":
    ran, failures = soak(float(sys.argv[1]) if len(sys.argv) > 1 else 600)
    print(json.dumps({"ran": ran, "wrong": failures}, indent=1))
    sys.exit(1 if failures else 0)
