/* From a picture to digits: ink by an adaptive threshold, then connected components, as the PC did
   beside the chip in 1989 (Neural Computation 1(4), section 6). */

const INK = 64;            // grey levels that stand out, as data/pictures.py has it
const LEAST = 0.18;        // of the tallest component's height: less is dirt, or a part of a digit

/* The boxes of what is written, from left to right; each with the pixels that are its own.
   Parts that stand above one another (the bar of a 5) are one digit. */
function digits(grey) {
  let parts = components(grey);
  const tallest = Math.max(0, ...parts.map(p => p.bottom - p.top));
  parts = parts.filter(p => p.pixels.length > 8).sort((a, b) => a.left - b.left);
  for (let merged = true; merged;) {
    merged = false;
    for (let i = 0; i < parts.length && !merged; i++)
      for (let j = i + 1; j < parts.length && !merged; j++)
        if (belong(parts[i], parts[j], tallest)) {
          parts[i] = joined(parts[i], parts[j]);
          parts.splice(j, 1);
          merged = true;
        }
  }
  return parts.filter(p => Math.max(p.bottom - p.top, p.right - p.left) >= LEAST * tallest);
}

/* Whether two components are parts of one digit: one lies over most of the other's columns, or
   they are near and one is but a stroke. */
function belong(a, b, tallest) {
  const width = p => p.right - p.left, height = p => p.bottom - p.top;
  const shared = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const apart = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
  if (shared >= 0.5 * Math.min(width(a), width(b)) && apart < 0.4 * tallest) return true;
  const stroke = Math.min(height(a), height(b)) < 0.35 * tallest;
  return stroke && shared > -0.12 * tallest && apart < 0.15 * tallest;
}

const joined = (a, b) => ({
  top: Math.min(a.top, b.top), bottom: Math.max(a.bottom, b.bottom),
  left: Math.min(a.left, b.left), right: Math.max(a.right, b.right),
  pixels: a.pixels.concat(b.pixels)});

/* Components of neighbouring ink, eight ways. */
function components(grey) {
  const {width, height, data} = grey, seen = new Uint8Array(data.length), found = [];
  for (let first = 0; first < data.length; first++) {
    if (seen[first] || data[first] < INK) continue;
    const pixels = [first];
    seen[first] = 1;
    let top = height, bottom = 0, left = width, right = 0;
    for (let k = 0; k < pixels.length; k++) {
      const x = pixels[k] % width, y = (pixels[k] - x) / width;
      top = Math.min(top, y), bottom = Math.max(bottom, y + 1);
      left = Math.min(left, x), right = Math.max(right, x + 1);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const at = v * width + u;
          if (!seen[at] && data[at] >= INK) seen[at] = 1, pixels.push(at);
        }
    }
    found.push({top, bottom, left, right, pixels});
  }
  return found;
}

/* One digit alone: its box, without what of its neighbours reaches into it. */
function alone(grey, box) {
  const only = picture(grey.height, grey.width);
  for (const at of box.pixels) only.data[at] = grey.data[at];
  return cut(only, box);
}

/* The box of all ink, null where there is none. */
function bounds(grey) {
  let top = grey.height, bottom = 0, left = grey.width, right = 0;
  grey.data.forEach((v, i) => {
    if (v < INK) return;
    const x = i % grey.width, y = (i - x) / grey.width;
    top = Math.min(top, y), bottom = Math.max(bottom, y + 1);
    left = Math.min(left, x), right = Math.max(right, x + 1);
  });
  return bottom ? {top, bottom, left, right} : null;
}

/* A photograph as ink on nothing: each pixel against the mean of its neighbourhood, as a part of
   it, so that a shadow does not matter; dark on light or light on dark, whichever is stronger. What
   has a third of the strongest contrast is ink. */
function inked(light) {
  const {width, height, data} = light, n = data.length, out = picture(height, width);
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++)
    for (let x = 0, row = 0; x < width; x++) {
      row += data[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  const reach = Math.max(8, Math.round(Math.max(width, height) / 6));
  const contrast = new Float64Array(n);
  let dark = 0, bright = 0;
  for (let y = 0; y < height; y++) {
    const a = Math.max(0, y - reach), b = Math.min(height, y + reach + 1);
    for (let x = 0; x < width; x++) {
      const c = Math.max(0, x - reach), d = Math.min(width, x + reach + 1);
      const at = (v, u) => sums[v * (width + 1) + u];
      const mean = (at(b, d) - at(a, d) - at(b, c) + at(a, c)) / ((b - a) * (d - c));
      contrast[y * width + x] = 128 * (mean - data[y * width + x]) / Math.max(mean, 24);
      dark += Math.max(0, contrast[y * width + x]) ** 3;
      bright += Math.max(0, -contrast[y * width + x]) ** 3;
    }
  }
  const sign = dark >= bright ? 1 : -1, sorted = contrast.map(v => sign * v).sort();
  const strongest = sorted[n - 1 - Math.floor(n / 500)];
  if (strongest < 24) return out;
  contrast.forEach((v, i) => {
    out.data[i] = Math.max(0, Math.min(255, Math.round((sign * v / strongest - 0.3) * 510)));
  });
  return out;
}
