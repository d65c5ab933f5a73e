"""dsplet: the command line. It composes the packages and renders what they report."""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path

import click

from dsplet.base.errors import UserError

DEMO_DROP_POINTS = 0.5
HOT_LINES = 20
OPTIONAL = {"torch": "train", "safetensors": "train", "onnxscript": "train", "sklearn": "train",
            "pooch": "train", "scipy": "search", "optuna": "search", "matplotlib": "search"}
"""What pip brings only with an extra, and with which."""


class UsageProblem(UserError):
    """What the user asked for cannot be done; the message says what to do instead."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dsplet")
def cli() -> None:
    """From a PyTorch network to fixed point to machine code on a 20-MFLOPS DSP."""


def main() -> None:
    """Run the command line: exit code 0 done, 1 a budget or gate failed, 2 bad input."""
    try:
        sys.exit(cli(prog_name="dsplet", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = None  # whoever read it has gone
        sys.exit(141)
    except Exception as error:
        problem = _problem(error)
        if problem is None:
            raise
    click.echo(f"error: {_one_line(problem)}", err=True)
    sys.exit(2)


def _one_line(problem: str) -> str:
    """Lists in one line; a caret stays under what it points at."""
    first, *rest = problem.strip().splitlines()
    if rest and rest[-1].strip() == "^":
        return problem
    for line in rest:
        first += (" " if first.endswith(":") else "; ") + line.strip()
    return first


def _problem(error: Exception) -> str | None:
    """What the user has to hear; None where the mistake is ours."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        return error.format_message() + (f" See {context.command_path} --help." if context else "")
    if isinstance(error, ModuleNotFoundError):
        extra = OPTIONAL.get((error.name or "").split(".")[0])
        return extra and (f"this needs {error.name}, which is not installed: "
                          f"pip install 'dsplet[{extra}]'")
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(error) if isinstance(error, UserError) else None


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead.")


def reports(command):
    """Make a function that returns a report a command that prints it, also as --json.

    The function itself stays what it was. The exit code is 1 where the report's `passed` is false.
    """
    @functools.wraps(command)
    def run(as_json: bool, **arguments) -> int:
        from dsplet.base import render
        report = command(**arguments)
        click.echo(render.to_json(command.__name__, report) if as_json else render.to_text(report))
        return 0 if report.get("passed", True) else 1

    cli.command()(json_option(run))
    return command


# --- what commands share --------------------------------------------------------------------------

def options(*several):
    def add(command):
        return functools.reduce(lambda c, option: option(c), reversed(several), command)
    return add


feed_options = options(
    click.option("--data", help="digits, mnist, usps, or a .npz with images and labels."),
    click.option("--input-scale", help="The net reads pixel * scale + offset; such as 1/256."),
    click.option("--input-offset", help="See --input-scale."))
target_options = options(
    click.option("--target", "target_name", default="dsp32c-40", show_default=True),
    click.option("--board", help="The memory around the part; see dsplet targets."))
optimize_options = options(
    click.option("-O", "goal", type=click.Choice(["time", "memory", "balanced"]), default="time",
                 show_default=True, help="For least cycles on the board, least memory, or both."),
    click.option("--budget", help="Such as 33.3ms, 333333cycles or a name that `dsplet budgets` "
                                  "lists: what -O must keep; missed in simulate: exit code 1."))
out_option = click.option("-o", "out", type=click.Path(), required=True)


def latency(budget: str | None) -> str | None:
    """A budget as a time or a number of cycles, where it is a name that `dsplet budgets` lists."""
    if budget and "/" in budget:
        from dsplet.data import budgets
        return f"{budgets.get(budget).latency_ms:g}ms"
    return budget


def refuse_numbers(what: str, images) -> None:
    """What counts classes does so for no network that answers in numbers."""
    from dsplet.data.answers import are_numbers
    if are_numbers(images.splits.test.labels):
        raise UsageProblem(f"{what} works with classes, and data set '{images.data}' wants numbers")


def progress(description: str):
    """A bar on a terminal for what takes longer than two seconds."""
    from dsplet.base import progress as bars
    return bars.progress(description)


# --- from PyTorch to fixed point ------------------------------------------------------------------

@reports
@click.argument("model")
@click.option("--data", help="digits, mnist, usps or a .npz; default: the model's own.")
@click.option("--epochs", type=click.IntRange(1), help="Default: the model's own.")
@click.option("--seed", type=int, help="Default: 0.")
@click.option("--samples", type=click.IntRange(1), help="Learn from the first so many only.")
@click.option("--resume", type=click.Path(), help="Go on from this checkpoint.")
@click.option("-o", "out", type=click.Path(), help="Default: MODEL-DATA.safetensors")
def train(model, data=None, epochs=None, seed=None, samples=None, resume=None, out=None) -> dict:
    """Train a model of the zoo; the checkpoint is saved after every epoch."""
    from dataclasses import replace

    from dsplet import data as sets
    from dsplet.train import zoo
    card = zoo.get(model)
    from dsplet.train import checkpoint, loop
    from dsplet.train.evaluate import evaluate, predictor
    before = checkpoint.load(Path(resume)) if resume else None
    if before and before.finished:
        raise UsageProblem(f"{resume}: has all its {len(before.curve)} epochs; nothing is left")
    splits = sets.load(data or (before.dataset if before else card.dataset))
    if samples:
        splits = sets.Splits(splits.name, splits.train[:samples], splits.calibration, splits.test)
    config = replace(before.config if before else card.config(splits.name), **{
        k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None})
    out = out or f"{model}-{Path(splits.name).stem}.safetensors"
    done = loop.train(card, splits, config, path=Path(out), resume=before)
    seen = evaluate(predictor(done.module()), card.inputs(splits.test.images), splits.test.labels,
                    card.tolerance)
    return {"curve": [{"epoch": row["epoch"], "train_loss": row["train_loss"]} | {
                f"{part}_error_percent": row[f"{part}_error"] and 100 * row[f"{part}_error"]
                for part in ("train", "calibration")} for row in done.curve],
            "model": model, "data": splits.name, "seed": config.seed, "epochs": config.epochs,
            "samples": seen.samples, "test_errors": seen.errors,
            "test_error_percent": seen.error_percent, "file": out}


