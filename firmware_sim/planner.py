"""The memory planner: which buffer lies where, and for how long.

    code       from address 0 upwards: one on-chip bank, unless it is longer
    staging    the next on-chip bank: what inner loops reuse
    fast       the last on-chip bank: float constants, scratch, small activations
    external   weights, borders that must survive, and the activations that are left

Buffers whose lifetimes do not overlap share memory. Code, X operands and Y operands then come from
three different banks (dossier 4.4, the order-independent rule).
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.codegen.code import POOL, SCRATCH
from firmware_sim.targets.target import Region, Target
from quantize.fixed.kernel import Buffer, Kernel, Store, flat, refs

POOL_WORDS = 64


class DoesNotFit(ValueError):
    """The network is larger than the board's memory. missing_bytes: by how much."""

    def __init__(self, message: str, missing_bytes: int) -> None:
        super().__init__(message)
        self.missing_bytes = missing_bytes


@dataclass(frozen=True)
class Placement:
    """A buffer's place. first, last: kernels (by position) between which it must survive; a
    constant survives always. kind: how its integers are stored (see `Speller`)."""

    buffer: str
    address: int
    bytes: int
    region: str
    external: bool
    role: str
    kind: str
    first: int
    last: int


@dataclass
class _Need:
    buffer: Buffer
    bytes: int
    kind: str
    first: int
    last: int

    def overlaps(self, other: _Need) -> bool:
        return self.first <= other.last and other.first <= self.last


class Arena:
    """First fit over one region: lifetimes that overlap never share addresses."""

    def __init__(self, region: Region, start: int) -> None:
        self.region, self.start = region, min(start, region.end)
        self.taken: list[tuple[_Need, int]] = []

    @property
    def used_bytes(self) -> int:
        """The high-water mark."""
        return max((at + n.bytes for n, at in self.taken), default=self.start) - self.start

    def find(self, need: _Need) -> int:
        """The lowest address that is free for the whole lifetime (it may lie past the end)."""
        at = self.start
        for start, end in sorted((a, a + n.bytes) for n, a in self.taken if n.overlaps(need)):
            if at + need.bytes <= start:
                break
            at = max(at, end)
        return at

    def place(self, need: _Need) -> int | None:
        at = self.find(need)
        if at + need.bytes > self.region.end:
            return None
        self.taken.append((need, at))
        return at

    def room_bytes(self, first: int, last: int) -> int:
        """The largest free run at the end of the region during kernels first..last."""
        ends = [a + n.bytes for n, a in self.taken if n.first <= last and first <= n.last]
        return self.region.end - max(ends, default=self.start)


