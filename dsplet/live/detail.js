/* The cell that is pointed at: its integer, its real value, what it sees of the layers below, and
   the instructions that make it. */

const SHOWN_LINES = 11, MOST_SEEN = 12; // lines of the listing; numbers across in a window

class Detail {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    for (const view of this.views ?? []) view.clear();
    const hint = "Point at a cell of a layer, or reach the layer with Tab and move with the arrow "
      + "keys: its integer, what it sees of the layer below, its instructions.";
    this.element.replaceChildren(made("p", {className: "note", textContent: hint}));
    this.element.classList.remove("full");
    this.pointed = null;
  }

  /* run: what is on the chip, whose program counter is shown while it is in this layer. */
  show(views, view, cell, network, run) {
    this.views = views;
    for (const each of views) each.clear();
    this.pointed = [view, cell];
    const {layer} = view, [tile, row, column] = view.tiles.where(cell);
    view.mark(tile, [row, row + 1], [column, column + 1]);
    const at = this.place(layer, cell), known = layer.known[cell], q = layer.cells[cell];
    const parts = [made("div", {},
      made("h3", {textContent: `${layer.name}[${at.join(", ")}]`}),
      made("div", {className: "value", textContent: known ? `${q}` : "not computed yet"}),
      made("p", {className: "note", textContent: known
        ? `${q} · 2^${-layer.view.frac} = ${+(q * 2 ** -layer.view.frac).toPrecision(6)}` : ""}),
      made("p", {className: "note", textContent: layer.facts.format}))];
    for (const seen of layer.facts.sees) {
      const window = this.window(views, seen, layer.turns > 1 ? at.slice(1) : at);
      if (window) parts.push(window);
    }
    const code = this.code(layer, network, run);
    if (code) parts.push(code);
    const close = made("button", {type: "button", className: "close", textContent: "×"});
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => this.clear());
    this.element.classList.add("full");
    this.element.replaceChildren(...parts, close);
  }

  /* [step, then i, j, ... of the shape] of a cell. */
  place(layer, cell) {
    const at = [];
    let rest = cell % layer.each;
    for (const n of [...layer.view.shape].reverse()) {
      at.unshift(rest % n);
      rest = Math.floor(rest / n);
    }
    return layer.turns > 1 ? [Math.floor(cell / layer.each), ...at] : at;
  }

  /* seen: {layer, axes}: for each axis of the layer below [axis of ours or null, spans]: a span
     [from, to) for each of our indices there, or one for all. Marks it, and gives its numbers. */
  window(views, seen, at) {
    const below = views.find(v => v.layer.facts.value === seen.layer);
    if (!below || below.layer.turns > 1) return null;
    const ranges = seen.axes.map(([axis, spans]) => range(spans[axis === null ? 0 : at[axis]]));
    if (ranges.some(r => !r.length)) return null;
    const {shape} = below.layer.view, size = ranges.reduce((n, r) => n * r.length, 1);
    const picture = shape.length === 3;
    const maps = picture ? ranges[0] : [0];
    for (const map of maps) {
      const [rows, columns] = picture ? ranges.slice(1) : shape.length === 2 ? ranges
        : [[0], ranges[0]];
      below.mark(map, [rows[0], rows.at(-1) + 1], [columns[0], columns.at(-1) + 1], "seen");
    }
    const told = `sees ${size.toLocaleString("en")} of ${below.layer.name}`;
    const box = made("div", {}, made("h3", {textContent: told}));
    const [rows, columns] = picture ? ranges.slice(1) : [[0], ranges.at(-1)];
    if (rows.length > MOST_SEEN || columns.length > MOST_SEEN || shape.length === 2) return box;
    if (maps.length > 1) box.append(made("p", {className: "note",
      textContent: `map ${maps[0]} of ${maps.length}`}));
    box.append(this.numbers(below.layer, picture ? maps[0] : 0, rows, columns, shape));
    return box;
  }

  numbers(layer, map, rows, columns, shape) {
    const table = made("table"), {warm, cool} = colours();
    const [height, width] = shape.length === 3 ? shape.slice(1) : [1, shape.at(-1)];
    for (const y of rows) {
      const line = table.insertRow();
      for (const x of columns) {
        const cell = (map * height + y) * width + x, v = layer.cells[cell];
        const box = line.insertCell();
        box.textContent = layer.known[cell] ? v : "·";
        const part = 0.55 * Math.min(1, Math.abs(v) / layer.most);
        if (layer.known[cell])
          box.style.background = `rgb(${(v < 0 ? cool : warm).join(" ")} / ${part})`;
      }
    }
    return table;
  }

  /* Lines of the listing: around the program counter where it is here, else the busiest. */
  code(layer, network, run) {
    const {sections, lines} = network.facts.program;
    const own = layer.facts.sections.map(i => sections[i]);
    if (!own.length) return null;
    const pc = run && !run.done ? run.chip.pc : -1;
    const inside = lines.filter(([a]) => own.some(s => s.start <= a && a < s.end));
    const here = inside.findIndex(([a]) => a === pc);
    const middle = here >= 0 ? here : Math.max(0, inside.findIndex(([, text]) => / = a\d \+ /.test(text)));
    const from = Math.max(0, Math.min(middle - 3, inside.length - SHOWN_LINES));
    const text = made("pre");
    for (const [a, line] of inside.slice(from, from + SHOWN_LINES))
      text.append(made("span", {className: a === pc ? "at" : "",
        textContent: `${a.toString(16).padStart(6, "0")}  ${line}`}), "\n");
    return made("div", {}, made("h3", {textContent: `its instructions, ${inside.length} in all`}),
                text);
  }
}

const range = ([from, to]) => Array.from({length: Math.max(0, to - from)}, (_, i) => from + i);
