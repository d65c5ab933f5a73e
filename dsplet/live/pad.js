/* The pad: mouse, touch, pen and keys draw on it; what is on it are grey levels, 255 ink. They are
   read when they are wanted: a stroke is many lines, a frame is one look. */

const PEN = 22, KEY_STEP = 8; // pixels of the canvas

class Pad {
  constructor(canvas, onInk) {
    Object.assign(this, {canvas, onInk, down: false, cursor: null, read: null});
    this.ink = new OffscreenCanvas(canvas.width, canvas.height);
    this.context = this.ink.getContext("2d", {willReadFrequently: true});
    Object.assign(this.context, {lineWidth: PEN, lineCap: "round", lineJoin: "round",
                                 strokeStyle: "#fff"});
    canvas.addEventListener("pointerdown", e => this.press(e));
    canvas.addEventListener("pointermove", e => this.drag(e));
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, () => this.last = null);
    canvas.addEventListener("keydown", e => this.key(e));
    canvas.addEventListener("blur", () => { this.cursor = null; this.draw(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.canvas.width / box.width,
            (event.clientY - box.top) * this.canvas.height / box.height];
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor = null;
    this.line(this.last = this.at(event), this.last);
  }

  drag(event) {
    if (!this.last || !(event.buttons & 1)) return;
    const way = event.getCoalescedEvents?.() ?? [];
    for (const each of way.length ? way : [event]) {
      const to = this.at(each);
      this.line(this.last, to);
      this.last = to;
    }
  }

  key(event) {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
                  ArrowDown: [0, 1]}[event.key];
    const {width, height} = this.canvas;
    if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key === " ") {
      this.cursor ??= [width / 2, height / 2];
      this.down = !this.down;
      if (this.down) this.line(this.cursor, this.cursor);
    } else if (step) {
      const from = this.cursor ?? [width / 2, height / 2];
      this.cursor = [Math.min(Math.max(from[0] + KEY_STEP * step[0], 0), width),
                     Math.min(Math.max(from[1] + KEY_STEP * step[1], 0), height)];
      if (this.down) this.line(from, this.cursor);
    } else return;
    event.preventDefault();
    this.draw();
  }

  line(from, to) {
    this.context.beginPath();
    this.context.moveTo(...from);
    this.context.lineTo(to[0] + 0.01, to[1]); // a line of no length would leave no dot
    this.context.stroke();
    this.changed(null);
  }

  get grey() {
    if (this.read) return this.read;
    const {width, height} = this.ink, {data} = this.context.getImageData(0, 0, width, height);
    this.read = picture(height, width);
    for (let i = 0; i < width * height; i++) this.read.data[i] = data[4 * i + 3];
    return this.read;
  }

  /* Grey levels from elsewhere, of any size, as large as they fit. */
  put(grey) {
    const {width, height} = this.canvas, scale = Math.min(width / grey.width, height / grey.height);
    const small = new OffscreenCanvas(grey.width, grey.height);
    const image = new ImageData(grey.width, grey.height);
    grey.data.forEach((v, i) => image.data.set([255, 255, 255, v], 4 * i));
    small.getContext("2d").putImageData(image, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.context.imageSmoothingEnabled = scale < 1;
    this.context.drawImage(small, (width - grey.width * scale) / 2,
      (height - grey.height * scale) / 2, grey.width * scale, grey.height * scale);
    this.changed(grey);
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.down = false;
    this.changed(null);
  }

  /* A pad as wide as a line wants it. */
  shape(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    for (const canvas of [this.canvas, this.ink]) Object.assign(canvas, {width, height});
    Object.assign(this.context, {lineWidth: PEN, lineCap: "round", lineJoin: "round",
                                 strokeStyle: "#fff"});
    this.clear();
  }

  /* grey: what is on it now, null where that has to be looked up. */
  changed(grey) {
    this.read = grey;
    this.draw();
    this.onInk();
  }

  draw() {
    const context = this.canvas.getContext("2d"), {width, height} = this.canvas;
    const stroke = getComputedStyle(document.documentElement).getPropertyValue("--stroke");
    context.clearRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    context.drawImage(this.ink, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = stroke;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    if (!this.cursor) return;
    context.strokeStyle = stroke;
    context.setLineDash(this.down ? [] : [4, 4]);
    context.beginPath();
    context.arc(...this.cursor, PEN / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
  }
}