class Plan:
    """Places for all buffers of a program on a target."""

    def __init__(self, target: Target, code_bytes: int) -> None:
        self.target = target
        self.placements: dict[str, Placement] = {}
        chip = [r for r in target.regions if not r.external]
        board = [r for r in target.regions if r.external]
        self._code_end = code_bytes
        low = sorted((r for r in chip if r.start < code_bytes), key=lambda r: r.start)
        free = [r for r in chip if r.start >= code_bytes] or low[-1:]
        self.staging = Arena(free[0], max(free[0].start, code_bytes))
        self.fast = Arena(free[-1], max(free[-1].start, code_bytes)) if len(free) > 1 else (
            self.staging)
        self.external = [Arena(r, max(r.start, code_bytes)) for r in board]

    def __getitem__(self, buffer: str) -> Placement:
        return self.placements[buffer]

    def address(self, buffer: str) -> int:
        return self.placements[buffer].address

    def is_external(self, buffer: str) -> bool:
        return self.placements[buffer].external

    def kind(self, buffer: str) -> str:
        return self.placements[buffer].kind if buffer in self.placements else "word"

    def add(self, buffers: list[Buffer], kernels: tuple[Kernel, ...],
            kinds: dict[str, str]) -> None:
        """Place every buffer; DoesNotFit says by how much the board is too small, and which tensors
        are the largest."""
        lifetimes = _lifetimes(kernels)
        self._nodes = {k.name: k.node for k in kernels}
        needs = [self._need(b, kinds.get(b.name, "word"), lifetimes, len(kernels))
                 for b in buffers if b.role == "const" or b.name in lifetimes]
        for name, words in ((POOL, POOL_WORDS), (SCRATCH, 1)):
            buffer = Buffer(name, words, 0, 0, "const")
            self._put(_Need(buffer, 4 * words, "word", -1, len(kernels)), [self.fast])
        missing = []
        for need in sorted(needs, key=_importance):
            inside = need.buffer.role == "activation" and need.buffer.data is None
            if not self._put(need, [*([self.fast] if inside else []), *self.external]):
                missing.append(need)
        if missing:
            raise self._too_small(needs)

    def stage(self, buffers: list[Buffer], at: int) -> None:
        """Place the staging buffers of kernel number `at`."""
        for b in buffers:
            self._put(_Need(b, 4 * b.size, "word", at, at), [self.staging])

    def staging_words(self, at: int) -> int:
        return self.staging.room_bytes(at, at) // 4

    def _need(self, b: Buffer, kind: str, lifetimes: dict, kernels: int) -> _Need:
        size = (2 if kind == "half" else 4) * b.size
        first, last = lifetimes.get(b.name, (0, 0))
        if b.role == "const" or b.data is not None:
            first, last = -1, kernels
        elif b.role == "input":
            first = -1
        elif b.role == "output":
            last = kernels
        return _Need(b, (size + 3) // 4 * 4, kind, first, last)

    def _put(self, need: _Need, arenas: list[Arena]) -> bool:
        for arena in arenas:
            at = arena.place(need)
            if at is not None:
                b, r = need.buffer, arena.region
                self.placements[b.name] = Placement(b.name, at, need.bytes, r.name, r.external,
                                                    b.role, need.kind, need.first, need.last)
                return True
        return False

    def _title(self, buffer: str) -> str:
        """A buffer's name for people: "weight of conv1" for a kernel's own, else the value's."""
        owner = next((k for k in self._nodes if buffer.startswith(f"{k}_")), None)
        if owner is None:
            return buffer.removeprefix("v_")
        return f"{buffer.removeprefix(owner + '_')} of {self._nodes[owner]}"

    def _too_small(self, needs: list[_Need]) -> DoesNotFit:
        wanted = Arena(self.external[0].region, self.external[0].start)
        for need in sorted((n for n in needs if n.buffer.name not in self.placements
                            or self.placements[n.buffer.name].external), key=_importance):
            wanted.taken.append((need, wanted.find(need)))
        have = sum(a.region.end - a.start for a in self.external)
        largest = sorted(needs, key=lambda n: -n.bytes)[:5]
        names = ", ".join(f"{self._title(n.buffer.name)} {n.bytes:,} B"
                          f"{' (packed as int16)' if n.kind == 'half' else ''}" for n in largest)
        lacking = wanted.used_bytes - have
        return DoesNotFit(
            f"the network needs {wanted.used_bytes:,} B of external memory; board "
            f"'{self.target.board.name}' of {self.target.name} has {have:,} B: {lacking:,} B too "
            f"little. Largest tensors: {names}", lacking)


def _importance(need: _Need) -> tuple:
    """Constants first, in program order; then what is largest."""
    lasting = need.first < 0 and need.buffer.role != "input"
    return (not lasting, 0 if lasting else -need.bytes, need.first, need.buffer.name)


def _lifetimes(kernels: tuple[Kernel, ...]) -> dict[str, tuple[int, int]]:
    """First and last kernel that touches each buffer."""
    spans: dict[str, tuple[int, int]] = {}
    for i, kernel in enumerate(kernels):
        for top in kernel.body:
            names = {r.buffer for r in refs(top)} | {
                s.table for s in flat(top) if hasattr(s, "table")} | {
                s.ref.buffer for s in flat(top) if isinstance(s, Store)}
            for name in names:
                spans[name] = (spans.get(name, (i, i))[0], i)
    return spans
