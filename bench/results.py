"""`python -m bench.results`: the measured tables of docs/, made of what measurements left behind.

Sources: train/results.json (`make zoo`), train/weights/weights.json (`python -m bench.weights`) and
bench/recorded/*.json, each of which says its command. A page has a table between two comments,
`<!-- table: NAME -->` and `<!-- end -->`; everything else on it is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench import record
from dsplet.base.files import write_atomically
from dsplet.data.budgets import Budget
from dsplet.train import results, zoo
from dsplet.train.shipped import shipped

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("results.md", "bits.md", "programs.md")
MHZ = 40.0
CYCLES_PER_S = MHZ / 4 * 1e6
"""A cycle is four of its clock's periods (dsp32c.md 1)."""
MEMORY = {"1989": "256 KB", "1991": "1 MB", "2mb": "2 MB", "1wait": "256 KB, one wait state",
          "80kb": "80 KB", "32kb": "32 KB"}
EPOCHS = re.compile(r"--epochs (\d+)")
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

SYSTEMS = (  # model, data, as the page calls them, what was published
    ("zip1989", "usps", "zip1989, USPS", "95.0 %, at most 33.3 ms"),
    ("zip1989", "digits", "zip1989, scikit-learn's digits", ""),
    ("lenet1", "usps", "lenet1, USPS", "95.4 %, at most 33.3 ms"),
    ("lenet1", "mnist", "lenet1, MNIST", "98.3 %"),
    ("lenet5_1998", "mnist", "lenet5_1998, MNIST", "99.05 %"),
    ("lenet5", "mnist", "lenet5, MNIST", ""),
    ("lenet_caffe", "mnist", "lenet_caffe, MNIST", ""),
    ("mnist-8", "mnist", "`mnist-8` of the ONNX model zoo", ""),
    ("row_rnn", "mnist", "row_rnn, a row of MNIST a step", ""),
    ("row_gru", "mnist", "row_gru, the same", ""),
    ("row_lstm", "mnist", "row_lstm, the same", ""),
    ("adding_lstm", "adding", "adding_lstm, 110 steps, within 0.04", "99.96 %"),
    ("adding_gru", "adding", "adding_gru, the same", ""),
    ("order_lstm", "temporal_order", "order_lstm, temporal order, 110 steps", "99.96 %"),
    ("order_gru", "temporal_order", "order_gru, the same", ""),
    ("oscillator", "oscillator", "oscillator, 64 Euler steps, within 0.1", ""),
    ("dates_plain", "dates", "dates_plain, sequence to sequence, whole strings", ""),
    ("dates_attention", "dates", "dates_attention, the same with attention", "near 100 %"),
    ("hyper", "mnist", "hyper, a net whose weights another makes, MNIST", ""),
    ("reader", "lines", "reader, lines of 5 MNIST digits, whole strings",
     "66 % of 3,000 real ZIP codes"),
    ("motifs", "motifs", "motifs, dilated 1-D detector", ""),
    ("moving", "moving", "moving, which way a digit goes, 3-D convolutions", ""),
    ("spoken", "spoken", "spoken, digits over the telephone, unheard voices", ""),
    ("mnist1d_linear", "mnist1d", "mnist1d_linear, MNIST-1D", "32 %"),
    ("mnist1d_mlp", "mnist1d", "mnist1d_mlp, the same", "68 %"),
    ("mnist1d_cnn", "mnist1d", "mnist1d_cnn, the same", "94 %"),
    ("mnist1d_gru", "mnist1d", "mnist1d_gru, the same", "91 %"),
    ("copy_lstm", "copy", "copy_lstm, 10 symbols after 20 steps, all right", ""),
    ("copy_gru", "copy", "copy_gru, the same", ""),
)
TORONTO = {"net1": "Net-1, one layer", "net2": "Net-2, 12 hidden units",
           "net3": "Net-3, local connections", "net4": "Net-4, shared in one layer",
           "net5": "Net-5, shared in two"}
