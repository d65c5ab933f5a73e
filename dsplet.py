"""dsplet: the command line. It composes the packages and renders what they report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

DEMO_DROP_POINTS = 0.5
OURS = ("train", "export", "quantize", "firmware_sim", "dsplet")


class UsageProblem(ValueError):
    """What the user asked for cannot be done; the message says what to do instead."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """From a PyTorch network to fixed point to machine code on a 20-MFLOPS DSP."""


def main() -> None:
    """Run the command line: exit code 0 done, 1 a budget or gate failed, 2 bad input."""
    try:
        sys.exit(cli(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in (*OURS, "__main__"):
            raise
        problem = str(error)
    click.echo(f"error: {problem}", err=True)
    sys.exit(2)


# --- rendering ----------------------------------------------------------------------------------

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead.")


def show(schema: str, report: dict, as_json: bool, only_json: dict | None = None) -> None:
    """A report as text (scalars as lines, lists of rows as tables) or as one JSON object."""
    if as_json:
        click.echo(json.dumps({"schema": f"dsplet.{schema}/1", **report, **(only_json or {})},
                              default=str))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 132
    for key, value in report.items():
        title = key.replace("_", " ")
        if not isinstance(value, list):
            if value not in ("", None):
                console.print(f"{title}: {_cell(value)}", soft_wrap=True)
        elif value:
            table = Table(title=title, title_justify="left", title_style="bold",
                          box=box.SIMPLE_HEAD, pad_edge=False)
            for column in value[0]:
                number = isinstance(value[0][column], (int, float))
                table.add_column(column.replace("_", " "), justify="right" if number else "left",
                                 overflow="fold")
            for row in value:
                table.add_row(*map(_cell, row.values()))
            console.print(table)


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value == int(value) or abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


# --- what commands share --------------------------------------------------------------------------

def number(text: str | None) -> float | None:
    """A decimal number or a fraction such as 1/256."""
    if text is None:
        return None
    from fractions import Fraction
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        raise UsageProblem(f"'{text}' is not a number: expected 0.5 or 1/256") from None


def data_options(command):
    """--data, --input-scale, --input-offset; what is not given comes from the file's metadata."""
    for option in (
            click.option("--data", help="digits, mnist, usps, or a .npz with images and labels."),
            click.option("--input-scale", help="The net's input is pixel * scale + offset."),
            click.option("--input-offset", help="See --input-scale.")):
        command = option(command)
    return command


class Feed:
    """Images of a data set as a network's input."""

    def __init__(self, facts: dict, shape: tuple[int, ...], data, scale, offset) -> None:
        from train import data as sets
        self.name = data or facts.get("dsplet.data")
        if not self.name:
            raise UsageProblem("the file does not say which data it was made for: name it with "
                               "--data (digits, mnist, usps or a .npz)")
        scale = number(scale if scale is not None else facts.get("dsplet.input_scale"))
        offset = number(offset if offset is not None else facts.get("dsplet.input_offset", "0"))
        if scale is None:
            raise UsageProblem("the file does not say how pixels become its input: give "
                               "--input-scale (1/255, 1/256 or 1) and --input-offset")
        if len(shape) != 3 or shape[0] != 1:
            raise UsageProblem(f"the network's input has shape {shape}; images need (1, H, W)")
        self.splits, self.shape, self._sets = sets.load(self.name), shape, sets
        self.normalization = sets.Normalization(scale, offset)

    def __call__(self, samples):
        return self.normalization(self._sets.fit(samples.images, self.shape[1:]))

    @property
    def metadata(self) -> dict[str, str]:
        return {"dsplet.data": self.name, "dsplet.input_scale": repr(self.normalization.scale),
                "dsplet.input_offset": repr(self.normalization.offset)}

    def test(self, samples: str | int):
        """The first N test samples, or all."""
        part = self.splits.test if samples == "all" else self.splits.test[:_count(samples)]
        if not len(part):
            raise UsageProblem("no sample is left: --samples must be at least 1")
        return part


def _count(text: str | int) -> int:
    try:
        if (n := int(text)) > 0:
            return n
    except ValueError:
        pass
    raise UsageProblem(f"--samples is '{text}': expected a positive number or all")