@reports
@click.argument("source")
@out_option
@click.option("--weights", type=click.Path(), help="A .safetensors file, for FILE.py:factory.")
@click.option("--input", "shape", help="Such as 1x28x28, for FILE.py:factory and --machine.")
@click.option("--machine", metavar="NAME|FILE.toml",
              help="Read lines, those of --data: the network slides over them, and this finds the "
                   "best path: digits, five_digits, or a file of your own.")
@feed_options
def export(source, out, weights=None, shape=None, machine=None, data=None, input_scale=None,
           input_offset=None) -> dict:
    """Export a checkpoint, or a network of your own (FILE.py:factory), to ONNX.

    The file is checked against PyTorch through ONNX Runtime: on images of the data set where it is
    known, else on random inputs.
    """
    from dsplet.export import factory, to_onnx
    if ".py:" in source:
        if machine:
            raise UsageProblem("--machine reads with a checkpoint's network, whose classes are "
                               "known; a factory can return a dsplet.train.reading.Reader")
        if not shape:
            raise UsageProblem("say what the network reads, such as --input 1x28x28")
        from dsplet.data.feed import KEYS, feed
        shape, samples = factory.parse_shape(shape), None
        module = factory.make(source)
        if weights:
            to_onnx.load_weights(module, Path(weights))
        facts = {k: v for k, v in zip(KEYS, (data, input_scale, input_offset), strict=True) if v}
        if data and input_scale:
            images = feed(facts, shape)
            samples, facts = images(images.splits.test[:256].images), images.metadata
        facts["dsplet.model"] = source.rpartition(":")[2]
    elif weights or shape and not machine or input_scale or input_offset:
        raise UsageProblem("--weights, --input and --input-scale belong to FILE.py:factory; a "
                           "checkpoint knows its own")
    else:
        from dsplet import data as sets
        from dsplet.train import checkpoint, zoo
        trained = checkpoint.load(Path(source))
        card = zoo.get(trained.model)
        splits = sets.load(data or machine and card.lines.get(trained.dataset) or trained.dataset)
        module, own = trained.module(), {}
        if machine:
            from dsplet.train.lines import read_lines
            module, card = read_lines(module, card, machine, splits,
                                      shape and factory.parse_shape(shape))
            own = module.facts
        shape = card.input_shape
        samples = card.inputs((splits.calibration if len(splits.calibration)
                               else splits.test).images)
        facts = to_onnx.metadata(
            model=card.name, data=splits.name, input_scale=card.normalization.scale,
            input_offset=card.normalization.offset, classes=card.classes,
            checkpoint_sha256=checkpoint.sha256(Path(source)), data_sha256=trained.data_sha256,
            tolerance=card.tolerance) | own
    done = to_onnx.export(module, shape, Path(out), facts, samples=samples)
    return {"file": out, "input_shape": "x".join(map(str, shape)), "checked_samples": done.samples,
            "max_difference_from_pytorch": done.max_abs_difference, "sha256": done.sha256}


BITS = click.IntRange(2, 16)


@reports
@click.argument("source", type=click.Path())
@out_option
@click.option("--calibrate", type=click.IntRange(1), default=1000, show_default=True,
              help="Calibration samples; never test samples.")
@click.option("--recipe", "recipe_name", default="default", show_default=True,
              metavar="NAME|FILE.toml", help="default, gptq, nearest, or a file of your own.")
@click.option("--weight-bits", type=BITS, help="This and what follows: instead of the recipe's.")
@click.option("--activation-bits", type=BITS)
@click.option("--input-bits", type=BITS)
@click.option("--output-bits", type=BITS)
@click.option("--accumulator-bits", type=click.IntRange(8, 32))
@click.option("--per-channel/--per-tensor", default=None)
@click.option("--weights", help="How their steps are chosen: hessian, minmax, mse or percentile.")
@click.option("--activations", help="The same of activations.")
@click.option("--stability", type=click.IntRange(2), metavar="N",
              help="Also N more times on calibration samples drawn anew: what changes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --stability's draws.")
