"""`python -m tests.fuzz [COUNT [FIRST [KIND ...]]]`: so many trials, and their buckets."""

import sys
import time
from collections import Counter

from tests.fuzz.pool import outcomes

GOOD = ("refused", "equal")


def main(count: int = 20_000, first: int = 0, *kinds: str) -> int:
    began, buckets, shown = time.monotonic(), Counter[tuple[str, str]](), set[str]()
    for seed, found in outcomes(range(first, first + count), kinds):
        buckets[found.kind, found.bucket] += 1
        reason = "\n".join(found.what.strip().splitlines()[-3:])
        if found.bucket not in GOOD and reason not in shown:
            shown.add(reason)
            print(f"--- {seed}: {found.kind}, {found.bucket}\n{found.what[-1800:]}")
    for (kind, bucket), n in sorted(buckets.items()):
        print(f"{kind:12} {bucket:10} {n:7}")
    bad = sum(n for (_, bucket), n in buckets.items() if bucket not in GOOD)
    print(f"{sum(buckets.values())} trials, {bad} bad, {time.monotonic() - began:.0f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3]), *sys.argv[3:]))