class Network:
    """A .q.onnx or a float .onnx: its facts, and scores (N, classes) of a float input."""

    def __init__(self, path: str) -> None:
        from quantize import from_onnx, from_qdq
        self.path = path
        self.fixed = from_qdq.load(path) if from_qdq.is_quantized(path) else None
        if self.fixed:
            self.facts, self.shape = dict(self.fixed.metadata), self.fixed.inputs[0].shape
        else:
            self.float = from_onnx.load(path)
            self.facts = dict(self.float.metadata)
            self.shape = tuple(self.float.shapes[self.float.inputs[0]])

    def scores(self, x):
        if self.fixed:
            from quantize.fixed.execute import Executor
            y = Executor(self.fixed)(self.fixed.inputs[0].format.quantize(x))[0]
            return self.fixed.outputs[0].format.dequantize(y).reshape(len(x), -1)
        from quantize.compare import FloatNetwork
        y = FloatNetwork(self.path)({self.float.inputs[0]: x})[self.float.outputs[0]]
        return y.reshape(len(x), -1)


def fixed_graph(path: str):
    """The graph of a .q.onnx; a float network is refused with the command that mends it."""
    network = Network(path)
    if network.fixed is None:
        raise UsageProblem(f"{path} is a float network: make it fixed point first, with "
                           f"`dsplet quantize {path} -o {Path(path).stem}.q.onnx`")
    return network.fixed


# --- from PyTorch to fixed point ------------------------------------------------------------------

@cli.command()
@click.argument("model")
@click.option("--data", help="digits, mnist, usps or a .npz; default: the model's own.")
@click.option("--epochs", type=int)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--resume", type=click.Path(), help="Go on from this checkpoint.")
@click.option("-o", "out", type=click.Path(), help="Default: MODEL-DATA.safetensors")
@json_option
def train(model, data, epochs, seed, resume, out, as_json) -> None:
    """Train a model of the zoo; the checkpoint is saved after every epoch."""
    from dataclasses import replace

    from train import data as sets
    from train import zoo
    card = zoo.get(model)
    splits = sets.load(data or card.dataset)
    config = replace(card.config(splits.name), seed=seed)
    config = replace(config, epochs=epochs) if epochs is not None else config
    from train import checkpoint, loop
    from train.evaluate import evaluate, predictor
    out = out or f"{model}-{Path(splits.name).stem}.safetensors"
    trained = loop.train(card, splits, config, path=Path(out),
                         resume=checkpoint.load(Path(resume)) if resume else None)
    seen = evaluate(predictor(trained.module()), card.inputs(splits.test.images),
                    splits.test.labels)
    show("train", {"model": model, "data": splits.name, "seed": seed,
                   "epochs": config.epochs, "test_errors": seen.errors,
                   "test_samples": seen.samples,
                   "test_accuracy_percent": seen.accuracy_percent, "file": out}, as_json,
         {"curve": [dict(row) for row in trained.curve]})


@cli.command()
@click.argument("source")
@click.option("-o", "out", type=click.Path(), required=True)
@click.option("--weights", type=click.Path(), help="A .safetensors file, for FILE.py:factory.")
@click.option("--input", "shape", help="Such as 1x28x28, for FILE.py:factory.")
@data_options
@json_option
def export(source, out, weights, shape, data, input_scale, input_offset, as_json) -> None:
    """Export a checkpoint, or a network of your own (FILE.py:factory), to ONNX.

    The file is checked against PyTorch through ONNX Runtime on real samples.
    """
    import numpy as np

    from export import factory, to_onnx
    if ".py:" in source:
        if not shape:
            raise UsageProblem("say what the network reads, such as --input 1x28x28")
        module, shape = factory.load_factory(source)(), factory.parse_shape(shape)
        if weights:
            to_onnx.load_weights(module, Path(weights))
        facts = {k: v for k, v in (("dsplet.data", data), ("dsplet.input_scale", input_scale),
                                   ("dsplet.input_offset", input_offset)) if v is not None}
        samples = np.random.default_rng(0).uniform(0, 1, (16, *shape)).astype(np.float32)
        if data and input_scale:
            feed = Feed(facts, shape, data, input_scale, input_offset)
            samples, facts = feed(feed.splits.test[:16]), feed.metadata
        facts["dsplet.model"] = source.rpartition(":")[2]
    else:
        from train import checkpoint, zoo
        from train import data as sets
        trained = checkpoint.load(Path(source))
        card, splits = zoo.get(trained.model), sets.load(data or trained.dataset)
        module, shape = trained.module(), card.input_shape
        samples = card.inputs((splits.calibration if len(splits.calibration)
                               else splits.test).images[:256])
        facts = to_onnx.metadata(
            model=card.name, data=splits.name, input_scale=card.normalization.scale,
            input_offset=card.normalization.offset, classes=card.classes,
            checkpoint_sha256=checkpoint.sha256(Path(source)), data_sha256=trained.data_sha256)
    done = to_onnx.export(module, shape, Path(out), facts, samples=samples)
    show("export", {"file": out, "input_shape": "x".join(map(str, shape)),
                    "checked_samples": done.samples,
                    "max_difference_from_pytorch": done.max_abs_difference,
                    "sha256": done.sha256}, as_json)