@feed_options
def quantize(source, out, calibrate=1000, recipe_name="default", stability=None, seed=0, data=None,
             input_scale=None, input_offset=None, **changes) -> dict:
    """Float ONNX to fixed point, written as QDQ ONNX that stock ONNX Runtime runs."""
    from dsplet.data.feed import feed
    from dsplet.quantize.analysis import report
    from dsplet.quantize.network import Network
    from dsplet.quantize.ptq import recipe as recipes
    from dsplet.quantize.qdq import to_qdq
    network = Network(source)
    recipe = recipes.load(recipe_name, **{k: v for k, v in changes.items() if v is not None})
    if network.fixed:
        raise UsageProblem(f"{source}: is fixed point already")
    images = feed(network.facts, network.shape, data, input_scale, input_offset)
    if stability:
        refuse_numbers("--stability", images)
    samples = images(images.calibration(calibrate).images)
    with progress("quantizing") as tick:
        fixed = recipes.quantize(network.float, samples, recipe, images.metadata, tick)
    to_qdq.save(fixed, out)
    found = {"file": out, "recipe": recipe_name, "data": images.data,
             "calibration_samples": len(samples), "input": str(fixed.inputs[0].format),
             "layers": report.format_rows(fixed),
             "notes": dict(fixed.metadata).get("dsplet.notes", "").splitlines()}
    if stability:
        from dsplet.quantize.analysis.stability import spread
        test = images.splits.test
        with progress("drawing again") as tick:
            found |= spread(network, fixed, recipe, samples, images(test.images), test.labels,
                            stability, seed, tick)
    return found


@reports
@click.argument("reference", type=click.Path())
@click.argument("test", type=click.Path())
@out_option
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@feed_options
def finetune(reference, test, out, epochs=3, seed=0, data=None, input_scale=None,
             input_offset=None) -> dict:
    """Train the fixed-point network TEST to do what the float network REFERENCE does.

    The bit widths stay; weights, biases and steps learn, on the training split. Every integer of
    the training's forward pass is that of the file it writes.
    """
    from dsplet.data.answers import percent_right
    from dsplet.data.feed import feed
    from dsplet.quantize.analysis.compare import FloatNetwork
    from dsplet.quantize.network import Network
    from dsplet.quantize.qdq import to_qdq
    teacher, student = Network(reference), Network(test)
    if teacher.fixed or student.float:
        raise UsageProblem(f"{reference} must be a float network and {test} a fixed-point one, "
                           f"made by dsplet quantize {reference} -o {test}")
    from dsplet.train.qat.finetune import FinetuneConfig
    from dsplet.train.qat.finetune import finetune as learn
    images = feed(student.facts, student.shape, data, input_scale, input_offset)
    refuse_numbers("dsplet finetune", images)
    functions = {n.name: n["expr"] for n in teacher.float.nodes if n.op == "Function"}
    run, (y, *_) = FloatNetwork(reference), teacher.float.outputs
    with progress("finetuning") as tick:
        fixed = learn(student.fixed, functions, lambda x: run({teacher.input: x})[y],
                      images.splits.train, images,
                      FinetuneConfig(epochs=epochs, seed=seed), tick)
    to_qdq.save(fixed, out)
    part = images.splits.test
    with progress("comparing") as tick:
        accuracy = [percent_right(n.scores(images(part.images), tick), part.labels)
                    for n in (teacher, student, Network(out))]
    return {"file": out, "data": images.data, "training_samples": len(images.splits.train),
            "epochs": epochs, "seed": seed, "samples": len(part),
            **dict(zip(("reference_accuracy_percent", "before_accuracy_percent",
                        "after_accuracy_percent"), accuracy, strict=True))}


@reports
@click.argument("reference", type=click.Path())
@click.argument("test", type=click.Path())
@click.option("--samples", default="all", show_default=True, help="Test samples: a number or all.")
@feed_options
def compare(reference, test, samples="all", data=None, input_scale=None,
            input_offset=None) -> dict:
    """Two networks, float or fixed point, on the same samples.

    What a float network's file does not say of its input is taken from the other file.
    """
    from dsplet.data.feed import feed
    from dsplet.quantize.analysis import report
    from dsplet.quantize.network import Network
    a, b = Network(reference), Network(test)
    feed_a, feed_b = (feed(facts, network.shape, data, input_scale, input_offset)
                      for network, facts in ((a, b.facts | a.facts), (b, a.facts | b.facts)))
    if feed_a.data != feed_b.data:
        raise UsageProblem(f"{reference} was made for {feed_a.data}, {test} for {feed_b.data}: "
                           f"choose with --data")
    part = feed_a.test(samples)
    with progress("comparing") as tick:
        return report.comparison(a, b, feed_a(part.images), feed_b(part.images), part.labels,
                                 part.index, tick)


@reports
@click.argument("reference", type=click.Path())
@click.argument("test", type=click.Path())
@click.option("--samples", default="all", show_default=True, help="Test samples: a number or all.")
@click.option("--accuracy", type=float, help="Percent of the calibration samples that a change has "
                                             "to keep; default: what the float network keeps.")
@click.option("--calibrate", type=click.IntRange(1), default=500, show_default=True,
              help="Samples to try changes with; never test samples.")
@click.option("--plot", type=click.Path(), help="Draw boxes of what the values were over what "
                                                "their formats represent here: .svg or .png.")
