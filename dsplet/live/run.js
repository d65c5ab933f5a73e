/* A picture on its way through a network on the chip: from stop to stop, where values are read out
   of its memory before others take their place. */

/* The order in which the program counter arrives at addresses, again and again inside loops
   ([start, end, turns], outer ones first). */
function* stops(addresses, loops) {
  const inside = a => ([start, end]) => start <= a && a < end;
  const outer = loops.filter((r, i) => !loops.slice(0, i).some(
    o => o[0] <= r[0] && r[1] <= o[1]));
  const done = new Set();
  for (const a of [...addresses].sort((x, y) => x - y)) {
    const loop = outer.find(inside(a));
    if (!loop) yield a;
    if (!loop || done.has(loop)) continue;
    done.add(loop);
    const within = loops.filter(o => o !== loop && loop[0] <= o[0] && o[1] <= loop[1]);
    for (let turn = 0; turn < loop[2]; turn++)
      yield* stops(addresses.filter(b => inside(b)(loop)), within);
  }
}

/* A value of the network as the page shows it. cells: its integers, step after step;
   known: which of them have been computed. */
class Layer {
  constructor(facts, view, chip) {
    Object.assign(this, {facts, view, chip, name: facts.name});
    this.turns = view.steps.reduce((a, b) => a * b, 1);
    this.each = view.shape.reduce((a, b) => a * b, 1);
    this.cells = new Int32Array(this.turns * this.each);
    this.known = new Uint8Array(this.turns * this.each);
    this.where = Array.from({length: this.turns * view.planes}, (_, n) => {
      const plane = n % view.planes, step = [];
      let turn = (n - plane) / view.planes;
      for (const extent of [...view.steps].reverse()) {
        step.unshift(turn % extent);
        turn = Math.floor(turn / extent);
      }
      return chip.places(view, step, plane);
    });
    this.most = 1;
  }

  /* Nothing is computed yet. watched: cells are told from what was there before. */
  forget(watched) {
    this.known.fill(0);
    this.before = null;
    if (watched) for (const places of this.where) this.chip.spoil(this.view, places);
  }

  /* Its code begins: what stands there now is none of it. */
  opens() {
    if (this.turns === 1 && this.view.planes === 1)
      this.before = Array.from(this.where[0], p => this.chip.raw(this.view, p));
  }

  /* What has been written of it so far. */
  look() {
    if (!this.before) return;
    this.where[0].forEach((place, i) => {
      const raw = this.chip.raw(this.view, place);
      if (raw === this.before[i]) return;
      this.cells[i] = this.chip.integer(this.view, raw);
      this.known[i] = 1;
    });
  }

  /* It is there, for the n-th time. */
  arrives(n) {
    const from = Math.floor(n / this.view.planes) * this.each;
    this.where[n]?.forEach((place, i) => {
      if (place < 0) return;
      this.cells[from + i] = this.chip.integer(this.view, this.chip.raw(this.view, place));
      this.known[from + i] = 1;
    });
    this.before = null;
    if (n === this.where.length - 1)
      this.most = this.cells.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
  }
}

class Run {
  /* watched: layers are seen while they fill. seen: none of them is read otherwise. */
  constructor(network, integers, {seen, watched}) {
    Object.assign(this, {network, chip: network.chip, seen, watched});
    const {program} = network.facts, layers = seen ? network.layers : [];
    layers.forEach(layer => layer.forget(watched));
    this.chip.begin(integers);
    this.opening = Map.groupBy(watched ? layers.filter(l => l.facts.begins !== null) : [],
                               l => l.facts.begins);
    this.ready = Map.groupBy(layers, l => l.view.ready);
    this.arrivals = new Map();
    const addresses = new Set([...this.opening.keys(), ...this.ready.keys(), program.halt]);
    this.stops = stops([...addresses], program.loops);
    this.goal = this.stops.next().value;
    this.done = false;
    this.standing = false; // where it stopped last, with nothing executed since
    this.arrived = null;
  }

  /* On, at most so many instructions or to the next stop. */
  advance(instructions) {
    if (this.standing && this.chip.pc === this.goal) this.chip.step(); // off, to come here again
    this.standing = false;
    if (!this.chip.run(this.goal, instructions)) return;
    this.standing = true;
    const n = this.arrivals.get(this.goal) ?? 0;
    this.arrivals.set(this.goal, n + 1);
    for (const layer of this.ready.get(this.goal) ?? []) {
      layer.arrives(n);
      this.arrived = layer;
    }
    if (!n) for (const layer of this.opening.get(this.goal) ?? []) layer.opens();
    const next = this.stops.next();
    this.done = next.done;
    this.goal = next.value;
    if (this.done) this.outputs = this.chip.outputs();
  }

  whole() {
    while (!this.done) this.advance();
    return this;
  }

  /* Until the chip has had so many cycles; whether it is through. */
  until(cycles) {
    while (!this.done && this.chip.cycles < cycles)
      this.advance(Math.max(1, Math.floor(cycles - this.chip.cycles)));
    return this.done;
  }

  /* To where the next layer is whole. */
  layer() {
    for (this.arrived = null; !this.done && !this.arrived;) this.advance();
  }

  step() {
    const here = () => !this.done && !this.standing && this.chip.pc === this.goal;
    while (here()) this.advance();
    if (this.done) return;
    this.chip.step();
    this.standing = false;
    while (here()) this.advance();
  }

  /* The section that the chip is in. */
  get section() {
    const pc = this.chip.pc;
    return this.network.facts.program.sections.find(s => s.start <= pc && pc < s.end);
  }
}

/* A network, its program and its layers, on the one chip there is. */
class Network {
  /* shown: the layers that are looked at. */
  constructor(facts, chip, shown = facts.layers) {
    Object.assign(this, {facts, chip});
    this.layers = shown.map(l => new Layer(l, facts.program.views[l.view], chip));
  }

  load() { this.chip.load(this.facts.program, this.facts.words); }

  integers(grey) { return Array.from(grey.data, level => this.facts.levels[level]); }

  /* Digits or a line, as it wants to see them: [{grey, box}]. */
  pictures(grey) {
    if (!this.facts.states)
      return digits(grey).map(box => ({box, grey: normalised(alone(grey, box), this.facts.style)}));
    const box = bounds(grey), {shape, box: height} = this.facts.style;
    return box ? [{box, grey: line(cut(grey, box), shape, height)}] : [];
  }

  /* What its outputs say: {text, scores} of a digit, {text, path} of a line. */
  answer(outputs) {
    const {states, classes} = this.facts, output = outputs.at(-1);
    if (!states) {
      const best = output.indexOf(Math.max(...output));
      return {text: classes[best], best, scores: output};
    }
    const names = output.map(s => states[s]);
    return {text: names.filter((s, i) => s !== (names[i - 1] ?? "")).join(""), path: output};
  }
}