STAGES = {"stages": "none, ReLU, max", "stages_subtractive": "subtractive",
          "stages_divisive": "divisive", "stages_abs": "absolute value", "stages_tanh": "tanh",
          "stages_shrinkage": "shrinkage", "stages_average": "average pooling",
          "stages_l2": "L2 pooling", "stages_logsumexp": "log-sum-exp pooling",
          "vintage": "the vintage net, filters, tanh and pooling"}
CELLS = {"simple_cells": "eight Gabor filters with ReLU",
         "complex_cells": "energies of four quadrature pairs"}
LEARNT_ON = {"usps": "USPS", "mnist": "MNIST", "lines": "windows of lines of MNIST digits"}
Cells = Iterable[str]


def percent(value: float | None, digits: int = 2) -> str:
    """`98.89 %`; all of them is `100 %`; nothing where nobody was asked."""
    if value is None:
        return ""
    return "100 %" if value == 100 else f"{value:.{digits}f} %"


def ms(cycles: float) -> float:
    """Milliseconds of a 40 MHz part."""
    return 1e3 * cycles / CYCLES_PER_S


def table(head: Cells, rows: Iterable[Cells]) -> str:
    """A Markdown table."""
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *map(list, rows)]
    assert {len(line) for line in lines} == {len(columns)}
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def measured() -> dict[tuple[str, str], dict[str, Any]]:
    """What was measured whole, by model and data set."""
    rows = [*results.load(), *record.load("others")]
    return {(row["model"], row["data"]): row for row in rows}


def systems() -> str:
    found = measured()

    def cells(model: str, data: str, name: str, published: str) -> Cells:
        row = found[model, data]
        return (name, f"{row['samples']:,}", published, percent(row["float_accuracy_percent"]),
                percent(row["fixed_accuracy_percent"]), MEMORY[row["board"]],
                f"{row['cycles']:,.0f}", f"{row['cycles_per_mac']:.2f}", f"{row['latency_ms']:.1f}")

    return table(("system, data", "test samples", "published", "float", "8-bit", "board", "cycles",
                  "per MAC", "ms"), (cells(*system) for system in SYSTEMS))


def trained() -> str:
    return table(
        ("network", "bytes", "trained on", "epochs", "test samples", "float", "as shipped, 8-bit"),
        ((row.model, f"{row.bytes:,}", LEARNT_ON[row.data], EPOCHS.findall(row.command)[0],
          f"{row.samples:,}{' lines' if row.data == 'lines' else ''}",
          percent(row.float_accuracy_percent), percent(row.fixed_accuracy_percent))
         for row in shipped()))


def era() -> str:
    def cells(row: dict[str, Any]) -> Cells:
        card, cycles = zoo.get(row["network"]), row["cycles"]
        links = card.counts.links
        budget: Budget = card.budgets[0]
        rate = 10 / 3 * links
        return (row["network"], MEMORY[row["board"]], f"{links:,}",
                f"{budget.latency_ms:g} ({budget.kind})", f"{rate:,.0f}", f"{cycles:,.0f}",
                f"{cycles / links:.2f}", f"{ms(cycles):.1f}", f"{rate / cycles:.1f}")

    return table(("network", "board", "connections", "budget, ms", "AT&T's rate of 1991, cycles",
                  "here, cycles", "cycles per connection", "ms", "times faster"),
                 map(cells, record.load("era")))


def timings() -> str:
    def count(cycles: float | None) -> str:
        return "" if cycles is None else f"{cycles:,.{0 if cycles > 1000 else 1}f}"

    return table(("program", "published", "published, cycles", "here, cycles", "ms at 50 MHz",
                  "here under other assumptions"), (
        (row["program"], row["published"], count(row["published_cycles"]), count(row["cycles"]),
         f"{row['cycles'] * 80e-6:.3g}",
         f"{count(row['lowest_cycles'])} to {count(row['highest_cycles'])}")
        for row in record.load("timings")))