@feed_options
def diagnose(reference, test, samples="all", accuracy=None, calibrate=500, plot=None, data=None,
             input_scale=None, input_offset=None) -> dict:
    """Which layers of the fixed-point network TEST lose what, and what would mend it.

    Each layer in turn is restored to that of the float network REFERENCE. Changes of the recipe
    are tried on calibration samples, the smallest first.
    """
    from dsplet.base import picture
    from dsplet.data.answers import percent_right
    from dsplet.data.feed import feed
    from dsplet.quantize.analysis import range_plot, report
    from dsplet.quantize.analysis.diagnose import diagnose as examine
    from dsplet.quantize.network import Network
    from dsplet.quantize.ptq.recipe import Recipe
    from dsplet.quantize.search.suggestions import quick, suggestions
    from dsplet.quantize.search.trial import Trials
    if plot:
        picture.check(plot)
    whole, fixed = Network(reference), Network(test)
    if whole.fixed or fixed.float:
        raise UsageProblem(f"{reference} must be a float network and {test} the fixed-point one "
                           f"that was made from it")
    images = feed(fixed.facts, fixed.shape, data, input_scale, input_offset)
    refuse_numbers("dsplet diagnose", images)
    part, held = images.test(samples), images.calibration(calibrate)
    with progress("diagnosing") as tick:
        seen = examine(whole.float, fixed.fixed, images(part.images), part.labels, tick)
    if plot:
        range_plot.draw(seen.ranges, plot, f"{test}: {len(part):,} test samples")
    found = {"reference": reference, "test": test, "plot": plot}
    found |= report.diagnosis(seen, part.index)
    if "dsplet.recipe" not in fixed.facts or "dsplet.finetuned" in fixed.facts:
        return found | {"changes": "not tried: the network was not made by a recipe alone"}
    x = images(held.images)
    with progress("trying changes") as tick:
        trials = Trials(whole.float, x, held.labels,
                        quick(Recipe.from_json(fixed.facts["dsplet.recipe"])))
        wanted = accuracy or percent_right(whole.scores(x), held.labels)
        tried = suggestions(trials, wanted, tick)
    return found | {"calibration_samples": len(held)} | report.changes(tried, wanted)


@reports
@click.argument("source", type=click.Path())
@click.option("--samples", default="500", show_default=True, help="Test samples: a number or all.")
@click.option("--accumulator-bits", type=click.IntRange(8, 32), default=32, show_default=True,
              help="Signed; exit code 1 where a sum can leave them.")
@click.option("--witness", type=click.Path(), help="Write the inputs that overflow here, a .npz.")
@feed_options
def ledger(source, samples="500", accumulator_bits=32, witness=None, data=None, input_scale=None,
           input_offset=None) -> dict:
    """What every value and accumulator can hold, what it was seen to hold, and what clipping lost.

    A proved bound holds for every input. Where it does not fit, the input that overflows is named.
    """
    from dsplet.data.feed import feed
    from dsplet.quantize.analysis import ledger as books
    from dsplet.quantize.network import fixed_graph
    fixed = fixed_graph(source)
    images = feed(dict(fixed.metadata), fixed.inputs[0].shape, data, input_scale, input_offset)
    part = images.test(samples)
    with progress("keeping the ledger") as tick:
        entries = books.ledger(fixed, images(part.images), tick)
    found = {"network": source, "samples": len(part), "accumulator_bits": accumulator_bits,
             "entries": [e.row(accumulator_bits) for e in entries],
             "overflows": books.overflows(fixed, accumulator_bits)}
    if witness and found["overflows"]:
        books.save_witnesses(fixed, accumulator_bits, witness)
        found["witness"] = witness
    return found | {"passed": not found["overflows"]}


@reports
@click.argument("source", type=click.Path())
@click.option("-o", "out", type=click.Path(), help="Write the chosen network here, as .q.onnx.")
@click.option("--memory", help="Weights, biases and live activations, packed by bits; such as "
                               "30KB (of 1,024 bytes).")
@click.option("--latency", help="On the simulator, such as 33.3ms or 333333cycles.")
@click.option("--accuracy", type=float, help="Percent of the calibration samples.")
@click.option("--calibrate", type=click.IntRange(1), default=1000, show_default=True,
              help="Samples to calibrate and measure with; never test samples.")
@click.option("--front", "front_file", type=click.Path(), help="Write the points as JSON here.")
@click.option("--plot", type=click.Path(), help="Draw the points here: .svg or .png.")
@click.option("--study", help="Go on with Optuna in this storage (a file, or a URL), which other "
                              "machines may share.")
@click.option("--trials", "trial_count", type=click.IntRange(1), default=100, show_default=True,
              help="Of --study, on this machine.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --study.")
