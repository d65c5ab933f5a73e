"""engine.wasm: the engine's C as WebAssembly, committed, so that nobody else needs this compiler.

`make wasm` builds it, with nothing but the standard library and the `ziglang` wheel of one version.
Its last section is the digest of what it was made from; a test holds that against the sources, and
`.ci/run` builds it again and compares the bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
WASM = FOLDER / "engine.wasm"
SOURCES = sorted(FOLDER.glob("engine*.[ch]"))
ZIG = "0.17.1"
FLAGS = ("-target", "wasm32-freestanding", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2",
         "-ffp-contract=off", "-fvisibility=hidden", "-nostdlib", "-s", "-Wl,--no-entry",
         "-Wl,--export-dynamic", "-Wl,-z,stack-size=65536")
"""-O3, vectors and wasm-opt gained nothing."""
NAME = b"sources"


def digest() -> str:
    """SHA-256 of compiler, flags and sources."""
    made_from = hashlib.sha256("\0".join([ZIG, *FLAGS]).encode())
    for source in SOURCES:
        made_from.update(b"\0" + source.name.encode() + b"\0" + source.read_bytes())
    return made_from.hexdigest()


def section() -> bytes:
    """The custom section that holds the digest: 0, length, length of the name, name, content."""
    content = bytes([len(NAME)]) + NAME + digest().encode()
    return bytes([0, len(content)]) + content


def built() -> bytes:
    """engine.wasm, made anew. Raises CalledProcessError."""
    zig = [sys.executable, "-m", "ziglang"]
    version = subprocess.run([*zig, "version"], check=True, capture_output=True, text=True).stdout
    if version.strip() != ZIG:
        raise SystemExit(f"ziglang is {version.strip()}, expected {ZIG}")
    with tempfile.TemporaryDirectory(prefix="dsplet-") as scratch:
        made = Path(scratch) / WASM.name
        subprocess.run([*zig, "cc", *FLAGS, "engine.c", "-o", str(made)], check=True, cwd=FOLDER)
        return made.read_bytes() + section()


def main() -> None:
    """Build, or with --check compare. Raises SystemExit."""
    parser = argparse.ArgumentParser(description="build engine.wasm")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; exit code 1 where the file is another")
    check = parser.parse_args().check
    content = built()
    if check and content != WASM.read_bytes():
        raise SystemExit(f"{WASM.name} is not what its sources make: make wasm")
    if not check:
        WASM.write_bytes(content)
    print(f"{WASM.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
