/* Layers as pictures: a pixel a cell, above zero warm, below cool, what is not computed yet grey. */

const GAP = 1;         // cells between maps
const MOST_HIGH = 170; // pixels, of a layer of long maps

/* A layer's cells as tiles of rows and columns; at(tile, row, column) is the cell, where(cell) its
   place among them. Over time goes to the right. */
function tiling(layer) {
  const shape = layer.view.shape.filter((n, i, all) => n > 1 || i === all.length - 1);
  const [count, rows, columns] = layer.turns > 1 ? [1, layer.each, layer.turns]
    : layer.facts.sideways ? [1, shape[1], shape[0]]
    : shape.length === 3 ? shape : shape.length === 2 ? [1, ...shape] : [1, 1, layer.each];
  const turned = layer.turns > 1 || layer.facts.sideways;
  return {count, rows, columns,
    at: (tile, row, column) => turned ? column * rows + row : (tile * rows + row) * columns + column,
    where: cell => turned ? [0, cell % rows, Math.floor(cell / rows)] :
      [Math.floor(cell / (rows * columns)), Math.floor(cell / columns) % rows, cell % columns]};
}

class LayerView {
  constructor(layer, {onPoint, cyclesOf, total, names}) {
    Object.assign(this, {layer, tiles: tiling(layer), onPoint});
    this.canvas = made("canvas", {tabIndex: 0});
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `Values of ${layer.name}; arrow keys move from cell to `
      + "cell");
    this.maps = made("div", {className: "maps"}, this.canvas);
    this.names = layer.facts.sideways ? (names ?? []).map(name => made("span",
      {textContent: name || "–"})) : [];
    const beside = made("div", {className: "beside"}, made("div", {className: "names"},
                        ...this.names), this.maps);
    const bar = made("b");
    bar.style.width = `${100 * cyclesOf / total}%`;
    const billed = !cyclesOf ? [] : [made("div", {className: "bill"}, bar),
      made("p", {textContent: `${Math.round(cyclesOf).toLocaleString("en")} cycles`})];
    this.element = made("div", {className: "layer"},
      made("div", {}, made("h3", {textContent: layer.name}),
           made("p", {textContent: `${layer.facts.what} · ${layer.facts.format}`}), ...billed),
      beside);
    this.cell = 0;
    this.canvas.addEventListener("pointermove", event => this.point(this.cellUnder(event)));
    this.canvas.addEventListener("pointerdown", event => this.point(this.cellUnder(event)));
    this.canvas.addEventListener("focus", () => this.point(this.cell));
    this.canvas.addEventListener("keydown", event => this.move(event));
  }

  /* How large, where so much room is to the right: cells are square but in tall tables. */
  fit(room) {
    const {count, rows, columns} = this.tiles, tall = rows > 40;
    if (this.names.length) room -= 22;
    const wished = this.names.length || tall ? Math.min(20, Math.floor(room / columns))
      : columns > 64 ? room / columns / this.columnsOfTiles(room)
      : count === 1 && rows === 1 ? 15 : columns > 20 ? 4 : columns > 12 ? 6 : columns > 5 ? 8 : 11;
    this.wide = Math.min(wished, room / columns);
    if (columns <= 64) this.wide = Math.max(1, Math.floor(this.wide));
    this.high = tall ? 2 : this.wide;
    this.across = Math.max(1, Math.min(count,
      Math.floor((room / this.wide + GAP) / (columns + GAP))));
    this.across = Math.ceil(count / Math.ceil(count / this.across)); // rows of one length
    this.canvas.width = this.across * (columns + GAP) - GAP;
    this.canvas.height = Math.ceil(count / this.across) * (rows + GAP) - GAP;
    this.canvas.style.width = `${this.canvas.width * this.wide}px`;
    this.canvas.style.height = `${this.canvas.height * this.high}px`;
    for (const name of this.names) name.style.height = `${this.high}px`;
  }

  /* Side by side, of long maps: so many that they are not too high together. */
  columnsOfTiles(room) {
    const {count, rows, columns} = this.tiles;
    for (let n = 1; n <= Math.min(count, 4); n++) {
      const wide = room / (n * (columns + GAP));
      if (wide < 1.2) return Math.max(1, n - 1) * (1 + GAP / columns);
      if (Math.ceil(count / n) * rows * wide <= MOST_HIGH) return n * (1 + GAP / columns);
    }
    return Math.min(count, 4) * (1 + GAP / columns);
  }

  draw() {
    if (!this.wide) return;
    const {count, rows, columns, at} = this.tiles, {cells} = this.layer;
    const context = this.canvas.getContext("2d"), {warm, cool, later} = colours();
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    for (let tile = 0; tile < count; tile++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          const cell = at(tile, row, column), v = cells[cell];
          const [x, y] = this.corner(tile);
          const pixel = 4 * ((y + row) * this.canvas.width + x + column);
          const shade = this.shade(v), known = this.layer.known[cell];
          const colour = !known ? later : shade < 0 ? cool : shade > 0 ? warm : [128, 128, 128];
          const alpha = known ? 22 + 233 * Math.min(1, Math.abs(shade)) ** 0.75 : 255;
          image.data.set([...colour, alpha], pixel);
        }
    context.putImageData(image, 0, 0);
  }

  /* From -1 to 1: how strong a colour. Of logarithms, the probability. */
  shade(v) {
    const {facts, most, view} = this.layer;
    return facts.logarithm ? Math.exp(v * 2 ** -view.frac) : v / most;
  }

  corner(tile) {
    const {rows, columns} = this.tiles;
    return [tile % this.across * (columns + GAP), Math.floor(tile / this.across) * (rows + GAP)];
  }

  cellUnder(event) {
    const {count, rows, columns, at} = this.tiles, box = this.canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / this.wide);
    const y = Math.floor((event.clientY - box.top) / this.high);
    const column = x % (columns + GAP), row = y % (rows + GAP);
    const tile = Math.floor(y / (rows + GAP)) * this.across + Math.floor(x / (columns + GAP));
    return tile < count && tile >= 0 && column < columns && row < rows && row >= 0 && column >= 0
      ? at(tile, row, column) : null;
  }

  move(event) {
    const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0],
                  ArrowDown: [1, 0]}[event.key];
    if (!step) return;
    event.preventDefault();
    const {rows, columns, count, at, where} = this.tiles, [tile, row, column] = where(this.cell);
    const wanted = [row + step[0], column + step[1]];
    const over = wanted[1] < 0 ? -1 : wanted[1] >= columns ? 1 : 0;
    const into = Math.min(Math.max(tile + over, 0), count - 1);
    if (into !== tile) wanted[1] = over > 0 ? 0 : columns - 1;
    this.point(at(into, Math.min(Math.max(wanted[0], 0), rows - 1),
                  Math.min(Math.max(wanted[1], 0), columns - 1)));
  }

  point(cell) {
    if (cell === null) return;
    this.cell = cell;
    this.onPoint(this, cell);
  }

  clear() {
    for (const mark of this.maps.querySelectorAll("u:not(.path)")) mark.remove();
  }

  /* Of the scores of a line: which class the best path hears in each column; null for none. */
  follow(path) {
    for (const mark of this.maps.querySelectorAll("u.path")) mark.remove();
    path?.forEach((row, column) => this.mark(0, [row, row + 1], [column, column + 1], "path"));
  }

  /* A frame around rows and columns [from, to) of a tile. */
  mark(tile, [top, bottom], [left, right], kind = "") {
    const [x, y] = this.corner(tile), frame = made("u", {className: kind});
    frame.style.left = `${(x + left) * this.wide - 1}px`;
    frame.style.top = `${(y + top) * this.high - 1}px`;
    frame.style.width = `${(right - left) * this.wide + 2}px`;
    frame.style.height = `${(bottom - top) * this.high + 2}px`;
    this.maps.append(frame);
    return frame;
  }
}

/* The page's colours as numbers, whichever scheme is in force. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["warm", "cool", "later"].map(name => {
    const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
    return [name, [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16))];
  }));
}