@target_options
@feed_options
def widths(source, out=None, memory=None, latency=None, accuracy=None, calibrate=1000,
           front_file=None, plot=None, study=None, trial_count=100, seed=0,
           target_name="dsp32c-40", board=None, data=None, input_scale=None,
           input_offset=None) -> dict:
    """Choose the bit widths of every layer's weights and activations, 2 to 16.

    Prints the front of memory against noise, with weights rounded to nearest; with a budget it
    also chooses one network and quantizes it by the default recipe.
    """
    from dsplet.base import picture, render
    from dsplet.data.feed import feed
    from dsplet.firmware_sim.dsp32c import parts as targets
    from dsplet.firmware_sim.dsp32c import report
    from dsplet.quantize.network import Network
    from dsplet.quantize.ptq import recipe as recipes
    from dsplet.quantize.qdq import to_qdq
    from dsplet.quantize.search import plot as pictures
    from dsplet.quantize.search import study as studies
    from dsplet.quantize.search import widths as searching
    from dsplet.quantize.search.trial import Trials
    target = targets.get(target_name, board)
    budgets = searching.Budgets(memory and searching.memory_bytes(memory),
                                latency and report.budget_cycles(latency, target), accuracy)
    if plot:
        picture.check(plot)
    if out and not budgets:
        raise UsageProblem("-o needs a budget to choose by: --memory, --latency or --accuracy")
    network = Network(source)
    if network.fixed:
        raise UsageProblem(f"{source}: is fixed point already")
    images = feed(network.facts, network.shape, data, input_scale, input_offset)
    refuse_numbers("dsplet widths", images)
    part = images.calibration(calibrate)
    with progress("calibrating") as tick:
        trials = Trials(network.float, images(part.images), part.labels,
                        recipes.load("nearest"), tick)
    with progress("searching") as tick:
        found = searching.search(
            trials, budgets, lambda fixed: cycles_of(fixed, target, images, part),
            study and (lambda points: studies.explore(trials, points, study, trial_count, seed,
                                                      tick)), tick)
    if plot:
        pictures.draw(found, plot, f"{source}: {len(part):,} calibration samples")
    rows = searching.point_rows(found.points, found.front)
    done = {"network": source, "data": images.data, "calibration_samples": len(part),
            "points": rows, "front_file": front_file, "plot": plot}
    if found.chosen:
        layers = trials.recipe_of(found.chosen.widths).layers
        with progress("quantizing") as tick:
            fixed = recipes.quantize(network.float, trials.samples,
                                     recipes.load("default", layers=layers), images.metadata, tick)
        best = trials.judge(fixed, found.chosen.widths)
        cycles = cycles_of(fixed, target, images, part)
        done |= {"layers": searching.width_rows(best), **searching.figures(best),
                 "cycles": cycles, "clock_mhz": target.clock_mhz, "latency_ms": target.ms(cycles),
                 "file": out}
        if out:
            to_qdq.save(fixed, out)
    if front_file:
        from dsplet.base.files import write_atomically
        write_atomically(front_file, (render.to_json("widths", {"points": rows}) + "\n").encode())
    return done


def cycles_of(fixed, target, images, part) -> float:
    """Cycles of the first sample on the simulator."""
    from dsplet.firmware_sim.dsp32c.codegen.image import compile_program
    from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
    from dsplet.quantize.fixed.program import lower
    q = fixed.inputs[0].format.quantize(images(part[:1].images))
    return float(Simulator(compile_program(lower(fixed), target))(q).cycles.max())


# --- on the chip ----------------------------------------------------------------------------------

@reports
@click.argument("source", type=click.Path())
@target_options
@click.option("--samples", default="1", show_default=True, help="Test samples: a number or all.")
@optimize_options
@click.option("--images", type=click.Path(), help="A .npy or .npz of uint8 (N, H, W), all of them.")
@click.option("--map", "memory_map", is_flag=True,
              help="Also where every buffer lies, and from which layer to which.")
@click.option("--stream", is_flag=True,
              help="A recurrent network one step a call, its state kept: cycles of a step.")
@click.option("--profile", is_flag=True, help="Also the 20 costliest lines, and what cost what.")
@click.option("--spread", is_flag=True,
              help="Also cycles of the first sample if the chip is not as assumed.")
@click.option("--assume", multiple=True, metavar="NAME=VALUE",
              help="Of the chip, such as bank_busy=1 or slot_order=IYXZ; repeatable.")
@click.option("--trace", "trace_count", type=click.IntRange(0), default=0, metavar="N",
              help="Also print the first N instructions of the first sample.")
@click.option("--trace-file", type=click.Path(), help="Write those of --trace here instead.")
@click.option("--chrome-trace", type=click.Path(),
              help="Write a trace of the first sample for chrome://tracing or Perfetto.")
@click.option("--trace-instructions", type=click.IntRange(1), default=20_000, show_default=True,
              help="At most so many in --chrome-trace.")
@click.option("--listing", type=click.Path(), help="Write the assembly listing here.")
@click.option("--arithmetic", type=click.Choice(["fixed", "float"]), default="fixed",
              show_default=True, help="float: a float network on the chip's floating point.")
@click.option("--beside", type=click.Path(), metavar="FILE",
              help="The same network in the other arithmetic: both in one table.")