@cli.command()
@click.argument("source", type=click.Path())
@click.option("-o", "out", type=click.Path(), required=True)
@click.option("--calibrate", "count", type=int, default=500, show_default=True,
              help="Calibration samples; never test samples.")
@click.option("--weight-bits", type=int, default=8, show_default=True)
@click.option("--activation-bits", type=int, default=8, show_default=True)
@click.option("--input-bits", type=int, default=8, show_default=True)
@click.option("--output-bits", type=int, default=16, show_default=True)
@click.option("--per-channel/--per-tensor", default=True, show_default=True)
@click.option("--weights", default="mse", show_default=True, help="minmax, percentile or mse.")
@click.option("--activations", default="mse", show_default=True,
              help="minmax, percentile or mse.")
@data_options
@json_option
def quantize(source, out, count, data, input_scale, input_offset, as_json, **bits) -> None:
    """Float ONNX to fixed point, written as QDQ ONNX that stock ONNX Runtime runs."""
    from firmware_sim import report
    from quantize import to_qdq
    from quantize.recipe import Recipe
    from quantize.recipe import quantize as to_fixed
    network = Network(source)
    if network.fixed:
        raise UsageProblem(f"{source} is fixed point already")
    bits["preactivation_bits"] = min(max(bits["activation_bits"] + 2, 10), 16)
    feed = Feed(network.facts, network.shape, data, input_scale, input_offset)
    part = feed.splits.calibration[:count]
    if not len(part):
        raise UsageProblem(f"data set '{feed.name}' has no calibration samples: use digits, mnist "
                           f"or usps (--data), and --calibrate of at least 1")
    fixed = to_fixed(network.float, feed(part), Recipe(**bits), metadata=feed.metadata)
    to_qdq.save(fixed, out)
    proof = {r["layer"]: r for r in report.overflow_rows(fixed)}
    rows = [{"layer": n.name, "op": n.op, "output": str(n.output.format),
             "weight_bits": w.bits if (w := getattr(n, "weight", None)) else None,
             "accumulator_bits": proof.get(n.name, {}).get("bits"),
             "headroom_bits": proof.get(n.name, {}).get("headroom_bits")} for n in fixed.nodes]
    show("quantize", {"file": out, "calibration_samples": len(part),
                      "input": str(fixed.inputs[0].format), "layers": rows,
                      "notes": dict(fixed.metadata).get("dsplet.notes", "")}, as_json)


@cli.command()
@click.argument("reference", type=click.Path())
@click.argument("test", type=click.Path())
@click.option("--samples", default="all", show_default=True, help="Test samples: a number or all.")
@data_options
@json_option
def compare(reference, test, samples, data, input_scale, input_offset, as_json) -> None:
    """Two networks, float or fixed point, on the same samples."""
    from quantize import compare as comparing
    a, b = Network(reference), Network(test)
    facts = a.facts | b.facts
    feed = Feed(facts, b.shape, data, input_scale, input_offset)
    part = feed.test(samples)
    x = feed(part)
    y, z = a.scores(x), b.scores(x)
    seen = comparing.predictions(y, z, part.labels)
    classes = y.shape[1]
    rows = {}
    if b.fixed and not a.fixed:
        rows["layers"] = [{"value": v.value, "op": v.op, "format": str(v.format),
                           "sqnr_db": v.sqnr_db, "at_min": v.at_min, "at_max": v.at_max,
                           "elements": v.elements}
                          for v in comparing.layers(reference, b.fixed, x[:500])]
    tables = {f"confusion_{name}": [
        {"label": i} | {str(j): int(n) for j, n in enumerate(row)} for i, row in
        enumerate(comparing.confusion(part.labels, s.argmax(1), classes))]
        for name, s in (("reference", y), ("test", z))}
    show("compare", {
        "samples": seen.samples, "reference_accuracy_percent": seen.reference_accuracy_percent,
        "test_accuracy_percent": seen.test_accuracy_percent, "agree_percent": seen.agree_percent,
        "mcnemar_p": seen.mcnemar_p, "output_sqnr_db": seen.sqnr_db,
        "flips": [{"index": int(part.index[f.index]), "label": f.label, "reference": f.reference,
                   "test": f.test, "margin": f.margin} for f in seen.flips],
        **rows, **tables}, as_json)


