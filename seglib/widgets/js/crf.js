// CRFExplorer: scribbles on a photograph, and exact mean field that spreads them while the slider of iterations moves.
import { appearance, decode, encode, evidence, heard, MOST, smoothness, softmax, step, toPyTorch, used, voices } from "./core/crf.js";
import { actions, announcer, button, card, h, hatch, once, picture, reason, slider } from "./ui/kit.js";

const KERNELS = ["appearance", "sigma_xy", "sigma_rgb", "smoothness", "sigma"];
const SETTINGS = ["scribbles", "iterations", ...KERNELS, "x", "y"];
const CUES = ["fill", "dots", "hatch"]; // beside the colour of each label
const SLICE = 8; // ms of arithmetic before the page may breathe
const signed = (value) => (value >= 0.005 ? "+" : "") + (Math.abs(value) < 0.005 ? 0 : value).toFixed(2).replace("-", "−");
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

async function render({ model, el }) {
  const get = (name) => model.get(name);
  const put = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const { width, height, fine, colours } = get("about");
  const names = get("names");
  const live = get("answer") !== undefined; // what only a kernel fills is left out of the page
  const count = width * height;
  const bytes = get("pixels");
  const rgb = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const redraw = once(paint);
  const frame = card(el, { label: "Dense CRF explorer", redraw });
  const ear = announcer();

  // Scribbles --------------------------------------------------------------------------------------------------------
  let read = { text: null };
  function scribbles() {
    const text = get("scribbles");
    if (read.text !== text) {
      let { map, why } = decode(text, count);
      if (map?.some((label) => label > names.length)) why = `there are only ${names.length} labels here`;
      read = { text, why, map: why ? decode(get("defaults").scribbles, count).map : map };
    }
    return read;
  }
  let brush = 1;
  let last = null;
  /** Mark two by two pixels, and all on the way from the last place of a stroke. */
  function mark(x, y) {
    const map = scribbles().map.slice();
    const from = last ?? [x, y];
    const steps = Math.max(Math.abs(x - from[0]), Math.abs(y - from[1]), 1);
    for (let s = 0; s <= steps; s++) {
      const [cx, cy] = [0, 1].map((k) => Math.round(from[k] + (([x, y][k] - from[k]) * s) / steps));
      for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]])
        if (cx + dx < width && cy + dy < height) map[(cy + dy) * width + cx + dx] = brush;
    }
    last = [x, y];
    put({ scribbles: encode(map), x, y });
  }

  // Arithmetic: one job at a time, in slices. The newest settings wait until the job before has shown what it is for. --
  const matrix = new Float32Array(count * count);
  const kept = {}; // the kernels last built, and what for
  let [job, waiting, shown, over] = [null, null, null, false];
  const wanted = () => ({ text: scribbles().text, map: scribbles().map, ...Object.fromEntries(KERNELS.map((name) => [name, get(name)])) });
  const keyOf = (settings) => JSON.stringify([settings.text, ...KERNELS.map((name) => settings[name])]);

  function* compute(run) {
    const { sigma_xy, sigma_rgb, sigma } = run.settings;
    if (kept.near !== sigma) Object.assign(kept, { near: sigma, smoothness: smoothness(width, height, sigma) });
    if (kept.alike !== `${sigma_xy} ${sigma_rgb}`) {
      kept.alike = "";
      kept.appearance = yield* appearance(rgb, width, height, sigma_xy, sigma_rgb, matrix);
      kept.alike = `${sigma_xy} ${sigma_rgb}`;
    }
    run.kernels = { appearance: kept.appearance, smoothness: kept.smoothness };
    if (run.labels.length < 2) return;
    const logits = evidence(run.settings.map);
    run.logits = logits;
    run.q.push(softmax(logits));
    while (run.q.length <= MOST) {
      const next = yield* step(run.kernels, run.settings, logits, run.q[run.q.length - 1]);
      run.q.push(next);
    }
  }
  function begin() {
    const run = { settings: waiting, key: keyOf(waiting), labels: used(waiting.map), q: [], began: performance.now() };
    waiting = null;
    job = { run, work: compute(run) };
  }
  function request() {
    const settings = wanted();
    const key = keyOf(settings);
    if (key === (waiting ? keyOf(waiting) : (job?.run ?? shown)?.key)) return;
    waiting = settings;
    pump();
  }
  const bell = new MessageChannel();
  let rung = false;
  const pump = () => {
    if (!rung) bell.port2.postMessage((rung = true));
  };
  bell.port1.onmessage = () => {
    rung = false;
    const start = performance.now();
    while (!over && performance.now() - start < SLICE) {
      if (waiting && (!job || job.run === shown)) begin();
      if (!job) break;
      const { run, work } = job;
      const before = run.q.length;
      if (work.next().done) job = null;
      const reached = run.q.length > get("iterations") || !job;
      if (run !== shown && reached) {
        shown = run;
        run.milliseconds = performance.now() - run.began;
        frame.root.dataset.milliseconds = run.milliseconds.toFixed(1);
        redraw();
      } else if (run === shown && before <= get("iterations") && reached) redraw();
    }
    frame.root.dataset.busy = String(Boolean(job || waiting));
    if (!over && (job || waiting)) pump();
  };

  // Controls ---------------------------------------------------------------------------------------------------------
  const swatch = (label) => h("span", { class: "seg-swatch", "data-cue": CUES[label - 1], style: `--swatch: rgb(${colours[label - 1]})` });
  const brushes = [...names.map((name, i) => [i + 1, name]), [0, "erase"]].map(([label, name]) => {
    const one = button("", () => ((brush = label), redraw()), { "data-brush": label });
    one.append(label ? swatch(label) : "✕ ", name);
    return one;
  });
  const clear = button("Clear", () => put({ scribbles: "" }), { "aria-label": "Clear all scribbles" });
  const control = (name, label, min, max, format) =>
    [name, slider({ label, min, max, format, oninput: (value) => put({ [name]: value }) })];
  const px = (value) => `${value} px`;
  const sliders = Object.fromEntries([
    control("iterations", "Iterations", 0, MOST),
    control("appearance", "weight", 0, 20),
    control("sigma_xy", "σ of place", 1, 60, px),
    control("sigma_rgb", "σ of colour", 1, 100, (value) => `${value} of 256`),
    control("smoothness", "weight", 0, 20),
    control("sigma", "σ of place", 1, 20, px),
  ]);
  sliders.appearance.input.setAttribute("aria-label", "appearance: weight");
  sliders.smoothness.input.setAttribute("aria-label", "smoothness: weight");
  sliders.sigma_xy.input.setAttribute("aria-label", "appearance: σ of place");
  sliders.sigma.input.setAttribute("aria-label", "smoothness: σ of place");

  // Pictures ---------------------------------------------------------------------------------------------------------
  const surface = (w = width, t = height) => new OffscreenCanvas(w, t);
  const pen = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
  const grey = Float32Array.from({ length: count }, (_, i) => 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2]);
  const photograph = surface();
  const draft = new ImageData(width, height);
  for (let i = 0; i < count; i++) draft.data.set([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255], 4 * i);
  pen(photograph).putImageData(draft, 0, 0);
  const layers = { labels: surface(), voices: surface(), fine: surface(width * fine, height * fine) };
  const masks = [surface(), surface(), surface()];
  const marks = [surface(), surface(), surface()];
  const pale = (i, dark) => (dark ? 24 + 0.3 * grey[i] : 150 + 0.4 * grey[i]);

  const clamp = (value, top) => Math.max(0, Math.min(top - 1, value));
  const move = (x, y) => put({ x: clamp(x, width), y: clamp(y, height) });
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function walk(key, { shiftKey }) {
    if (!(key in arrows)) return false;
    const far = shiftKey ? 5 : 1;
    move(get("x") + far * arrows[key][0], get("y") + far * arrows[key][1]);
    return true;
  }
  const place = ({ x, y }) => [clamp(Math.floor(x * width), width), clamp(Math.floor(y * height), height)];
  const paper = picture({
    label: "", aspect: width / height, caption: "", draw: drawPaper,
    onpoint: (at) => (at.kind === "drag" ? mark(...place(at)) : (last = null)),
    onkey(key, event) {
      if (walk(key, event)) return true;
      if (key === " " || key === "Enter") return (last = null), mark(get("x"), get("y")), (last = null), true;
      if (!/^[0-3]$/.test(key) || Number(key) > names.length) return false;
      brush = Number(key);
      redraw();
      return true;
    },
  });
  paper.canvas.classList.add("seg-paper");
  const lift = () => (last = null);
  paper.canvas.addEventListener("pointerup", lift);
  paper.canvas.addEventListener("pointercancel", lift);
  const look = { aspect: width / height, caption: "", onkey: walk, onpoint: (at) => at.kind === "drag" && move(...place(at)) };
  const answer = picture({ ...look, label: "", draw: drawAnswer });
  const talk = picture({ ...look, label: "", draw: drawTalk });

  const heads = names.map((name, i) => h("th", { scope: "col" }, swatch(i + 1), h("span", {}, name)));
  const lines = [["own", "own, log P"], ["smoothness", "smoothness"], ["appearance", "appearance"], ["q", "together: Q"]];
  const cells = Object.fromEntries(lines.map(([row]) => [row, names.map((_, l) => h("td", { "data-readout": `${row}-${l + 1}` }))]));
  const table = h("table", { class: "seg-votes" },
    h("caption", {}, h("span", { "data-readout": "pixel" })),
    h("thead", {}, h("tr", {}, h("td", {}), ...heads)),
    h("tbody", {}, ...lines.map(([row, text]) => h("tr", { "data-row": row }, h("th", { scope: "row" }, text), ...cells[row]))));
  const hears = h("p", { class: "seg-hears", "data-readout": "voices" });
  const area = h("p", { class: "seg-hears", "data-readout": "area" });

  const note = reason();
  const refine = live ? button(`Label ${width * fine} × ${height * fine} pixels`, () => model.send("refine"), { "data-refine": true }) : null;
  const foot = actions({
    code: () => toPyTorch({
      photo: get("photo"), scribbles: scribbles().why ? get("defaults").scribbles : get("scribbles"), labels: used(scribbles().map).map((label) => names[label - 1]),
      iterations: get("iterations"), appearance: get("appearance"), sigmaXy: get("sigma_xy"), sigmaRgb: get("sigma_rgb"), smoothness: get("smoothness"), sigma: get("sigma"), x: get("x"), y: get("y"),
    }),
    onreset: () => put(get("defaults")),
  });
  const style = h("style", {}, `
    .seglib .seg-brushes { display: flex; flex-wrap: wrap; gap: 0.375rem; align-items: center; margin: 0 0 0.5rem; }
    .seglib .seg-brushes button { display: inline-flex; align-items: center; gap: 0.375rem; }
    .seglib .seg-brushes .seg-swatch, .seglib .seg-votes .seg-swatch { outline: 1px solid var(--seg-ink); background-color: var(--swatch); border: 0; }
    .seglib .seg-swatch[data-cue="dots"] { background-image: radial-gradient(#0009 1.4px, transparent 1.9px); background-size: 5px 5px; }
    .seglib .seg-brushes [data-cue="hatch"], .seglib .seg-votes [data-cue="hatch"] { background-image: repeating-linear-gradient(-45deg, #0009 0 1.5px, transparent 1.5px 5px); }
    .seglib .seg-panes { display: grid; gap: 0.75rem; grid-template-columns: minmax(0, 1fr); }
    .seglib .seg-panes figcaption { min-block-size: 2.8em; }
    .seglib canvas.seg-paper { touch-action: none; }
    .seglib .seg-votes { inline-size: 100%; min-inline-size: 0; margin: 0; border-collapse: collapse; font-size: 0.875rem; display: table; table-layout: fixed; white-space: normal; }
    .seglib .seg-votes caption { caption-side: top; text-align: start; font-weight: 600; color: inherit; padding: 0 0 0.25rem; }
    .seglib .seg-votes :is(th, td) { padding: 0.25rem 0.25rem; border-bottom: 1px solid var(--seg-line); text-align: end; color: inherit; background: none; font-weight: 400; vertical-align: bottom; white-space: normal; overflow-wrap: anywhere; }
    .seglib .seg-votes tr > :first-child { text-align: start; inline-size: 31%; }
    .seglib .seg-votes thead span + span { margin-inline-start: 0.25rem; }
    .seglib .seg-votes thead .seg-swatch { display: inline-block; vertical-align: -0.1rem; }
    .seglib .seg-votes [data-row="q"] > * { font-weight: 600; }
    .seglib .seg-votes [data-best="true"]::before { content: "▸ "; content: "▸ " / ""; }
    .seglib .seg-hears { margin: 0.375rem 0 0; font-size: 0.8125rem; color: var(--seg-quiet); }
    .seglib .seg-terms { display: grid; gap: 0 1.5rem; margin: 0.75rem 0 0; }
    .seglib .seg-term { border: 0; padding: 0; margin: 0; min-inline-size: 0; }
    .seglib .seg-term legend { float: none; padding: 0; margin: 0 0 0.25rem; font-size: 0.9375rem; font-weight: 600; inline-size: auto; }
    .seglib .seg-term .seg-controls { margin: 0; }
    .seglib .seg-term .seg-control { flex-basis: 8.5rem; }
    @container (min-width: 34rem) {
      .seglib .seg-panes { grid-template-columns: repeat(2, minmax(0, 1fr)); }
      .seglib .seg-terms { grid-template-columns: 3fr 2fr; }
    }`);
  const term = (title, ...controls) => h("fieldset", { class: "seg-term" }, h("legend", {}, title), h("div", { class: "seg-controls" }, ...controls.map((one) => sliders[one].element)));
  frame.root.append(style,
    h("div", { class: "seg-brushes", role: "group", "aria-label": "Scribble with" }, ...brushes, clear),
    note.element,
    h("div", { class: "seg-controls" }, sliders.iterations.element, ...(refine ? [refine] : [])),
    h("div", { class: "seg-panes" }, paper.element, answer.element, talk.element, h("div", {}, table, hears, area)),
    h("div", { class: "seg-terms" },
      term("Appearance: near and of like colour", "appearance", "sigma_xy", "sigma_rgb"),
      term("Smoothness: near", "smoothness", "sigma")),
    foot.element, ear.element);

  // Paint ------------------------------------------------------------------------------------------------------------
  const painted = {}; // what each picture was last drawn for
  const fresh = (name, ...about) => {
    const key = about.join(" ");
    const changed = painted[name] !== key;
    painted[name] = key;
    return changed;
  };
  let row = null; // what the pixel looked at hears
  function compose(run, t) {
    const dark = frame.root.dataset.dark === "true";
    const { q, labels } = run;
    const now = q[t];
    const image = new ImageData(width, height);
    const alphas = masks.map(() => new ImageData(width, height));
    const areas = labels.map(() => 0);
    for (let j = 0; j < count; j++) {
      let [best, top] = [0, 1 / Math.max(2, labels.length)];
      if (now) for (let l = 0; l < labels.length; l++) if (now[l][j] > top + 1e-9) [best, top] = [l, now[l][j]];
      const share = now ? 0.85 * Math.max(0, (top - 1 / labels.length) / (1 - 1 / labels.length)) : 0;
      if (share > 0.005) areas[best]++;
      const base = pale(j, dark);
      const colour = colours[(labels[best] ?? 1) - 1];
      for (let c = 0; c < 3; c++) image.data[4 * j + c] = (1 - share) * base + share * colour[c];
      image.data[4 * j + 3] = 255;
      if (now) alphas[labels[best] - 1].data[4 * j + 3] = 300 * share;
    }
    pen(layers.labels).putImageData(image, 0, 0);
    masks.forEach((mask, l) => pen(mask).putImageData(alphas[l], 0, 0));
    return areas;
  }

  function listen({ kernels, settings }, i) {
    const dark = frame.root.dataset.dark === "true";
    const image = new ImageData(width, height);
    image.data.fill(255);
    row = heard(rgb, width, kernels, settings.sigma_xy, settings.sigma_rgb, settings.sigma, i);
    row.both = row.appearance.map((value, j) => settings.appearance * value + settings.smoothness * row.smoothness[j]);
    let loudest = 1e-12;
    for (let j = 0; j < count; j++) if (j !== i && row.both[j] > loudest) loudest = row.both[j];
    for (let j = 0; j < count; j++) {
      const share = Math.min(1, Math.sqrt(row.both[j] / loudest));
      const base = dark ? 24 + 0.45 * grey[j] : 110 + 0.55 * grey[j];
      [230, 159, 0].forEach((value, c) => (image.data[4 * j + c] = (1 - share) * base + share * value));
    }
    pen(layers.voices).putImageData(image, 0, 0);
  }

  function votes(run, t, i) {
    const sum = (weight, kernel, plane) => weight * kernel.reduce((all, value, j) => all + value * plane[j], 0);
    return run.labels.map((_, l) => ({
      own: run.logits[l][i],
      smoothness: t ? sum(run.settings.smoothness, row.smoothness, run.q[t - 1][l]) : null,
      appearance: t ? sum(run.settings.appearance, row.appearance, run.q[t - 1][l]) : null,
      q: run.q[t][l][i],
    }));
  }

  const write = (element, text) => element.textContent !== text && (element.textContent = text);
  function paint() {
    request();
    const [t, x, y] = [get("iterations"), get("x"), get("y")];
    const { map, why, text } = scribbles();
    for (const [name, one] of Object.entries(sliders)) one.set(get(name));
    brushes.forEach((one) => one.setAttribute("aria-pressed", String(Number(one.dataset.brush) === brush)));
    const labels = used(map);
    note.set(why ? `The scribbles cannot be read (${why}); shown are the first ones.`
      : labels.length < 2 ? `${labels.length ? "With one label" : "Without a scribble"} there is nothing to decide. Choose ${labels.length ? "another" : "a"} label and draw on the photograph.` : "");
    const names_ = used(map).map((label) => names[label - 1]).join(", ") || "nothing yet";
    paper.caption(`Draw on it. Keys: arrows walk, space draws, 1 to ${names.length} choose a label, 0 erases.`);
    paper.label(`Photograph with scribbles: ${names_}. Row ${y}, column ${x}. Arrow keys walk, space draws with ${brush ? names[brush - 1] : "the eraser"}, 1 to ${names.length} choose a label, 0 erases.`);
    if (fresh("marks", text, why)) marks.forEach((canvas, l) => stain(canvas, map, l + 1));
    if (fresh("paper", text, why, x, y)) paper.redraw();
    foot.stale();
    if (!shown || (shown.labels.length > 1 && shown.q.length <= t)) return;
    const i = y * width + x;
    const dark = frame.root.dataset.dark;
    const given = get("answer");
    const fits = live && given?.labels && JSON.stringify(given.about) === JSON.stringify(SETTINGS.slice(0, -2).map(get));
    const answered = [shown.key, t, dark, fits && given.milliseconds];
    if (fresh("labels", ...answered)) {
      shown.areas = compose(shown, t);
      shown.fits = fits;
      if (fits) drawFine(given.labels);
    }
    if (fresh("voices", shown.key, i, dark)) {
      listen(shown, i);
      talk.redraw();
    }
    tell(t, x, y, i, given);
    if (fresh("answer", ...answered, i)) answer.redraw();
  }

  function tell(t, x, y, i, given) {
    const { labels, areas, fits } = shown;
    const decided = labels.length > 1;
    const found = decided ? votes(shown, t, i) : [];
    const best = decided ? found.reduce((top, vote, l) => (vote.q > found[top].q + 1e-9 ? l : top), 0) : -1;
    names.forEach((_, l) => {
      const at = labels.indexOf(l + 1);
      for (const [line] of lines) {
        const value = found[at]?.[line];
        const text = value == null ? "–" : line === "q" ? percent(value) : line === "own" ? signed(value).replace("+", "") : signed(value);
        write(cells[line][l], text);
        if (line === "q") cells[line][l].dataset.best = String(at >= 0 && at === best);
      }
    });
    write(table.querySelector("caption span"), `Row ${y}, column ${x}, iteration ${t}`);
    const loud = voices(row.both, 0.9);
    const words = loud ? `90\u00a0% of what this pixel hears comes from ${loud} of ${count} pixels.` : "Both weights are 0: nobody talks.";
    write(hears, words);
    const shares = labels.map((label, l) => `${names[label - 1]} ${percent(areas[l] / count)}`);
    const undecided = areas.reduce((left, n) => left - n, count);
    if (undecided / count >= 0.005 && decided) shares.push(`undecided ${percent(undecided / count)}`);
    write(area, decided ? `Of all pixels: ${shares.join(", ")}.` : "");
    answer.caption(fits ? `${width * fine} × ${height * fine} pixels after ${t} iterations, by the lattice.` : `Labels after ${t} iterations: the stronger the colour, the surer.`);
    answer.label(`Labels after ${t} iterations. ${decided ? shares.join(", ") : "Nothing is decided"}. Point or use the arrow keys to look at a pixel.`);
    talk.caption("Whom the framed pixel hears, in orange: near it, and of its colour. Point at another one.");
    talk.label(`Who talks to the pixel in row ${y}, column ${x}. ${words} Point or use the arrow keys to look at another.`);
    foot.status(fits ? `Labelled by ${given.by} in ${given.milliseconds} ms.` : `Computed by this page, ${count} × ${count} pairs of pixels; no kernel needed.`);
    const said = found.map((vote, l) => `${names[labels[l] - 1]} ${percent(vote.q)}`).join(", ");
    ear.say(`Iteration ${t}. ${decided ? `${shares.join(", ")}. Row ${y}, column ${x}: ${said}.` : "Nothing to decide."}`);
  }

  /** One label's scribbles as a mask. */
  function stain(canvas, map, label) {
    const image = new ImageData(width, height);
    const [r, g, b] = colours[label - 1] ?? [0, 0, 0];
    for (let i = 0; i < count; i++) if (map[i] === label) image.data.set([r, g, b, 255], 4 * i);
    pen(canvas).putImageData(image, 0, 0);
  }

  function drawFine(labels) {
    const seen = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
    const image = new ImageData(width * fine, height * fine);
    seen.forEach((label, i) => image.data.set([...colours[label - 1], 205], 4 * i));
    pen(layers.fine).putImageData(image, 0, 0);
  }

  const tiles = new Map();
  function dots(context, side, colour) {
    const { a } = context.getTransform();
    const length = Math.max(4, Math.round(side * a));
    if (!tiles.has(length)) {
      const tile = surface(length, length);
      const ink = tile.getContext("2d");
      ink.fillStyle = colour;
      ink.arc(length / 2, length / 2, length / 5, 0, 7);
      ink.fill();
      tiles.set(length, tile);
    }
    const pattern = context.createPattern(tiles.get(length), "repeat");
    pattern.setTransform(new DOMMatrix([1 / a, 0, 0, 1 / a, 0, 0]));
    context.fillStyle = pattern;
    context.fillRect(0, 0, 4096, 4096);
  }
  /** The second sign of labels 2 and 3, where their masks are. */
  function texture(context, w, t, mask, label) {
    if (label === 1) return;
    const scale = context.getTransform().a;
    const sheet = surface(Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(t * scale)));
    const ink = sheet.getContext("2d");
    ink.imageSmoothingEnabled = false;
    ink.drawImage(mask, 0, 0, sheet.width, sheet.height);
    ink.globalCompositeOperation = "source-in";
    ink.scale(scale, scale);
    if (label === 2) dots(ink, 6, "rgb(0 0 0 / 0.55)");
    else hatch(ink, 0, 0, w, t, "rgb(0 0 0 / 0.5)", 6);
    context.drawImage(sheet, 0, 0, w, t);
  }
  function frameCell(context, w) {
    const cell = w / width;
    for (const [line, colour] of [[4.5, "#000"], [2, "#fff"]]) {
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.strokeRect(get("x") * cell, get("y") * cell, cell, cell);
    }
  }
  function base(context, w, t, layer) {
    context.imageSmoothingEnabled = false;
    context.drawImage(layer, 0, 0, w, t);
  }
  function drawPaper(context, w, t) {
    base(context, w, t, photograph);
    marks.forEach((mask, l) => {
      context.drawImage(mask, 0, 0, w, t);
      texture(context, w, t, mask, l + 1);
    });
    frameCell(context, w);
  }
  function drawAnswer(context, w, t) {
    if (!shown) return;
    if (shown.fits) {
      base(context, w, t, photograph);
      context.drawImage(layers.fine, 0, 0, w, t);
    } else {
      base(context, w, t, layers.labels);
      masks.forEach((mask, l) => texture(context, w, t, mask, l + 1));
    }
    frameCell(context, w);
  }
  function drawTalk(context, w, t) {
    if (!shown) return;
    base(context, w, t, layers.voices);
    frameCell(context, w);
  }

  const watched = [...SETTINGS, "answer"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    over = true;
    bell.port1.close();
    watched.forEach((event) => model.off(event, redraw));
    [paper, answer, talk, foot, ear, frame].forEach((part) => part.dispose());
  };
}

export default { render };