@feed_options
def simulate(source, target_name="dsp32c-40", board=None, samples="1", budget=None, goal="time",
             images=None, memory_map=False, stream=False, profile=False, spread=False, assume=(),
             trace_count=0, trace_file=None, chrome_trace=None, trace_instructions=20_000,
             listing=None, arithmetic="fixed", beside=None, data=None, input_scale=None,
             input_offset=None) -> dict:
    """Run images through the machine code; cycles, latency, memory, and whether all bits agree."""
    import numpy as np

    from dsplet.base.files import write_atomically
    from dsplet.data import load_images
    from dsplet.data.feed import feed
    from dsplet.firmware_sim.dsp32c import parts as targets
    from dsplet.firmware_sim.dsp32c import report
    from dsplet.firmware_sim.dsp32c.optimize import GOALS
    from dsplet.firmware_sim.dsp32c.sim.engine import fastest
    from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
    from dsplet.firmware_sim.dsp32c.sim.trace import to_text
    from dsplet.quantize.fixed.program import lower
    from dsplet.quantize.network import fixed_graph, float_network
    from dsplet.quantize.network import reference as run_reference
    target = targets.get(target_name, board)
    for text in assume:
        target = targets.assume(target, text)
    limit = latency(budget)
    allowed = report.budget_cycles(limit, target) if limit else None
    if stream:
        refused = {"--arithmetic float": arithmetic == "float", "--beside": beside,
                   "--budget": budget, "-O": goal != "time", "--map": memory_map,
                   "--profile": profile, "--spread": spread, "--trace": trace_count,
                   "--trace-file": trace_file, "--chrome-trace": chrome_trace,
                   "--listing": listing}
        if given := ", ".join(option for option, value in refused.items() if value):
            raise UsageProblem(f"--stream reports one step of a fixed-point program: leave out "
                               f"{given}")
    if arithmetic == "float":
        from dsplet.quantize.ptq.real_program import lower_real
        network = float_network(source)
        program, facts, shape = lower_real(network.float), network.facts, network.shape
    else:
        fixed = fixed_graph(source)
        program, facts, shape = lower(fixed), dict(fixed.metadata), fixed.inputs[0].shape
    feeding = feed(facts, shape, data, input_scale, input_offset)
    if images:
        pixels, labels = load_images(Path(images)), None
        index = np.arange(len(pixels))
    else:
        part = feeding.test(samples)
        pixels, labels, index = part.images, part.labels, part.index
    if stream:
        from dsplet.firmware_sim.dsp32c.codegen.image import compile_program
        from dsplet.firmware_sim.dsp32c.sim.stream import Stream, streaming
        image = compile_program(streaming(fixed, lower(fixed)), target)
        q = fixed.inputs[0].format.quantize(feeding(pixels))
        steps = Stream(image)(q.reshape(len(q), -1, *image.inputs[0].value.shape))
        return {"network": source, **report.streamed(
            fixed, image, steps, run_reference(fixed, q)[0], labels)}
    image = GOALS[goal](program, target, allowed)
    q = feeding(pixels)
    q = q if arithmetic == "float" else fixed.inputs[0].format.quantize(q)
    chip, slow = fastest(target)
    if slow:
        click.echo(f"the slow simulator is used: {slow}", err=True)
    began = time.perf_counter()
    with progress("simulating") as tick:
        run = Simulator(image, chip)(q, progress=lambda done: tick(done, len(q)))
    if (seconds := time.perf_counter() - began) > 2:
        click.echo(f"{len(q):,} samples executed in {seconds:.1f} s", err=True)
    with progress("reference") as tick:
        wanted = (network.scores(q, tick) if arithmetic == "float" else
                  run_reference(fixed, q, tick))
    if listing:
        write_atomically(listing, image.listing.encode())
    found = {"network": source, "arithmetic": arithmetic,
             **({"assumed": ", ".join(assume)} if assume else {}),
             **(report.float_simulation(program, facts, image, run, wanted, index, labels, limit)
                if arithmetic == "float" else
                report.simulation(fixed, image, run, wanted, index, labels, limit))}
    if beside:
        other = simulate(beside, target_name, board, samples, None, goal, images, assume=assume,
                         arithmetic="fixed" if arithmetic == "float" else "float", data=data,
                         input_scale=input_scale, input_offset=input_offset)
        found["side_by_side"] = report.side_by_side(found, other)
    if budget:
        found["budget"][0]["budget"] = budget
    if memory_map:
        found["memory_map"] = report.map_rows(image)
    if profile:
        found["hot_lines"] = report.hot_lines(image, run.profile, len(q))[:HOT_LINES]
        found["causes"] = report.cause_rows(run)
    if spread:
        from dsplet.firmware_sim.dsp32c.sensitivity import error_bar
        with progress("other assumptions") as tick:
            found |= error_bar(image, q, tick)
    if chrome_trace:
        write_atomically(chrome_trace, to_text(image, q, trace_instructions, True).encode())
        found["chrome_trace"] = chrome_trace
    if trace_file:
        write_atomically(trace_file, to_text(image, q, trace_count or 200).encode())
        found["trace_file"] = trace_file
    elif trace_count:
        found["trace"] = to_text(image, q, trace_count).splitlines()
    return found


@reports
@click.argument("pictures", nargs=-1, required=True, type=click.Path())
@click.option("--model", "source", required=True, type=click.Path(),
              help="A .q.onnx that reads lines; see dsplet export --machine.")
@target_options
def read(pictures, source, target_name="dsp32c-40", board=None) -> dict:
    """Read what is written on PICTURES, each a line, on the chip: text, path and cycles.

    A picture of any size will do; it is cut to the writing and brought to the network's height.
    """
    import numpy as np

    from dsplet.data import automaton as machine
    from dsplet.data import load_line
    from dsplet.data.feed import feed
    from dsplet.firmware_sim.dsp32c import parts as targets
    from dsplet.firmware_sim.dsp32c.codegen.image import compile_program
    from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
    from dsplet.quantize.fixed.program import lower
    from dsplet.quantize.network import fixed_graph
    from dsplet.quantize.network import reference as run_reference
    fixed, target = fixed_graph(source), targets.get(target_name, board)
    facts, shape = dict(fixed.metadata), fixed.inputs[0].shape
    states, images = machine.states_of(facts, source), feed(facts, shape)
    lines = np.stack([load_line(Path(name), shape[1:]) for name in pictures])
    q = fixed.inputs[0].format.quantize(images(lines))
    run, wanted = Simulator(compile_program(lower(fixed), target))(q), run_reference(fixed, q)
    paths = run.outputs[-1]
    differing = sum(int((y != w).sum()) for y, w in zip(run.outputs, wanted, strict=True))
    return {
        "network": source, "target": f"{target.name}, board {target.board.name}",
        "lines": [{"picture": name, "text": machine.read_path(states, path),
                   "path": machine.spelled(states, path), "cycles": float(cycles),
                   "latency_ms": target.ms(cycles)}
                  for name, path, cycles in zip(pictures, paths, run.cycles, strict=True)],
        "clock_mhz": target.clock_mhz, "differing_integers": differing,
        "compared_with": "NumPy reference", "passed": not differing}