# --- on the chip ----------------------------------------------------------------------------------

target_options = [click.option("--target", "target_name", default="dsp32c-40", show_default=True),
                  click.option("--board", help="The memory around the part; see dsplet targets.")]


def on_target(command):
    for option in target_options:
        command = option(command)
    return command


def run_on_chip(fixed, image, q):
    """(run, differing integers, which reference): machine code against the reference."""
    import numpy as np

    from firmware_sim.simulate import Simulator
    from quantize.fixed.execute import Executor
    from train.progress import progress
    with progress("simulating") as tick:
        run = Simulator(image)(q, progress=lambda done: tick(done, len(q)))
    if len(q) <= 512:
        wanted, name = fixed.run(q)[fixed.outputs[0].name], "NumPy reference"
    else:
        wanted, name = Executor(fixed)(q)[0], "batch executor"
    return run, int(np.count_nonzero(run.outputs[0] != wanted)), name


@cli.command()
@click.argument("source", type=click.Path())
@on_target
@click.option("--samples", default="1", show_default=True, help="Test samples: a number or all.")
@click.option("--budget", help="Such as 33.3ms or 333333cycles; exit code 1 when missed.")
@click.option("--trace", "trace_count", type=int, default=0, metavar="N",
              help="Also print the first N instructions of the first sample.")
@data_options
@json_option
def simulate(source, target_name, board, samples, budget, trace_count, data, input_scale,
             input_offset, as_json) -> int:
    """Run images through the machine code; cycles, latency, memory, and whether all bits agree."""
    from firmware_sim import report, targets
    from firmware_sim.image import compile_program
    from quantize.fixed.program import lower
    target = targets.get(target_name, board)
    if budget:
        report.budget_cycles(budget, target)
    fixed = fixed_graph(source)
    feed = Feed(dict(fixed.metadata), fixed.inputs[0].shape, data, input_scale, input_offset)
    image = compile_program(lower(fixed), target)
    part = feed.test(samples)
    q = fixed.inputs[0].format.quantize(feed(part))
    run, differing, reference = run_on_chip(fixed, image, q)
    predicted = run.outputs[0].reshape(len(q), -1).argmax(1)
    names = json.loads(dict(fixed.metadata).get("dsplet.classes", "null")) or None
    worst = float(run.cycles.max())
    answer = {
        "network": source, "target": f"{target.name}, board {target.board.name}",
        "samples": len(q),
        "first_samples": [{"index": int(part.index[i]), "label": int(part.labels[i]),
                           "read_as": names[predicted[i]] if names else int(predicted[i]),
                           "cycles": float(run.cycles[i])} for i in range(min(5, len(q)))],
        "accuracy_percent": 100 * float((predicted == part.labels).mean()),
        "differing_integers": differing, "compared_with": reference,
        "layers": report.layer_rows(run), "memory": report.memory_rows(image),
        "smallest_headroom_bits": min((r["headroom_bits"] for r in report.overflow_rows(fixed)),
                                      default=None),
        "cycles": worst, "cycles_per_mac": worst / fixed.macs if fixed.macs else None,
        "clock_mhz": target.clock_mhz, "latency_ms": target.ms(worst)}
    met = True
    if budget:
        answer["budget"] = [report.verdict(budget, run, target)]
        met = answer["budget"][0]["met"]
    show("simulate", answer, as_json)
    if trace_count:
        from firmware_sim.trace import trace
        for line in trace(image, q[:1], trace_count):
            click.echo(line, err=as_json)
    return 0 if met and not differing else 1


@cli.command()
@click.argument("source", type=click.Path())
@click.option("--format", "form", required=True,
              type=click.Choice(["c", "image", "listing", "symbols"]))
