/* What was read: the text, each digit as the network saw it, the scores of one of them, the time. */

class Answer {
  constructor(onChoose) { this.onChoose = onChoose; }

  /* items: [{grey, answer}]; answer is null while the chip has not said it. */
  show(items, chosen, long) {
    const text = items.map(item => item.answer?.text ?? "·").join("");
    $("answer").classList.toggle("quiet", !items.length);
    $("answer").textContent = items.length ? text || "nothing read" : "nothing to read yet";
    $("found").classList.toggle("long", long);
    $("found").replaceChildren(...items.map((item, i) => this.thumbnail(item, i, i === chosen)));
  }

  thumbnail({grey, answer}, i, pressed) {
    const canvas = made("canvas", {width: grey.width, height: grey.height});
    const image = new ImageData(grey.width, grey.height);
    grey.data.forEach((v, k) => image.data.set([v, v, v, 255], 4 * k));
    canvas.getContext("2d").putImageData(image, 0, 0);
    const button = made("button", {type: "button", title: "Show what the chip computes of it"},
                        canvas, made("span", {textContent: answer?.text ?? "·"}));
    button.setAttribute("aria-pressed", pressed);
    button.addEventListener("click", () => this.onChoose(i));
    return button;
  }

  scores(answer, classes) {
    $("scores").hidden = !answer?.scores;
    if (!answer?.scores) return;
    const most = Math.max(1, ...answer.scores.map(Math.abs));
    const rows = $("scores").lastElementChild;
    while (rows.children.length < classes.length)
      rows.append(made("div", {}, made("span"), made("i", {}, made("b")), made("em")));
    while (rows.children.length > classes.length) rows.lastChild.remove();
    answer.scores.forEach((q, i) => {
      const [name, bar, number] = rows.children[i].children, width = 50 * Math.abs(q) / most;
      name.textContent = classes[i];
      number.textContent = q;
      bar.firstChild.className = q > 0 ? "up" : "";
      bar.firstChild.style.left = `${q > 0 ? 50 : 50 - width}%`;
      bar.firstChild.style.width = `${width}%`;
      rows.children[i].className = i === answer.best ? "best" : "";
    });
  }

  /* cycles: of one picture; here: milliseconds that this page took for it, null where it waits. */
  meter(cycles, mhz, statesPerCycle, here) {
    const ms = cycles * statesPerCycle / mhz / 1000;
    $("clocked").textContent = `at ${mhz} MHz`;
    $("cycles").textContent = cycles ? Math.round(cycles).toLocaleString("en") : "–";
    $("latency").textContent = cycles ? `${ms.toPrecision(3)} ms` : "–";
    $("rate").textContent = cycles ? (1000 / ms).toPrecision(3) : "–";
    $("here").textContent = here === null ? "–" : `${here.toFixed(1)} ms`;
  }
}