def normalise() -> str:
    def cells(row: dict[str, Any]) -> Cells:
        both = row["cycles"] + row["network_cycles"]
        return (f"{row['height']} x {row['width']}", f"{row['cycles']:,.0f}",
                f"{100 * row['cycles'] / both:.0f}", f"{ms(both):.1f}",
                *(f"{1e6 * mhz / 4 / both:.0f}" for mhz in (40, 50)))

    return table(("written, pixels", "normalisation, cycles", "of the whole, %", "ms",
                  "digits a second at 40 MHz", "at 50 MHz"), map(cells, record.load("normalise")))


def boards() -> str:
    return table(("network", "board", "cycles", "ms"), (
        (row["network"], MEMORY[row["board"]], f"{row['cycles']:,.0f}", f"{ms(row['cycles']):.1f}")
        for row in record.load("boards")))


def rounding() -> str:
    def cells(row: dict[str, Any]) -> Cells:
        more = 100 * (row["conversion"] / row["adder"] - 1)
        return (row["network"], MEMORY[row["board"]], f"{row['adder']:,.0f}",
                f"{row['conversion']:,.0f}", f"{more:.1f} %".replace("-0.0", "0.0"),
                f"{row['adder_differing']:,} of {row['integers']:,}",
                f"{row['conversion_differing']:,}")

    return table(("network", "board", "cycles", "by conversions", "more",
                  "differ if the adder rounds to nearest", "by conversions"),
                 map(cells, record.load("rounding")))


def bound() -> str:
    return table(("network", "board", "cycles", "lower bound", "times the bound", "per MAC"), (
        (row["network"], MEMORY[row["board"]], f"{row['cycles']:,.0f}", f"{row['bound']:,.0f}",
         f"{row['cycles'] / row['bound']:.2f}", f"{row['cycles'] / row['macs']:.2f}")
        for row in record.load("bound")))


def float_chip() -> str:
    def cells(row: dict[str, Any]) -> Cells:
        goal = f", `-O {row['goal']}`" if row["goal"] else ""
        return (row["network"] + goal, MEMORY[row["board"]], str(row["samples"]), *(
            cell for kind in ("float", "fixed") for cell in (
                f"{row[f'{kind}_cycles']:,.0f}", f"{row[f'{kind}_bytes']:,}",
                percent(row[f"{kind}_accuracy_percent"], 1))))

    return table(("network", "board", "samples", *(
        f"{kind}: {what}" for kind in ("float", "8-bit")
        for what in ("cycles", "bytes", "accuracy"))), map(cells, record.load("float")))


def toronto() -> str:
    found = measured()

    def cells(model: str, name: str) -> Cells:
        row, card = found[model, "toronto"], zoo.get(model)
        return (name, f"{card.counts.links:,}", f"{card.counts.weights:,}",
                percent(100 - card.published[0].value, 1),
                percent(row["float_accuracy_percent"], 1),
                percent(row["fixed_accuracy_percent"], 1),
                f"{row['cycles']:,.0f}", f"{row['latency_ms']:.2f}")

    return table(("", "links", "weights", "published", "float", "8-bit", "cycles", "ms"),
                 (cells(*net) for net in TORONTO.items()))


def sliding() -> str:
    return table(("net", "windows", "multiply-accumulates, saving", "cycles shared", "cycles apart",
                  "saving"), (
        (row["net"], str(row["windows"]), f"{row['macs']:,}, {row['macs_saved']:.2f}x",
         f"{row['cycles']:,.0f}", f"{row['cycles_apart']:,.0f}", f"{row['cycles_saved']:.2f}x")
        for row in record.load("sliding") if row["windows"] > 1))


def machines() -> str:
    return table(("digits it reads", "states", "cycles of Viterbi over 31 columns"), (
        ({"digits": "any number", "five_digits": "exactly five"}[row["machine"]],
         str(row["states"]), f"{row['path_cycles']:,.0f}") for row in record.load("machines")))


