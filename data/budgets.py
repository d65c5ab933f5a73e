"""Budgets: what the machines of the time needed, or could not undercut, for one inference.

A budget has the name SYSTEM/KIND, such as `zip1989/published` or `lenet5_1998/era`; a model of the
zoo is a system of its own name. Kinds:

    published   a rate that a paper states for named hardware; "more than" bounds the time
    era         3 million connections a second, a 40 MHz DSP32C on sparsely connected nets, 1991
    dense       1.5 instructions a multiply-accumulate at 100 ns: what long rows allow
    peak        one multiply-accumulate an instruction, 10 million a second: no program is faster
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from dsplet.base.errors import UserError, near

Kind = Literal["published", "era", "dense", "peak"]

ERA_LINKS_PER_MS = 3_000
PEAK_MACS_PER_MS = 10_000
DENSE_INSTRUCTIONS_PER_MAC = 1.5

ANNA = "Sackinger et al., NIPS 4:773-780, 1991"
ZIP = "LeCun et al., Neural Computation 1(4):541-551, 1989"
LENET1 = "LeCun et al., NIPS 2:396-404, 1990"
IEEE = "LeCun et al., Proc. IEEE 86(11):2278-2324, 1998"
SOURCES = {
    "era": f"3 million connections a second at 40 MHz ({ANNA})",
    "dense": "1.5 instructions a multiply-accumulate; a 1990 DSP ring kept 90 % of its peak on "
             "dense layers (Kohn et al., NIPS 4:781-788, 1991)",
    "peak": f"one multiply-accumulate each 100 ns ({ANNA})",
}


class BudgetError(UserError):
    """No budget has that name."""


@dataclass(frozen=True)
class Budget:
    """latency_ms: of one inference. links, macs: what it was derived from, where it was."""

    name: str
    kind: Kind
    latency_ms: float
    links: int
    macs: int
    source: str
    system: str


@dataclass(frozen=True)
class Rate:
    """A machine: instruction_ns, and millions a second of MACs at its peak and of connections as
    published for neural networks (0: none found)."""

    machine: str
    instruction_ns: float
    peak_mmacs: float
    published_mlinks: float
    remark: str
    source: str


# system: links, multiply-accumulates, which kinds it has besides `peak`, and what it is
_SYSTEMS = {
    "net1": (2_570, 2_560, "era", "Net-1, CRG-TR-89-4"),
    "net2": (3_214, 3_192, "era", "Net-2, CRG-TR-89-4"),
    "net3": (1_226, 1_136, "era", "Net-3, CRG-TR-89-4"),
    "net4": (2_266, 2_112, "era", "Net-4, CRG-TR-89-4"),
    "net5": (5_194, 4_992, "era", "Net-5, CRG-TR-89-4"),
    "zip1989": (64_660, 63_660, "era", f"the zip-code net, {ZIP}"),
    "lenet1": (98_442, 94_592, "era", f"LeNet-1, {LENET1}"),
    "bell92": (135_736, 135_736, "era", f"ANNA's digit net, {ANNA}"),
    "lenet4": (262_306, 255_472, "era", f"LeNet-4, reconstructed, {IEEE}"),
    "lenet5_1998": (340_908, 332_824, "era", f"LeNet-5, {IEEE}"),
    "lenet5": (423_038, 416_520, "era", "6, 16, 120, 84, 10 units in PyTorch"),
    "lenet_caffe": (2_308_230, 2_293_000, "era", "20, 50, 500, 10 units in PyTorch"),
    "sdnn": (2_013_616, 2_013_616, "era", f"31x6 recognizers on a ZIP image, {ANNA}"),
    "adding_1997": (8_500, 8_500, "dense era", "adding problem, LSTM of 93 weights, 100 steps"),
    "row_rnn": (165_504, 165_504, "dense era", "28 rows of MNIST, 64 units"),
    "row_gru": (495_232, 495_232, "dense era", "28 rows of MNIST, GRU of 64"),
    "row_lstm": (660_096, 660_096, "dense era", "28 rows of MNIST, LSTM of 64"),
    "dates_plain": (974_720, 974_720, "dense era", "date translation, LSTM 64 to LSTM 64"),
    "dates_attention": (940_600, 940_600, "dense era", "the same with attention; 1,270,840 where, "
                        "as in tutorials, each step multiplies the encoder's states anew"),
    "dnn_s": (79_644, 79_200, "dense era", "keyword net DNN-S, Hello Edge 2017"),
    "cnn_s": (2_498_304, 2_498_304, "era", "keyword net CNN-S, Hello Edge 2017"),
    "basic_lstm_s": (2_961_800, 2_961_800, "dense era", "Basic LSTM-S, Hello Edge 2017"),
    "lstm_s": (1_909_176, 1_909_176, "dense era", "LSTM-S, Hello Edge 2017"),
    "gru_s": (1_896_048, 1_896_048, "dense era", "GRU-S, Hello Edge 2017"),
    "gru_m": (9_558_000, 9_558_000, "dense era", "GRU-M, Hello Edge 2017"),
    "crnn_s": (1_498_848, 1_498_848, "dense era", "CRNN-S, Hello Edge 2017"),
    "ds_cnn_s": (2_656_768, 2_656_768, "era", "DS-CNN-S, Hello Edge 2017"),
}

_PUBLISHED = (
    ("zip1989/published", 33.3, "more than 30 classifications a second of normalized digits on a "
     f"DSP-32C of 12.5 million multiply-adds a second ({ZIP})"),
    ("zip1989/camera", 100.0, f"10 to 12 classifications a second, acquisition included ({ZIP})"),
    ("lenet1/published", 33.3, "more than 30 classifications a second of normalized digits on a "
     f"DSP-32C of 12.5 million multiply-adds a second ({LENET1})"),
    ("lenet1/camera", 100.0, f"10 to 12 classifications a second, acquisition included ({LENET1})"),
    ("bell92/anna", 1.0, f"1,000 characters a second, but on the ANNA chip ({ANNA})"),
)

RATES = (
    Rate("AT&T DSP32", 250, 4, 0, "a 32,400-pixel image in 4.5 s, 8 MFLOPS",
         "Frye et al., NIPS 3"),
    Rate("AT&T DSP32C, 40 MHz", 100, 10, 3, "sparsely connected nets", ANNA),
    Rate("AT&T DSP32C, 50 MHz", 80, 12.5, 2.95, "at least, LeNet-1 at 30 a second", LENET1),
    Rate("AT&T DSP32C, 80 MHz", 50, 20, 0, "a later part", "cacdsp.com, DSP32C page"),
    Rate("AT&T DSP16A", 33, 30, 0, "16-bit fixed point", "recalled, unchecked"),
    Rate("AT&T ANNA", 50, 5_100, 400, "30 to 400 on its board, 6-bit weights, 3-bit states", ANNA),
    Rate("AT&T NET32K", 100, 320_000, 0, "1-bit products", "Graf et al., NIPS 3"),
    Rate("TI TMS320C25", 100, 10, 0, "16-bit fixed point", "recalled, unchecked"),
    Rate("TI TMS320C30", 60, 16, 14.35, "each of 40 in the RAP ring, dense layers",
         "Kohn et al., NIPS 4:781-788"),
    Rate("TI TMS320C40", 40, 25, 0, "", "recalled, unchecked"),
    Rate("Motorola DSP56001", 97.5, 10.25, 0, "24-bit fixed point", "DSP56K family manual"),
    Rate("Motorola DSP96002", 50, 20, 8.4, "each of 60 in MUSIC", "Muller et al., NIPS 6"),
    Rate("80486, 50 MHz", 20, 0, 1.1, "", "Muller et al., NIPS 6"),
    Rate("SPARCstation 10", 0, 0, 3.0, "", "Muller et al., NIPS 6"),
    Rate("Alpha, 150 MHz", 0, 0, 8.3, "", "Muller et al., NIPS 6"),
    Rate("Sun-3", 0, 0, 0.25, "", "McCartor, NIPS 3"),
    Rate("CNAPS-1064, 25 MHz", 40, 1_600, 1_210, "each of 8, 1900-500-12, simulated",
         "McCartor, NIPS 3"),
    Rate("Intel 80170NX ETANN", 0, 2_000, 2_000, "analogue, about 6 bits", "Chiang, NIPS 4"),
    Rate("ICSI T0, 40 MHz", 25, 320, 276, "342-4000-61, 16 bits", "Wawrzynek et al., NIPS 8"),
)


def _derived() -> Iterator[Budget]:
    for system, (links, macs, kinds, title) in _SYSTEMS.items():
        times = {"era": links / ERA_LINKS_PER_MS, "peak": macs / PEAK_MACS_PER_MS,
                 "dense": DENSE_INSTRUCTIONS_PER_MAC * macs / PEAK_MACS_PER_MS}
        for kind in (*kinds.split(), "peak"):
            yield Budget(f"{system}/{kind}", cast(Kind, kind), round(times[kind], 3), links, macs,
                         SOURCES[kind], title)


def _published() -> Iterator[Budget]:
    for name, latency_ms, source in _PUBLISHED:
        links, macs, _, title = _SYSTEMS[name.partition("/")[0]]
        yield Budget(name, "published", latency_ms, links, macs, source, title)


BUDGETS = {b.name: b for b in (*_published(), *_derived())}


def get(name: str) -> Budget:
    """The budget of that name; raises BudgetError with the nearest."""
    if name in BUDGETS:
        return BUDGETS[name]
    raise BudgetError(f"no budget is named '{name}'", remedy=near(name, BUDGETS),
                      expected="one that `dsplet budgets` lists, or a time such as 33.3ms")


def of(system: str) -> tuple[Budget, ...]:
    """What a program for `system` is to keep: its published and derived budgets, no peak bound and
    no other chip's, the strongest claim first."""
    return tuple(b for b in BUDGETS.values() if b.name.startswith(f"{system}/")
                 and b.kind != "peak" and b.name.rpartition("/")[2] not in ("anna", "camera"))