@cli.command()
@click.argument("source", type=click.Path())
@click.option("--format", "form", required=True,
              type=click.Choice(["c", "image", "listing", "symbols"]))
@click.option("-o", "folder", type=click.Path(), default=".", show_default=True)
@click.option("--name", help="Of the files and of the C function; default: the network's.")
@target_options
@optimize_options
def emit(source, form, folder, name, target_name, board, goal, budget) -> None:
    """Write C99 sources, or the DSP32C's image (S-records), listing or symbol map."""
    from dsplet.base.files import write_atomically
    from dsplet.quantize.fixed.program import lower
    from dsplet.quantize.network import fixed_graph
    fixed = fixed_graph(source)
    program = lower(fixed)
    model = dict(fixed.metadata).get("dsplet.model", "")
    name = name or (model if model.isidentifier() else program.name)
    if form == "c":
        from dsplet.export.c.printer import print_c
        from dsplet.firmware_sim.compile.optimize import optimize
        asked = click.get_current_context().get_parameter_source("goal")
        goal = "balanced" if asked is click.core.ParameterSource.DEFAULT else goal
        facts = [(key, text) for key, text in fixed.metadata if len(text) <= 64]
        texts = print_c(optimize(program, goal), name, facts)
        files = dict(zip((f"{name}.h", f"{name}.c"), texts, strict=True))
    else:
        from dsplet.firmware_sim.dsp32c import parts as targets
        from dsplet.firmware_sim.dsp32c import report
        from dsplet.firmware_sim.dsp32c.codegen.image import symbols
        from dsplet.firmware_sim.dsp32c.optimize import GOALS
        from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
        target, limit = targets.get(target_name, board), latency(budget)
        image = GOALS[goal](program, target,
                            report.budget_cycles(limit, target) if limit else None)
        files = {f"{name}.{'s28' if form == 'image' else form}": {
            "image": lambda: to_srecords(name, image.segments, image.entry),
            "listing": lambda: image.listing, "symbols": lambda: symbols(image)}[form]()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_atomically(Path(folder) / file, text.encode())
        click.echo(f"written: {Path(folder) / file}")


# --- programs of one's own -----------------------------------------------------------------------

def _origin(context, parameter, text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise UsageProblem(f"--origin is '{text}': expected 2048 or 0x800") from None


origin_option = click.option("--origin", default="0", show_default=True, callback=_origin,
                             help="Byte address of the first word, such as 0x800.")


def text_of(path: str) -> str:
    """A text file's content."""
    try:
        return Path(path).read_text()
    except UnicodeDecodeError:
        raise UsageProblem(f"{path}: not a text file") from None


def show_listing(schema: str, rows: list[dict], as_json: bool) -> None:
    """Lines `address  word  text`, or JSON."""
    if as_json:
        from dsplet.base import render
        return click.echo(render.to_json(schema, {"listing": rows}))
    for row in rows:
        click.echo(f"{row['address']:6}  {row['word']:8}  {row['text']}".rstrip())


@cli.command()
@click.argument("source", type=click.Path())
@click.option("-o", "out", type=click.Path(), help="S-records; default: print a listing.")
@origin_option
@json_option
def asm(source, out, origin, as_json) -> None:
    """Assemble a DSP32C program: S-records, or a listing."""
    from dsplet.firmware_sim.dsp32c.tools import debug
    text = text_of(source)
    assembly = debug.build(text, source, origin)
    if out is None:
        return show_listing("asm", debug.source_rows(assembly, text), as_json)
    from dsplet.base import render
    from dsplet.base.files import write_atomically
    from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
    write_atomically(out, to_srecords(Path(source).stem, assembly.segments, origin).encode())
    made = {"file": out, "words": len(assembly.words), "entry": f"{origin:06x}"}
    click.echo(render.to_json("asm", made) if as_json else render.to_text(made))


@cli.command()
@click.argument("source", type=click.Path())
@origin_option
@json_option
def disasm(source, origin, as_json) -> None:
    """List S-records, or a text file of hexadecimal words (these from --origin)."""
    from dsplet.firmware_sim.dsp32c.tools import debug
    show_listing("disasm", debug.word_rows(debug.read_words(text_of(source), source, origin)),
                 as_json)


@cli.command()
@click.argument("source", type=click.Path())
@target_options
@origin_option
@click.option("--until", default="halt", show_default=True, metavar="ADDRESS",
              help="Stop there: a label, 0x800 or label+8.")
@click.option("--break", "breaks", multiple=True, metavar="ADDRESS",
              help="Show the machine each time it comes there; repeatable.")
@click.option("--regs", is_flag=True, help="Show the registers, at every stop.")
@click.option("--mem", multiple=True, metavar="ADDRESS:WORDS",
              help="Show memory, at every stop; repeatable.")
@click.option("--max-instructions", type=click.IntRange(1), default=1_000_000, show_default=True)
@json_option
def run(source, target_name, board, origin, until, breaks, regs, mem, max_instructions,
        as_json) -> None:
    """Run a DSP32C program from --origin to its label halt; registers, memory, states.

    Breakpoints always show the registers.
    """
    from dsplet.firmware_sim.dsp32c import parts as targets
    from dsplet.firmware_sim.dsp32c.tools import debug
    target = targets.get(target_name, board)
    assembly = debug.build(text_of(source), source, origin)
    if until == "halt" and until not in assembly.labels:
        raise UsageProblem(f"{source} has no label halt: say where to stop with --until")
    goal = debug.address_of(until, assembly.labels)
    points = {debug.address_of(b, assembly.labels): b for b in breaks}
    spans = [debug.span_of(m, assembly.labels, target) for m in mem]
    machine = debug.load(assembly, target, origin)
    seen = []
    for why in debug.stops(machine, goal, points, max_instructions):
        stop = {"stop": until if why == "end" else points[machine.pc]} | debug.state_row(machine)
        if regs or breaks:
            stop["registers"] = debug.register_rows(machine)
        if mem:
            stop["memory"] = [r for span in spans for r in debug.memory_rows(machine, *span)]
        if as_json:
            seen.append(stop)
        else:
            click.echo(debug.stop_text(stop))
    if as_json:
        from dsplet.base import render
        click.echo(render.to_json("run", {
            "program": source, "target": f"{target.name}, board {target.board.name}",
            "stops": seen}))


# --- what there is --------------------------------------------------------------------------------

@reports
def zoo() -> dict:
    """The models: counts, what was measured of each, and what was published.

    `make zoo` measures; accuracies are of all test images, cycles of those that were executed.
    """
    from dataclasses import asdict

    from dsplet.train import results
    from dsplet.train import zoo as models
    rows = results.load()
    return {"models": [card.facts for card in models.cards()],
            "accuracy": results.columns(rows, results.ACCURACY),
            "chip": results.columns(rows, results.CHIP),
            "published": [{"model": card.name, **asdict(figure)}
                          for card in models.cards() for figure in card.published]}


@reports
def budgets() -> dict:
    """What the machines of the time needed for one inference, by name for simulate --budget."""
    from dataclasses import asdict

    from dsplet.data import budgets as known
    return {"budgets": [asdict(b) for b in known.BUDGETS.values()],
            "rates": [asdict(r) for r in known.RATES]}


@reports
def targets() -> dict:
    """The processors and boards, with their memory maps and what they rest on."""
    from dsplet.firmware_sim.dsp32c import report
    return report.datasheets()


@reports
def ops() -> dict:
    """What is read from ONNX, and the fixed-point ops it becomes."""
    from dsplet.quantize.fixed import ops as _registered  # noqa: F401
    from dsplet.quantize.fixed.graph import Node
    from dsplet.quantize.float.readers import READERS
    return {"fixed_point": [
        {"op": name, "meaning": (op.__doc__ or "").strip().splitlines()[0]}
        for name, op in sorted(Node.registry.items())],
        "read_from_onnx": ", ".join(sorted(READERS))}


@cli.command()
@click.argument("machine", type=click.Choice(["dsp32c"]))
@click.argument("vectors", type=click.Path())
def conformance(machine, vectors) -> int:
    """Run instruction vectors; exit code 1 when one fails, with the first difference."""
    from dsplet.firmware_sim.dsp32c.tools import conformance as conforming
    results = conforming.run(vectors)
    click.echo(conforming.summary(results))
    return 0 if all(r.passed for r in results) else 1


@reports
@click.option("--model", default="zip1989", show_default=True)
@click.option("--keep", type=click.Path(), help="Keep the files in this folder.")
@target_options
def demo(model, keep, target_name, board) -> dict:
    """Train, export, quantize and execute a digit net on digits that ship with scikit-learn."""
    import tempfile

    from dsplet.firmware_sim.dsp32c import parts as parts
    from dsplet.train import zoo as models
    card, clock = models.get(model), parts.get(target_name, board).clock_mhz
    published = next(iter(card.budgets), None)
    budget = published and published.name
    chip = f"--target {target_name}" + (f" --board {board}" if board else "")
    names = [f"{model}{ending}" for ending in (".safetensors", ".onnx", ".q.onnx")]
    with tempfile.TemporaryDirectory() as scratch:
        Path(keep or scratch).mkdir(parents=True, exist_ok=True)
        weights, net, fixed = (str(Path(keep or scratch) / name) for name in names)
        commands = []

        def step(words: str) -> None:
            commands.append(f"dsplet {words}")
            click.echo(f"$ {commands[-1]}", err=True)

        step(f"train {model} --data digits -o {names[0]}")
        train(model, data="digits", out=weights)
        step(f"export {names[0]} -o {names[1]}")
        export(weights, net)
        step(f"quantize {names[1]} -o {names[2]}")
        quantize(net, fixed)
        step(f"compare {names[1]} {names[2]}")
        seen = compare(net, fixed)
        step(f"simulate {names[2]} {chip} --samples all" + (f" --budget {budget}" if budget else
                                                            ""))
        run = simulate(fixed, target_name, board, "all", budget)
    drop = seen["reference_accuracy_percent"] - seen["test_accuracy_percent"]
    return {
        "by_hand": commands, "memory": run["memory"], "model": f"{model}: {card.title}",
        "samples": seen["samples"],
        "float_accuracy_percent": seen["reference_accuracy_percent"],
        "fixed_accuracy_percent": seen["test_accuracy_percent"],
        "drop_points": drop, "drop_allowed_points": DEMO_DROP_POINTS,
        "executed_digits": run["samples"], "differing_integers": run["differing_integers"],
        "compared_with": run["compared_with"], "cycles": run["cycles"],
        "cycles_per_mac": run["cycles_per_mac"], "clock_mhz": clock,
        "latency_ms": run["latency_ms"], "budget_ms": published and published.latency_ms,
        "budget_source": published and published.source,
        "passed": run["passed"] and drop <= DEMO_DROP_POINTS}


