"""Files that were whole once: cut short, and with bytes turned, lost and doubled."""

import random
from collections.abc import Iterator


def cut(data: bytes) -> Iterator[bytes]:
    """At every sixteenth of the length."""
    return (data[:len(data) * i // 16] for i in range(16))


def mutated(data: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """`count` copies, each with one to four faults."""
    for _ in range(count):
        found = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            found = found or bytearray(1)
            at = chance.randrange(len(found))
            match chance.randrange(5):
                case 0:
                    found[at] ^= 1 << chance.randrange(8)
                case 1:
                    found[at] = chance.randrange(256)
                case 2:
                    del found[at:at + chance.randint(1, 8)]
                case 3:
                    found[at:at] = found[at:at + chance.randint(1, 8)]
                case 4:
                    found[at] = chance.choice(b"0129eE-+.,[]{}\"\n\xff")
        yield bytes(found)


def flipped(data: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """`count` copies of the same length, each with one bit turned: lengths and tags mostly hold."""
    for _ in range(count):
        found = bytearray(data)
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
        yield bytes(found)
