/* How fast the chip goes: as fast as it can here, at its own speed, or slower, so that one sees
   layers fill; paused and on by one instruction or one layer. */

const FRAME_MS = 1000 / 60;
const PACES = [["as fast as it goes", 0], ["the chip’s own", 1], ["10× slower", 10],
               ["100× slower", 100], ["1000× slower", 1000]];

class Pace {
  /* Told: onChange() of another speed, onClock(), onPause(), onStep("step" or "layer"). */
  constructor({clocks, onChange, onClock, onPause, onStep}) {
    Object.assign(this, {slower: 0, mhz: clocks[0], paused: false, onPause});
    choices($("pace"), PACES, 0, slower => { this.slower = slower; onChange(); });
    choices($("clock"), clocks.map(mhz => [`${mhz} MHz`, mhz]), clocks[0],
            mhz => { this.mhz = mhz; onClock(); });
    $("pause").addEventListener("click", () => this.pause(!this.paused));
    $("step").addEventListener("click", () => { this.pause(true); onStep("step"); });
    $("next").addEventListener("click", () => { this.pause(true); onStep("layer"); });
  }

  pause(paused) {
    if (paused === this.paused) return;
    this.paused = paused;
    $("pause").setAttribute("aria-pressed", paused);
    $("pause").textContent = paused ? "Go on" : "Pause";
    this.onPause();
  }

  /* Whether layers are seen while they fill. */
  get watched() { return this.slower > 0 || this.paused; }

  /* Cycles that the chip has in so many milliseconds. */
  cycles(ms, statesPerCycle) {
    return ms * this.mhz * 1000 / statesPerCycle / Math.max(1, this.slower);
  }

  /* What is said of a picture that takes so long. */
  told(ms) {
    const shown = ms * Math.max(1, this.slower);
    if (!this.slower) return "";
    if (shown < 2 * FRAME_MS)
      return `${ms.toPrecision(3)} ms: your screen shows one picture in `
        + `${FRAME_MS.toFixed(1)} ms; slower shows more`;
    return `${ms.toPrecision(3)} ms of the chip’s time, ${(shown / 1000).toPrecision(3)} s here`;
  }
}

/* Radio buttons in a fieldset. */
function choices(fieldset, options, chosen, onChoose) {
  for (const [text, value] of options) {
    const input = made("input", {type: "radio", name: fieldset.id, value, checked: value === chosen});
    input.addEventListener("change", () => onChoose(value));
    fieldset.append(made("label", {}, input, made("span", {textContent: text})));
  }
}
