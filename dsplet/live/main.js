/* The page: what is on the pad goes through the chip, again whenever something changes. */

class Page {
  constructor(engine, board) {
    this.board = board;
    this.pad = new Pad($("pad"), () => this.dirty = true);
    this.camera = new Camera($("video"));
    this.detail = new Detail($("detail"));
    this.answer = new Answer(i => this.choose(i));
    this.pace = new Pace({clocks: board.clocks, onChange: () => this.restart(),
      onClock: () => { this.draw(); this.tell(); },
      onPause: () => this.pace.slower || this.restart(), // else there is nothing to go on with
      onStep: kind => this.stepped(kind)});
    this.chip = engine;
    this.items = [];
    this.networks = [];
    this.views = [];
    this.buttons();
    new ResizeObserver(() => this.fit()).observe($("layers"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    addEventListener("keydown", event => event.key === "Escape" && this.detail.clear());
    const tick = now => { requestAnimationFrame(tick); this.tick(now); };
    requestAnimationFrame(tick);
  }

  buttons() {
    $("clear").addEventListener("click", () => this.pad.clear());
    $("sample").addEventListener("click", () => this.sample());
    $("camera").addEventListener("click", () => this.toggleCamera());
    $("file").addEventListener("change", e => this.file(e.target.files[0]));
    const stage = $("stage");
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
      stage.addEventListener(kind, event => {
        event.preventDefault();
        stage.classList.toggle("over", kind === "dragenter" || kind === "dragover");
        if (kind === "drop") this.file(event.dataTransfer.files[0]);
      });
  }

  /* --- what is read ---------------------------------------------------------------------- */
  use(network) {
    Object.assign(this, {network, run: null, items: []});
    network.load();
    const {facts} = network, {sections} = facts.program;
    $("about").textContent = facts.about;
    $("sample").textContent = facts.states ? "Test line" : "Test digit";
    $("sample").hidden = !facts.samples.labels.length;
    this.pad.shape(640, facts.states ? 176 : 320);
    const total = facts.cycles.reduce((a, b) => a + b, 0);
    let billed = new Set();
    const cost = layer => layer.facts.sections.reduce((sum, i) => {
      const own = billed.has(i) ? 0 : facts.cycles[i];
      billed.add(i);
      return sum + own;
    }, 0);
    this.views = network.layers.map(layer => new LayerView(layer, {
      cyclesOf: cost(layer), total, names: facts.classes,
      onPoint: (view, cell) => this.detail.show(this.views, view, cell, network, this.run)}));
    this.detail.clear();
    $("layers").replaceChildren(...this.views.map(v => v.element));
    this.sections = sections;
    this.fit();
    this.look();
  }

  look() {
    const {grey} = this.pad;
    this.dirty = false;
    this.items = this.network.pictures(grey).map(item => ({...item, answer: null}));
    const squeezed = this.items.some(item => item.grey.squeezed);
    $("told").textContent = squeezed ? "A long line for this network: it is squeezed to fit."
      : this.remark ?? "";
    this.remark = null;
    $("hint").hidden = !!bounds(grey) || this.live;
    this.chosen = this.items.length - 1;
    this.restart();
  }

  sample() {
    const {samples, style} = this.network.facts, [H, W] = style.shape;
    this.turn = ((this.turn ?? -1) + 1) % samples.images.length;
    this.pad.put({height: H, width: W, data: Uint8Array.from(samples.images[this.turn])});
    this.remark = `Test sample ${this.turn + 1} of ${samples.images.length}: `
      + `it is a ${samples.labels[this.turn]}`;
  }

  async file(file) {
    if (!file) return;
    this.stopCamera();
    try {
      const grey = await fromFile(file);
      if (!bounds(grey)) this.remark = "Nothing stands out on that picture.";
      this.pad.put(grey);
    } catch {
      $("told").textContent = "Not a picture that this browser can read.";
    }
  }

  async toggleCamera() {
    if (this.live) return this.stopCamera();
    $("told").textContent = await this.camera.start();
    if ($("told").textContent) return;
    this.live = true;
    $("video").hidden = false;
    $("camera").setAttribute("aria-pressed", true);
  }

  stopCamera() {
    this.live = false;
    this.camera.stop();
    $("video").hidden = true;
    $("camera").setAttribute("aria-pressed", false);
  }

  /* --- through the chip ------------------------------------------------------------------ */
  restart() {
    if (!this.network) return;
    this.run = null;
    for (const item of this.items) item.answer = null;
    if (!this.items.length) {
      for (const {layer} of this.views) layer.forget(false);
      this.draw();
    }
    this.started = null;
    this.waiting = this.items.map((_, i) => i);
    if (!this.pace.watched) this.atOnce();
    else this.begin();
    this.tell();
  }

  atOnce() {
    const began = performance.now();
    // The chosen one last: its layers are what memory holds.
    for (const i of [...this.waiting.filter(i => i !== this.chosen), this.chosen]) {
      if (!this.items[i]) continue;
      const seen = i === this.chosen;
      this.run = new Run(this.network, this.network.integers(this.items[i].grey), {seen}).whole();
      this.finish(i);
    }
    this.here = this.items.length ? (performance.now() - began) / this.items.length : null;
    this.waiting = [];
    this.draw();
  }

  begin() {
    this.current = this.waiting.shift();
    if (this.current === undefined) return;
    this.chosen = this.current;
    this.spent = 0;
    this.run = new Run(this.network, this.network.integers(this.items[this.current].grey),
                       {seen: true, watched: true});
    this.draw();
  }

  finish(i) {
    this.items[i].answer = this.network.answer(this.run.outputs);
    this.cycles = this.run.chip.cycles;
  }

  tick(now) {
    const elapsed = Math.min(100, now - (this.last ?? now));
    this.last = now;
    if (this.live && !this.pace.paused && (!this.run || this.run.done)) {
      const frame = this.camera.frame();
      if (frame) this.pad.put(frame);
    }
    if (this.dirty && this.network) this.look();
    if (!this.run || this.run.done || this.pace.paused) return;
    this.spent += this.pace.cycles(elapsed, this.chip.statesPerCycle);
    this.here = null;
    if (this.run.until(this.spent)) this.through();
    this.draw();
  }

  through() {
    this.finish(this.current);
    this.tell();
    if (this.waiting.length) this.begin();
  }

  stepped(kind) {
    if (!this.items.length) return;
    if (!this.run || this.run.done) this.restart();
    if (kind === "step") this.run.step();
    else this.run.layer();
    this.spent = this.chip.cycles;
    if (this.run.done) this.through();
    this.draw();
  }

  choose(i) {
    this.chosen = i;
    if (!this.pace.watched) this.waiting = [i], this.atOnce();
    else this.waiting = [i], this.begin();
    this.tell();
  }

  /* --- what is shown --------------------------------------------------------------------- */
  fit() {
    const layer = document.querySelector(".layer");
    if (!layer) return;
    const columns = getComputedStyle(layer).gridTemplateColumns.split(" ");
    for (const view of this.views) view.fit(parseFloat(columns.at(-1)));
    this.draw(); // with the marks where the cells are now
  }

  draw() {
    const running = this.run && !this.run.done, section = running && this.run.section;
    for (const view of this.views) {
      if (running) view.layer.look();
      view.draw();
      if (view.layer.facts.sideways) {
        const path = this.items[this.chosen]?.answer?.path;
        view.follow(path?.map(state => this.network.facts.heard[state]));
      }
      view.element.classList.toggle("running", !!section
        && view.layer.facts.sections.some(i => this.sections[i] === section));
    }
    $("state").textContent = !running ? this.pace.told(this.ms) : `pc `
      + `${this.chip.pc.toString(16).padStart(6, "0")} in ${section ? section.node : "between"}, `
      + `cycle ${Math.round(this.chip.cycles).toLocaleString("en")}`;
    if (this.detail.pointed) this.detail.show(this.views, ...this.detail.pointed, this.network,
                                              this.run);
  }

  get ms() { return (this.cycles ?? 0) * this.chip.statesPerCycle / this.pace.mhz / 1000; }

  tell() {
    const item = this.items[this.chosen];
    this.answer.show(this.items, this.chosen, !!this.network.facts.states);
    this.answer.scores(item?.answer, this.network.facts.classes);
    this.answer.meter(this.items.length ? this.cycles : 0, this.pace.mhz,
                      this.chip.statesPerCycle, this.here ?? null);
  }
}

const opened = performance.now();
const board = JSON.parse(new TextDecoder().decode(await unpacked("board")));
const engine = await unpacked("engine");
const page = new Page(await Chip.made(engine, board), board);
const networks = [];
async function network(i) {
  networks[i] ??= new Network(await facts(`network-${i}`), page.chip);
  return networks[i];
}
choices($("networks"), board.networks.map((name, i) => [name, i]), 0,
        async i => page.use(await network(i)));
page.use(await network(0));
$("networks").hidden = board.networks.length < 2;
document.documentElement.dataset.readyMs = Math.round(performance.now() - opened);

const result = await selfTest(await Chip.made(engine, board), network, board.networks.length,
                              text => { $("selftest").textContent = text; });
$("selftest").classList.toggle("wrong", result.differ + result.cycles > 0);
window.dsplet = {page, network, result, Run, normalised, line}; // for those who look closer