@click.option("-o", "folder", type=click.Path(), default=".", show_default=True)
@click.option("--name", help="Of the files and of the C function; default: the network's.")
@on_target
def emit(source, form, folder, name, target_name, board) -> None:
    """Write C99 sources, or the DSP32C's image (S-records), listing or symbol map."""
    from quantize.files import write_atomically
    from quantize.fixed.program import lower
    fixed = fixed_graph(source)
    program = lower(fixed)
    name = name or dict(fixed.metadata).get("dsplet.model") or program.name
    if form == "c":
        from export.c.printer import print_c
        header, code = print_c(program, name)
        files = {f"{name}.h": header, f"{name}.c": code}
    else:
        from firmware_sim import targets
        from firmware_sim.image import compile_program, symbols
        from firmware_sim.srecord import to_srecords
        image = compile_program(program, targets.get(target_name, board))
        files = {f"{name}.{'s28' if form == 'image' else form}": {
            "image": lambda: to_srecords(name, image.segments, image.entry),
            "listing": lambda: image.listing, "symbols": lambda: symbols(image)}[form]()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_atomically(Path(folder) / file, text.encode())
        click.echo(f"written: {Path(folder) / file}")


@cli.command()
@json_option
def zoo(as_json) -> None:
    """The models, with their published counts and figures."""
    from train import zoo as models
    show("zoo", {"models": [
        {"model": c.name, "title": c.title, "input": "x".join(map(str, c.input_shape)),
         "data": c.dataset, "weights": c.counts.weights, "links": c.counts.links,
         "macs": c.counts.macs, "published": "; ".join(
             f"{'<= ' if f.at_most else ''}{f.value:g} {f.quantity} ({f.source})"
             for f in c.published)} for c in models.cards()]}, as_json)


@cli.command()
@json_option
def targets(as_json) -> None:
    """The processors and boards, with their memory maps and what they rest on."""
    from firmware_sim import report
    from firmware_sim import targets as parts
    show("targets", {
        "parts": [{"target": t.name, "clock_mhz": t.clock_mhz, "cycle_ns": t.cycle_ns,
                   "board": t.board.name, "source": t.source} for t in parts.TARGETS.values()],
        "boards": [{"board": b.name, "bytes": sum(r.bytes for r in b.regions), "source": b.source}
                   for b in parts.BOARDS.values()],
        "memory": report.target_rows(parts.get("dsp32c-40"))}, as_json)


@cli.command()
@json_option
def ops(as_json) -> None:
    """What is read from ONNX, and the fixed-point ops it becomes."""
    from quantize.fixed import ops as _registered  # noqa: F401
    from quantize.fixed.graph import Node
    from quantize.readers import READERS
    show("ops", {"fixed_point": [
        {"op": name, "meaning": (cls.__doc__ or "").strip().splitlines()[0]}
        for name, cls in sorted(Node.registry.items())],
        "read_from_onnx": ", ".join(sorted(READERS))}, as_json)


@cli.command()
@click.argument("machine", type=click.Choice(["dsp32c"]))
@click.argument("vectors", type=click.Path())
def conformance(machine, vectors) -> int:
    """Run instruction vectors; exit code 1 when one fails, with the first difference."""
    from firmware_sim import conformance as conforming
    results = conforming.run(vectors)
    click.echo(conforming.summary(results))
    return 0 if all(r.passed for r in results) else 1


@cli.command()
@click.option("--model", default="zip1989", show_default=True)
@click.option("--keep", type=click.Path(), help="Keep the files in this folder.")
@click.pass_context
def demo(context, model, keep) -> int:
    """Train, export, quantize and execute a digit net on digits that ship with scikit-learn."""
    import tempfile
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        ckpt, onnx, q = (str(folder / f"{model}{s}") for s in (".safetensors", ".onnx", ".q.onnx"))
        from train import zoo as models
        budget = next((f"{f.value:g}ms" for f in models.get(model).published
                       if f.quantity == "latency_ms"), None)
        steps = [(train, {"model": model, "data": "digits", "out": ckpt}),
                 (export, {"source": ckpt, "out": onnx}),
                 (quantize, {"source": onnx, "out": q}),
                 (simulate, {"source": q, "samples": "all", "budget": budget})]
        failed = 0
        for command, arguments in steps:
            words = " ".join(f"--{k} {v}" if k in ("data", "samples", "budget") else
                             f"-o {Path(v).name}" if k == "out" else Path(v).name
                             for k, v in arguments.items() if v)
            click.secho(f"\n$ dsplet {command.name} {words}", bold=True)
            failed = context.invoke(command, **arguments) or failed
        a, b = Network(onnx), Network(q)
        feed = Feed(b.facts, b.shape, None, None, None)
        labels, x = feed.splits.test.labels, feed(feed.splits.test)
        right = [100 * float((n.scores(x).argmax(1) == labels).mean()) for n in (a, b)]
        click.secho(f"\n$ dsplet compare {Path(onnx).name} {Path(q).name}", bold=True)
        show("demo", {"held_out_digits": len(labels), "float_accuracy_percent": right[0],
                      "fixed_accuracy_percent": right[1], "drop_points": right[0] - right[1],
                      "drop_allowed_points": DEMO_DROP_POINTS}, False)
        return failed or int(right[0] - right[1] > DEMO_DROP_POINTS)


if __name__ == "__main__":
    main()