def of_mnist(models: dict[str, str], head: str) -> str:
    """Models that learnt 10,000 images each, all else alike."""
    found = measured()
    return table((head, "float", "8-bit", "cycles", "per MAC", "ms"), (
        (name, percent(row["float_accuracy_percent"]), percent(row["fixed_accuracy_percent"]),
         f"{row['cycles']:,.0f}", f"{row['cycles_per_mac']:.2f}", f"{row['latency_ms']:.1f}")
        for name, row in ((name, found[model, "mnist"]) for model, name in models.items())))


def fewer_bits(network: str) -> str:
    kinds = {("dsplet", "power of two"): "dsplet", ("ONNX Runtime", "float"):
             "ONNX Runtime, float scales", ("Brevitas", "float"): "Brevitas, float scales",
             ("Brevitas", "power of two"): "Brevitas, powers of two"}
    rows: dict[str, dict[str, str]] = {}
    for row in (r for r in record.load("quantize") if r["network"] == network):
        rows.setdefault(row["row"], {})[kinds[row["tool"], row["scales"]]] = (
            f"{percent(row['accuracy_percent'])} / {row['sqnr_db']:.1f} dB / "
            f"{percent(row['agree_percent'])}")
    return table(("weights/activations", *kinds.values()), (
        (widths, *(found.get(kind, "") for kind in kinds.values()))
        for widths, found in rows.items()))


def finetuned() -> str:
    return table(("weights/activations", "default recipe", "finetuned"), (
        (f"{row['weight_bits']}/{row['activation_bits']}", percent(row["before_percent"]),
         f"{row['mean_percent']:.2f} ± {row['deviation_points']:.2f} %")
        for row in record.load("qat")))


def finetuned_loops() -> str:
    return table(("network", "weights/activations", "test samples", "float", "default recipe",
                  "finetuned", "epochs", "best"), (
        (row["model"], f"{row['weight_bits']}/{row['activation_bits']}", f"{row['samples']:,}",
         *(percent(row[f"{state}_percent"]) for state in ("float", "before", "after")),
         str(row["epochs"]), str(row["best_epoch"])) for row in record.load("qat_loops")))


def programs() -> str:
    return table(("file", "defined", "lines", "instructions", "words", "names of other files"), (
        (f"`{row['file']}`", f"`{row['defined']}`" if row["defined"] else "", f"{row['lines']:,}",
         f"{row['instructions']:,}", f"{row['words']:,}", str(row["names_of_others"]))
        for row in record.load("programs")))


def programs_started() -> str:
    head = "file", "until", "instructions", "what it leaves", "largest error, of the largest"
    return table(head, (
        (f"`{row['file']}`", f"`{row['until']}`", f"{row['instructions']:,}", row["leaves"],
         f"{row['error']:.1e}") for row in record.load("programs_started")))


def library_fft() -> str:
    return table(("points", "cycles", "largest error, of the largest output"), (
        (f"{row['points']:,}", f"{row['cycles']:,.0f}", f"{row['error']:.1e}")
        for row in record.load("library_fft")))


TABLES: dict[str, Callable[[], str]] = {
    "systems": systems, "trained": trained, "era": era, "timings": timings,
    "normalise": normalise, "boards": boards, "rounding": rounding, "bound": bound,
    "float": float_chip,
    "toronto": toronto, "sliding": sliding, "machines": machines,
    "stages": lambda: of_mnist(STAGES, "normalization, non-linearity, pooling"),
    "cells": lambda: of_mnist(CELLS, "cells"), "quantize": lambda: fewer_bits("lenet5-mnist"),
    "quantize_mnist1d": lambda: fewer_bits("mnist1d_cnn"), "qat": finetuned,
    "qat_loops": finetuned_loops,
    "programs": programs, "programs_started": programs_started, "library_fft": library_fft}


def made(page: str) -> str:
    """The page with its tables as they are now. Raises KeyError for a table that there is not."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", page)


def main() -> None:
    """Write the tables of every page anew."""
    for name in PAGES:
        file = DOCS / name
        write_atomically(file, made(file.read_text()).encode())
        print(f"written: {file}")


if __name__ == "__main__":
    main()
