// DilationExplorer: what one dilated layer touches on a photograph, and what a stack of them leaves out.
import { commonFactor, convolve, coverage, FILTERS, largestGap, span, taps, toPyTorch } from "./core/dilation.js";
import { actions, announcer, button, card, grayPixels, h, hatch, legend, once, picture, readouts, select, slider } from "./ui/kit.js";

const SCHEDULES = [
  ["2, 2, 2: one rate for all", [2, 2, 2]],
  ["2, 4, 8: doubling from 2", [2, 4, 8]],
  ["1, 2, 4: doubling from 1", [1, 2, 4]],
  ["1, 2, 5: hybrid dilated convolution", [1, 2, 5]],
  ["1, 2, 9: one step too far", [1, 2, 9]],
  ["1, 1, 2, 4, 8, 16, 1: context module", [1, 1, 2, 4, 8, 16, 1]],
];
const SETTINGS = ["rate", "kernel", "filter", "x", "y", "rates"];
const MOST_LAYERS = 7;
const OWN = "own";
const WINDOWS = [15, 27, 53, 79]; // pixels of the photograph that the close-up shows; the smallest that holds all taps
const number = (value, digits = 3) => value.toFixed(digits).replace("-", "−");
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

async function render({ model, el }) {
  const get = (name) => model.get(name);
  const put = (name, value) => (model.set(name, value), model.save_changes());
  const photo = await grayPixels(get("photo_png"));
  const result = { data: new Float32Array(photo.data.length), by: "", pixels: new ImageData(photo.width, photo.height) };
  const resultPicture = new OffscreenCanvas(photo.width, photo.height);
  const onlyRate = get("show") === "rate";
  const show = onlyRate ? "layer" : get("show");
  const redraw = once(paint);
  const frame = card(el, { label: "Dilated convolution explorer", redraw });
  const ear = announcer();

  // One layer ------------------------------------------------------------------------------------------------------
  const rate = slider({ label: "Rate", min: 1, max: 12, format: (r) => (r === 1 ? "1 (ordinary)" : String(r)), oninput: (r) => put("rate", r) });
  const kernel = slider({ label: "Kernel", min: 3, max: 7, step: 2, format: (k) => `${k} × ${k}`, oninput: (k) => put("kernel", k) });
  const filter = select({ label: "Weights", options: Object.keys(FILTERS).map((name) => [name, name]), oninput: (name) => put("filter", name) });
  kernel.element.hidden = filter.element.hidden = onlyRate;
  let hovered = null;
  let weights;
  let touched;

  const windowSize = () => WINDOWS.find((size) => size >= span(get("kernel"), get("rate")) + 2);
  const move = (x, y) => {
    put("x", Math.max(0, Math.min(photo.width - 1, x)));
    put("y", Math.max(0, Math.min(photo.height - 1, y)));
    return true;
  };
  const arrows = (key, { shiftKey }) => {
    const step = shiftKey ? 10 : 1;
    const [x, y] = [get("x"), get("y")];
    if (key === "ArrowLeft") return move(x - step, y);
    if (key === "ArrowRight") return move(x + step, y);
    if (key === "ArrowUp") return move(x, y - step);
    if (key === "ArrowDown") return move(x, y + step);
    return false;
  };
  const point = ({ x, y, kind }) => kind !== "leave" && move(Math.floor(x * photo.width), Math.floor(y * photo.height));

  const closeUp = picture({
    label: "Close-up of the photograph with the taps of the kernel. Arrow keys move the unit, with Shift by ten pixels.",
    aspect: 1, onkey: arrows, draw: drawCloseUp, caption: "",
    onpoint({ x, y, kind }) {
      const size = windowSize();
      const at = [get("x") - (size - 1) / 2 + Math.floor(x * size), get("y") - (size - 1) / 2 + Math.floor(y * size)];
      if (kind === "drag") return;
      const now = kind === "leave" ? null : touched?.find((tap) => tap.x === at[0] && tap.y === at[1]) ?? null;
      if (now?.x !== hovered?.x || now?.y !== hovered?.y) {
        hovered = now;
        redraw();
      }
    },
  });
  const whole = picture({
    label: "The whole photograph. Point or use the arrow keys to move the unit.", aspect: photo.width / photo.height,
    onkey: arrows, onpoint: point, draw: drawWhole, caption: "Input: move over it",
  });
  const answer = picture({
    label: "The result of the convolution, one value for every pixel.", aspect: photo.width / photo.height,
    onkey: arrows, onpoint: point, draw: drawResult, caption: "",
  });
  const layerNumbers = readouts({ taps: ["Weights", 3], span: ["Span", 8], share: ["Touched in it", 20], output: ["Output here", 7] });
  const layer = h("div", { "data-part": "layer", hidden: show === "stack" },
    h("div", { class: "seg-controls" }, rate.element, kernel.element, filter.element),
    h("div", { class: "seg-layer" }, closeUp.element, h("div", { class: "seg-pair" }, whole.element, answer.element)),
    legend([["kernel", "line", "tap: a weight falls here"], ["unseen", "hatch", "inside the span, never read"], ["output", "line", "output"]]),
    layerNumbers.element);

  // A stack of layers ----------------------------------------------------------------------------------------------
  const schedule = select({
    label: "Rates of the stack", options: [],
    oninput: (name) => name !== OWN && put("rates", SCHEDULES[Number(name)][1]),
  });
  const rateSliders = Array.from({ length: MOST_LAYERS }, (_, i) =>
    slider({ label: `Layer ${i + 1}`, min: 1, max: 16, oninput: (r) => put("rates", get("rates").map((old, j) => (j === i ? r : old))) }));
  const add = button("Add a layer", () => put("rates", [...get("rates"), 1]));
  const remove = button("Remove the last", () => put("rates", get("rates").slice(0, -1)));
  const heat = picture({ label: "Coverage of the stack", aspect: 1, draw: drawCoverage, caption: "" });
  let heatPicture = null;
  const stackNumbers = readouts({ field: ["Field", 10], touched: ["Touched", 26], missed: ["Never read", 8], gap: ["Hybrid rule M₂ ≤ k", 28] });
  const stackPart = h("div", { "data-part": "stack", hidden: show === "layer" },
    h("div", { class: "seg-stack" },
      h("div", {}, schedule.element, ...rateSliders.map((s) => s.element), h("div", { class: "seg-actions" }, add, remove)),
      h("div", {}, heat.element,
        legend([["kernel", "fill", "read: the stronger, the more ways lead to it"], ["unseen", "hatch", "never read, though inside the field"]]))),
    stackNumbers.element);

  const foot = actions({
    code: () => toPyTorch({ ...settings(), photo: get("photo"), size: [photo.height, photo.width] }),
    onreset() {
      for (const [name, value] of Object.entries(get("defaults"))) model.set(name, value);
      model.save_changes();
    },
  });
  const style = h("style", {}, `
    .seglib .seg-layer { display: grid; gap: 0.75rem; grid-template-columns: minmax(0, 1fr); }
    .seglib .seg-pair { display: grid; gap: 0.75rem; grid-template-columns: 1fr 1fr; align-content: start; }
    .seglib .seg-stack { display: grid; gap: 0.75rem 1.25rem; }
    @container (min-width: 34rem) {
      .seglib .seg-layer { grid-template-columns: minmax(0, 1.32fr) minmax(0, 1fr); }
      .seglib .seg-pair { grid-template-columns: 1fr; }
      .seglib .seg-stack { grid-template-columns: minmax(12rem, 1fr) minmax(0, 1.4fr); }
    }
    .seglib [data-part="stack"]:not([hidden]) { margin-top: 1rem; }
    .seglib [data-part="layer"]:not([hidden]) + [data-part="stack"] { border-top: 1px solid var(--seg-line); padding-top: 1rem; }`);
  frame.root.append(style, layer, stackPart, foot.element, ear.element);

  const settings = () => Object.fromEntries(SETTINGS.map((name) => [name, get(name)]));

  // Work and paint -------------------------------------------------------------------------------------------------
  let convolved = "";
  let counted = "";
  function work() {
    const { rate: r, kernel: k, filter: name, x, y, rates } = settings();
    weights = FILTERS[name](k);
    touched = taps(photo, weights, k, r, x, y);
    const live = get("answer");
    const answered = live?.rate === r && live.kernel === k && live.filter === name;
    const layerNow = `${r} ${k} ${name} ${answered}`;
    if (layerNow !== convolved && show !== "stack") {
      convolved = layerNow;
      if (answered) result.data.set(new Float32Array(live.pixels.buffer.slice(live.pixels.byteOffset, live.pixels.byteOffset + live.pixels.byteLength)));
      else convolve(photo, weights, k, r, result.data);
      const words = new Uint32Array(result.pixels.data.buffer);
      const [gain, zero] = name === "blur" ? [255, 0] : [510, 127.5]; // signed results: middle grey is 0
      for (let i = 0; i < words.length; i++) {
        const shade = Math.max(0, Math.min(255, zero + gain * result.data[i])) | 0;
        words[i] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
      }
      resultPicture.getContext("2d").putImageData(result.pixels, 0, 0);
      foot.status(answered
        ? `Answered by ${live.by}; a layer of ${live.channels} → ${live.channels} channels at this size takes ${live.milliseconds} ms.`
        : "Answered by this page; no kernel needed.");
    }
    const stackNow = `${k} ${rates} ${frame.root.dataset.dark}`;
    if (stackNow !== counted && show !== "layer") {
      counted = stackNow;
      heatPicture = coveragePicture(coverage(k, rates));
    }
  }

  function paint() {
    work();
    const said = [];
    if (show !== "stack") said.push(paintLayer());
    if (show !== "layer") said.push(paintStack());
    foot.stale();
    ear.say(said.join(" "));
  }

  function paintLayer() {
    const { rate: r, kernel: k, filter: name, x, y } = settings();
    rate.set(r);
    kernel.set(k);
    filter.set(name);
    const wide = span(k, r);
    const output = number(result.data[y * photo.width + x]); // the value in the picture, whoever computed it
    closeUp.caption(hovered?.pixel != null
      ? `Tap: ${number(hovered.weight)} × ${number(hovered.pixel)} = ${number(hovered.weight * hovered.pixel)}`
      : `${windowSize()} × ${windowSize()} pixels around the unit; point at a tap to see its product`);
    answer.caption(name === "blur" ? "Output: same size as the input" : "Output: same size; middle grey is 0");
    layerNumbers.set({ taps: `${k * k}`, span: `${wide} × ${wide}`, share: `${k * k} of ${wide * wide} (${percent((k / wide) ** 2)})`, output });
    closeUp.redraw();
    whole.redraw();
    answer.redraw();
    return `Rate ${r}: ${k * k} taps span ${wide} by ${wide} pixels. Output at column ${x}, row ${y}: ${output}.`;
  }

  function paintStack() {
    const { kernel: k, rates } = settings();
    const seen = coverage(k, rates);
    const chosen = SCHEDULES.findIndex(([, list]) => String(list) === String(rates));
    const names = [...SCHEDULES.map(([text], i) => [String(i), text]), ...(chosen < 0 ? [[OWN, `${rates.join(", ")}: your own`]] : [])];
    if (String(names) !== schedule.names) schedule.fill(names), (schedule.names = String(names));
    schedule.set(chosen < 0 ? OWN : String(chosen));
    rateSliders.forEach((control, i) => {
      if (control.element.hidden !== i >= rates.length) control.element.hidden = i >= rates.length;
      if (i < rates.length) control.set(rates[i]);
    });
    add.disabled = rates.length >= MOST_LAYERS;
    remove.disabled = rates.length <= 1;
    const gap = largestGap(rates);
    const factor = commonFactor(rates);
    const verdict = `${gap} ${gap <= k ? "≤" : ">"} ${k}${factor > 1 ? `, but all rates share ${factor}` : ""}`;
    stackNumbers.set({
      field: `${seen.field} × ${seen.field}`,
      touched: `${seen.touched} of ${seen.pixels} (${percent(seen.share)})`,
      missed: `${seen.pixels - seen.touched}`,
      gap: rates.length < 2 ? "needs two layers" : verdict,
    });
    heat.label(`Coverage of the stack: a field of ${seen.field} by ${seen.field} pixels, ${percent(seen.share)} of it read.`);
    heat.caption(`What one unit sees through ${rates.length} ${rates.length === 1 ? "layer" : "layers"} of ${k} × ${k}`);
    heat.redraw();
    return `Stack of rates ${rates.join(", ")}: ${percent(seen.share)} of ${seen.field} by ${seen.field} pixels read.`;
  }

  function drawCloseUp(context, width) {
    if (!touched) return;
    const size = windowSize();
    const cell = width / size;
    const [left, top] = [get("x") - (size - 1) / 2, get("y") - (size - 1) / 2];
    const at = (x, y) => [(x - left) * cell, (y - top) * cell];
    if (left < 0 || top < 0 || left + size > photo.width || top + size > photo.height)
      hatch(context, 0, 0, width, width, frame.colour("unseen"), 8); // outside the photograph: zero padding
    context.imageSmoothingEnabled = false;
    const [x0, y0] = [Math.max(0, left), Math.max(0, top)];
    const [x1, y1] = [Math.min(photo.width, left + size), Math.min(photo.height, top + size)];
    context.drawImage(photo.bitmap, x0, y0, x1 - x0, y1 - y0, ...at(x0, y0), (x1 - x0) * cell, (y1 - y0) * cell);
    // the span: what lies in it and is not a tap is veiled and hatched
    const wide = span(get("kernel"), get("rate")) * cell;
    const corner = at(touched[0].x, touched[0].y);
    context.fillStyle = "rgb(128 128 128 / 0.45)";
    context.fillRect(...corner, wide, wide);
    hatch(context, ...corner, wide, wide, "rgb(255 255 255 / 0.55)", Math.max(4, Math.min(9, cell / 2.5)));
    for (const tap of touched) {
      const [x, y] = at(tap.x, tap.y);
      const inner = Math.max(2, cell - 2);
      context.fillStyle = tap.pixel == null ? frame.colour("tint") : `rgb(${Array(3).fill(Math.round(255 * tap.pixel))})`;
      context.fillRect(x, y, cell, cell);
      context.strokeStyle = frame.colour("kernel");
      context.lineWidth = Math.max(2, cell * 0.22);
      context.strokeRect(x + (cell - inner) / 2 + context.lineWidth / 4, y + (cell - inner) / 2 + context.lineWidth / 4, inner - context.lineWidth / 2, inner - context.lineWidth / 2);
      if (hovered && tap.x === hovered.x && tap.y === hovered.y) {
        context.strokeStyle = frame.colour("ink");
        context.lineWidth = 2;
        context.strokeRect(x - 2, y - 2, cell + 4, cell + 4);
      }
    }
    context.strokeStyle = frame.colour("kernel");
    context.lineWidth = 2;
    context.strokeRect(...corner, wide, wide);
  }

  function outlineSpan(context, scale, colour) {
    const wide = Math.max(6, span(get("kernel"), get("rate")) * scale);
    const [x, y] = [(get("x") + 0.5) * scale - wide / 2, (get("y") + 0.5) * scale - wide / 2];
    context.lineWidth = 4;
    context.strokeStyle = "rgb(255 255 255 / 0.8)";
    context.strokeRect(x, y, wide, wide);
    context.lineWidth = 2;
    context.strokeStyle = frame.colour(colour);
    context.strokeRect(x, y, wide, wide);
  }

  function drawWhole(context, width, height) {
    context.drawImage(photo.bitmap, 0, 0, width, height);
    if (!touched) return;
    const scale = width / photo.width;
    outlineSpan(context, scale, "kernel");
    context.fillStyle = frame.colour("kernel");
    const dot = Math.max(1.5, scale);
    for (const tap of touched) context.fillRect((tap.x + 0.5) * scale - dot / 2, (tap.y + 0.5) * scale - dot / 2, dot, dot);
  }

  function drawResult(context, width, height) {
    context.drawImage(resultPicture, 0, 0, width, height);
    const scale = width / photo.width;
    const [x, y] = [(get("x") + 0.5) * scale, (get("y") + 0.5) * scale];
    for (const [line, colour] of [[4, "rgb(255 255 255 / 0.85)"], [2, frame.colour("output")]]) {
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.strokeRect(x - 4, y - 4, 8, 8);
    }
  }

  /** The coverage as one canvas, a pixel for a pixel: orange by the logarithm of the ways, clear where nothing is read. */
  function coveragePicture({ counts, field }) {
    const canvas = new OffscreenCanvas(field, field);
    const image = new ImageData(field, field);
    const words = new Uint32Array(image.data.buffer);
    const logs = counts.map((count) => Math.log(count)); // -Infinity where nothing is read
    const top = 2 * Math.max(...logs) || 1;
    const paper = frame.root.dataset.dark === "true" ? [92, 68, 20] : [255, 236, 196];
    const full = frame.root.dataset.dark === "true" ? [255, 190, 60] : [196, 112, 0];
    const ramp = Uint32Array.from({ length: 256 }, (_, i) => {
      const [r, g, b] = paper.map((low, c) => Math.round(low + ((full[c] - low) * i) / 255));
      return 0xff000000 | (b << 16) | (g << 8) | r;
    });
    for (let y = 0; y < field; y++) {
      if (logs[y] === -Infinity) continue;
      for (let x = 0; x < field; x++) if (logs[x] !== -Infinity) words[y * field + x] = ramp[Math.round((255 * (logs[y] + logs[x])) / top)];
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  function drawCoverage(context, width) {
    if (!heatPicture) return;
    context.imageSmoothingEnabled = heatPicture.width > width;
    const field = heatPicture.width;
    // a small field keeps its pixels large but not monstrous, so that a longer stack is seen to be wider
    const side = width * Math.min(1, Math.max(field, 9) / Math.max(field, 23));
    const corner = (width - side) / 2;
    context.fillStyle = frame.colour("tint");
    context.fillRect(corner, corner, side, side);
    hatch(context, corner, corner, side, side, frame.colour("unseen"), 5);
    context.drawImage(heatPicture, corner, corner, side, side);
    context.strokeStyle = frame.colour("input");
    context.lineWidth = 2;
    context.strokeRect(corner + 1, corner + 1, side - 2, side - 2);
  }

  const watched = [...SETTINGS, "answer"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    watched.forEach((event) => model.off(event, redraw));
    [closeUp, whole, answer, heat].forEach((part) => part.dispose());
    foot.dispose();
    ear.dispose();
    frame.dispose();
  };
}

export default { render };
