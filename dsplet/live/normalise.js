/* Size normalisation: data/normalise.py in this language, the same bits (a test holds them together).
   A picture is {height, width, data}: grey levels, 0 background, 255 ink, row by row. */

const picture = (height, width) => ({height, width, data: new Uint8Array(height * width)});

/* What each of m new pixels takes from n old ones: whole numbers, of one sum. */
function weights(n, m) {
  const rows = [];
  for (let i = 0; i < m; i++) {
    const row = {from: n, taken: []};
    const middle = Math.min(Math.max((2 * i + 1) * n, m), (2 * n - 1) * m);
    for (let j = 0; j < n; j++) {
      const w = m <= n ? Math.min((i + 1) * n, (j + 1) * m) - Math.max(i * n, j * m)
        : 2 * m - Math.abs(middle - (2 * j + 1) * m);
      if (w <= 0) continue;
      row.from = Math.min(row.from, j);
      row.taken.push(w);
    }
    rows.push(row);
  }
  return {rows, sum: rows[0].taken.reduce((a, b) => a + b)};
}

/* Each way, the mean of the area that a pixel covers where it shrinks, bilinear where it grows. */
function resized(ink, height, width) {
  const down = weights(ink.height, height), across = weights(ink.width, width);
  const between = new Float64Array(ink.height * width), small = picture(height, width);
  for (let y = 0; y < ink.height; y++)
    across.rows.forEach(({from, taken}, x) => {
      let sum = 0;
      for (let k = 0; k < taken.length; k++) sum += taken[k] * ink.data[y * ink.width + from + k];
      between[y * width + x] = sum;
    });
  const total = down.sum * across.sum; // far below 2^53: every number here is a whole one
  down.rows.forEach(({from, taken}, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < taken.length; k++) sum += taken[k] * between[(from + k) * width + x];
      small.data[y * width + x] = Math.floor((2 * sum + total) / (2 * total));
    }
  });
  return small;
}

/* The whole number nearest to a * b / c, half up. */
const nearest = (a, b, c) => Math.floor((2 * a * b + c) / (2 * c));

/* Where the first of some rows stands among `room`. ink: what is in each. */
function start(ink, room, byMass) {
  const mass = ink.reduce((a, b) => a + b, 0), n = ink.length;
  if (!byMass || !mass) return Math.floor((room - n) / 2);
  const moment = ink.reduce((sum, w, i) => sum + w * i, 0);
  const at = Math.floor((room * mass - 2 * moment + mass) / (2 * mass));
  return Math.min(Math.max(at, 0), room - n);
}

/* A digit as a network's data set sets it. style: {shape: [H, W], box, by_mass}. */
function normalised(ink, style) {
  const longer = Math.max(ink.height, ink.width), [H, W] = style.shape;
  const small = resized(ink, Math.max(1, nearest(ink.height, style.box, longer)),
                        Math.max(1, nearest(ink.width, style.box, longer)));
  const rows = new Array(small.height).fill(0), columns = new Array(small.width).fill(0);
  small.data.forEach((v, i) => {
    rows[Math.floor(i / small.width)] += v;
    columns[i % small.width] += v;
  });
  return set(small, H, W, start(rows, H, style.by_mass), start(columns, W, style.by_mass));
}

/* A line as `dsplet read` sets it: its ink at a height, in the middle; squeezed where it is longer
   than the network's picture. */
function line(ink, [H, W], height) {
  let rows = height, columns = Math.max(1, nearest(ink.width, height, ink.height));
  if (columns > W) rows = Math.max(1, nearest(ink.height, W, ink.width)), columns = W;
  const small = resized(ink, rows, columns);
  return {...set(small, H, W, Math.floor((H - rows) / 2), Math.floor((W - columns) / 2)),
          squeezed: rows < height};
}

function set(small, H, W, top, left) {
  const whole = picture(H, W);
  for (let y = 0; y < small.height; y++)
    whole.data.set(small.data.subarray(y * small.width, (y + 1) * small.width),
                   (top + y) * W + left);
  return whole;
}

function cut(grey, {top, left, bottom, right}) {
  const part = picture(bottom - top, right - left);
  for (let y = top; y < bottom; y++)
    part.data.set(grey.data.subarray(y * grey.width + left, y * grey.width + right),
                  (y - top) * part.width);
  return part;
}
