// TransposedConvolutionExplorer: one layer in three views that are moved together.
import { axes, convolve, counts, cut, kernelWeights, LIMITS, matrix, inputValues, paint as painted, problem, refusal, stuffedAt, tapOf, toPyTorch, writers } from "./core/transposed_convolution.js";
import { actions, announcer, button, card, h, hatch, legend, once, picture, readouts, reason, select, settings, slider } from "./ui/kit.js";
import { brief, cellAt, cells, frameCells, place } from "./ui/number_grid.js";

const SETTINGS = ["dims", "size", "kernel", "stride", "padding", "output_padding", "weights", "values", "view", "input", "output"];
const LAYER = SETTINGS.slice(0, 8);
const VIEWS = [["scatter", "1 Stamp and add"], ["zeros", "2 Insert zeros, convolve"], ["matrix", "3 Multiply by a matrix"]];
const DARKEST = 0.55; // share of a colour under numbers
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const signed = (number) => String(number).replace("-", "−");

async function render({ model, el }) {
  const show = model.get("show");
  const redraw = once(paint);
  const ours = settings(model, SETTINGS, { legal: () => !refusal(state), redraw });
  const { state, put } = ours;
  const frame = card(el, { label: "Transposed convolution explorer", redraw });
  const ear = announcer();
  const colour = frame.colour;

  // What is shown --------------------------------------------------------------------------------------------------
  let given = null; // the shared problem, while it is legal
  let found = null; // canvas, output, counts and matrix of it
  let why = null;
  let key = "";
  let over = null; // "input" or "output": the picture under the pointer or the keyboard
  let timer = null;
  const spots = {}; // where each picture's grid lies

  function work() {
    const now = LAYER.map((name) => state[name]).join();
    if (now === key) return;
    key = now;
    why = refusal(state);
    given = why ? null : problem(state);
    if (!given) return;
    const canvas = painted(given);
    const output = cut(given, canvas);
    found = { output, counts: counts(given), matrix: matrix(given), most: Math.max(...output, 1e-9), top: Math.max(...canvas, 1e-9), zeros: convolve(given) };
  }
  const flat = () => state.dims === "row";
  /** A cell that the settings name, made one that is there. */
  const held = ([row, column], rows, columns) => Math.min(row, rows - 1) * columns + Math.min(column, columns - 1);
  const input = () => held(state.input, given.y.n, given.x.n);
  const output = () => held(state.output, given.y.m, given.x.m);
  const goInput = (i) => put({ input: [Math.floor(i / given.x.n), i % given.x.n] });
  const goOutput = (o) => put({ output: [Math.floor(o / given.x.m), o % given.x.m] });
  const byInput = () => state.view === "scatter";
  const steps = () => (byInput() ? given.values.length : found.output.length);
  const go = (step) => (byInput() ? goInput(step) : goOutput(step));
  const step = () => (byInput() ? input() : output());

  // Playing --------------------------------------------------------------------------------------------------------
  function pause() {
    clearInterval(timer);
    timer = null;
    redraw();
  }
  function play() {
    if (!given) return;
    if (timer) return pause();
    if (calm.matches) return go((step() + 1) % steps());
    if (step() >= steps() - 1) go(0);
    timer = setInterval(() => (!given || step() >= steps() - 1 ? pause() : go(step() + 1)), Math.max(90, Math.min(700, 9000 / steps())));
    redraw();
  }
  const byHand = (values) => {
    if (timer) pause();
    put(values);
  };

  // Controls -------------------------------------------------------------------------------------------------------
  const sliders = Object.fromEntries([["size", "Input size"], ["kernel", "Kernel"], ["stride", "Stride"], ["padding", "Padding"], ["output_padding", "output_padding"]]
    .map(([name, label]) => [name, slider({ label, min: LIMITS[name][0], max: LIMITS[name][1], oninput: (value) => byHand({ [name]: value }) })]));
  const weights = select({ label: "Weights", options: [["ones", "all 1"], ["bilinear", "bilinear"], ["numbers", "1, 2, 3, …"]], oninput: (value) => byHand({ weights: value }) });
  const values = select({ label: "Input", options: [["numbers", "numbers"], ["ones", "all 1"]], oninput: (value) => byHand({ values: value }) });
  const dims = select({ label: "Shape", options: [["grid", "grid (2-D)"], ["row", "row (1-D)"]], oninput: (value) => byHand({ dims: value }) });
  const tabs = VIEWS.map(([name, text]) => button(text, () => byHand({ view: name }), { "data-view": name }));
  const playButton = button("Play", play, { class: "seg-play" });
  const scrubber = slider({ label: "Step", min: 1, max: 9, format: (at) => `${byInput() ? "input" : "output"} ${at} of ${given ? steps() : "–"}`, oninput: (at) => (timer && pause(), go(at - 1)) });
  const illegal = reason();

  // Pictures -------------------------------------------------------------------------------------------------------
  const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const bound = (number, length) => Math.max(0, Math.min(length - 1, number));
  const moves = (which) => (pressed) => {
    if (!ARROWS[pressed] || !given) return false;
    const [rows, columns] = which === "input" ? [given.y.n, given.x.n] : [given.y.m, given.x.m];
    const at = which === "input" ? input() : output();
    const [down, right] = ARROWS[pressed];
    over = which;
    byHand({ [which]: [bound(Math.floor(at / columns) + down, rows), bound((at % columns) + right, columns)] });
    return true;
  };
  /** Points at cells of `name`'s grid; `to` turns a cell into a place of the input or the output. */
  const points = (name, which, to = (cell) => cell) => (event) => {
    if (!given) return;
    if (event.kind === "leave") {
      over = null;
      return redraw();
    }
    const { canvas } = pictures[name];
    const cell = cellAt(spots[name], event, canvas.clientWidth, canvas.clientHeight);
    const place = cell && to(cell);
    if (!place) return;
    over = which;
    if (same(place, state[which])) redraw();
    else byHand({ [which]: place });
  };
  const inside = (row, column) => (row >= 0 && column >= 0 && row < given.y.m && column < given.x.m ? [row, column] : null);
  const pictures = {
    input: picture({ label: "Input. Arrow keys choose a value.", aspect: 1.15, caption: "Input", draw: drawInput, onkey: moves("input"), onpoint: points("input", "input") }),
    kernel: picture({ label: "Kernel", aspect: 1.15, caption: "Kernel", draw: drawKernel }),
    counts: picture({ label: "How many inputs write each output. Arrow keys choose an output.", aspect: 1.15, caption: "Writers of each output", draw: drawCounts, onkey: moves("output"), onpoint: points("counts", "output") }),
    left: picture({ label: "", aspect: 1, caption: "", draw: (...canvas) => ({ scatter: drawStamp, zeros: drawStuffed, matrix: drawMatrix })[state.view](...canvas), onkey: (pressed) => (byInput() ? moves("input")(pressed) : state.view === "zeros" ? moves("output")(pressed) : moveInMatrix(pressed)), onpoint: pointLeft }),
    output: picture({ label: "", aspect: 1, caption: "", draw: drawOutput, onkey: moves("output"),
      onpoint: (event) => points("output", "output", ([row, column]) => (byInput() ? (flat() ? inside(0, column - given.x.p) : inside(row - given.y.p, column - given.x.p)) : inside(row, column)))(event) }),
  };
  function pointLeft(event) {
    if (state.view === "zeros") return points("left", "output", ([row, column]) => [bound(row - (given.y.k >> 1), given.y.m), bound(column - (given.x.k >> 1), given.x.m)])(event);
    if (state.view !== "matrix" || !given) return;
    const { canvas } = pictures.left;
    const cell = event.kind !== "leave" && cellAt(spots.left, event, canvas.clientWidth, canvas.clientHeight);
    if (cell) byHand({ output: [Math.floor(cell[0] / given.x.m), cell[0] % given.x.m], input: [Math.floor(cell[1] / given.x.n), cell[1] % given.x.n] });
  }
  function moveInMatrix(pressed) {
    if (!ARROWS[pressed] || !given) return false;
    const [down, right] = ARROWS[pressed];
    const [o, i] = [bound(output() + down, found.output.length), bound(input() + right, given.values.length)];
    byHand({ output: [Math.floor(o / given.x.m), o % given.x.m], input: [Math.floor(i / given.x.n), i % given.x.n] });
    return true;
  }

  const sentence = h("p", { class: "seg-sentence" });
  const numbers = readouts({ size: ["Output", 8], formula: ["Size", 30], writers: ["Writers", 26], entries: ["Matrix", 20] });
  const stage = h("div", { class: "seg-stage" }, pictures.left.element, pictures.output.element);
  const strip = h("div", { class: "seg-strip" }, pictures.input.element, pictures.kernel.element, pictures.counts.element);
  const marks = legend([["input", "fill", "input"], ["kernel", "fill", "kernel, and what it has just written"], ["output", "fill", "output: the darker, the more"], ["unseen", "hatch", "zeros put in, or cut away"]]);
  const foot = actions({
    code: () => (refusal(state) ? `# ${refusal(state)}\n` : toPyTorch(state)),
    onreset() {
      if (timer) pause();
      put(model.get("defaults"));
    },
  });
  const style = h("style", {}, `
    .seglib .seg-four { display: grid; grid-template-columns: 1fr 1fr; gap: 0.25rem 1.25rem; margin: 0 0 0.75rem; align-items: end; }
    .seglib .seg-tabs { display: flex; margin: 0 0 0.75rem; }
    .seglib .seg-tabs button { flex: 1 1 0; min-width: 0; border-radius: 0; margin-left: -1px; padding-inline: 0.375rem; line-height: 1.2; }
    .seglib .seg-tabs button:first-child { border-radius: 0.375rem 0 0 0.375rem; margin-left: 0; }
    .seglib .seg-tabs button:last-child { border-radius: 0 0.375rem 0.375rem 0; }
    .seglib .seg-strip { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.75rem; }
    .seglib .seg-stage { display: grid; gap: 0.75rem; margin: 0.75rem 0 0; grid-template-columns: minmax(0, 1fr); }
    .seglib .seg-scrub { display: flex; gap: 0.75rem; align-items: end; margin: 0.75rem 0 0; }
    .seglib .seg-scrub .seg-control { flex: 1; }
    .seglib .seg-play { min-width: 5.5rem; }
    .seglib .seg-sentence { margin: 0.5rem 0 0; min-height: 2.8em; }
    .seglib .seg-strip, .seglib .seg-stage, .seglib .seg-sentence, .seglib .seg-scrub { contain: layout style; }
    @container (min-width: 34rem) {
      .seglib .seg-stage { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
      .seglib .seg-stage[data-view="scatter"] { grid-template-columns: minmax(0, 1fr) minmax(0, 1.7fr); }
      .seglib .seg-stage[data-view="matrix"][data-flat="true"] { grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr); }
      .seglib .seg-four { grid-template-columns: repeat(4, minmax(0, 1fr)); }
    }
    @container (max-width: 19rem) {
      .seglib .seg-four { column-gap: 0.75rem; }
      .seglib :is(.seg-four, .seg-scrub) label, .seglib dl.seg-readouts { font-size: 0.8125rem; gap: 0.25rem; }
      .seglib .seg-four output { min-inline-size: 1.25ch; }
      .seglib dl.seg-readouts { padding-inline: 0.5rem; }
      .seglib .seg-play { min-width: 4.5rem; }
    }
    @media print { .seglib .seg-four, .seglib .seg-scrub { display: none; } }`);
  frame.root.append(style,
    h("div", { class: "seg-four" }, sliders.kernel.element, sliders.stride.element, sliders.padding.element, sliders.output_padding.element,
      sliders.size.element, weights.element, values.element, dims.element),
    h("div", { class: "seg-tabs", role: "group", "aria-label": "View", hidden: show !== "all" }, ...tabs),
    illegal.element, strip, stage,
    h("div", { class: "seg-scrub" }, playButton, scrubber.element),
    sentence, marks, numbers.element, foot.element, ear.element);

  // Paint ----------------------------------------------------------------------------------------------------------
  function paint() {
    work();
    for (const name of Object.keys(sliders)) sliders[name].set(state[name]);
    weights.set(state.weights);
    values.set(state.values);
    dims.set(state.dims);
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.view === state.view));
    illegal.set(why);
    stage.dataset.view = state.view;
    stage.dataset.flat = flat();
    const [left, right] = shapes(frame.root.clientWidth >= 544);
    for (const name of ["input", "kernel", "counts"]) pictures[name].shape(flat() ? 3.4 : 1.15);
    pictures.left.shape(left);
    pictures.output.shape(right);
    playButton.disabled = scrubber.input.disabled = !given;
    const label = timer ? "Pause" : calm.matches ? "Next step" : "Play";
    if (playButton.textContent !== label) playButton.textContent = label;
    let said = why;
    if (given) {
      scrubber.range(1, steps());
      scrubber.set(step() + 1);
      said = caption();
      readNumbers();
    } else {
      numbers.set({ size: "none", formula: "", writers: "", entries: "" });
      pictures.left.caption("");
      pictures.output.caption("No output");
      if (sentence.textContent) sentence.textContent = "";
    }
    for (const one of Object.values(pictures)) one.redraw();
    tellLive();
    foot.stale();
    ear.say(said);
  }

  /** Width over height of the two large pictures: side by side they are equally high. */
  function shapes(wide) {
    if (state.view === "scatter") return flat() ? (wide ? [1.18, 2] : [4, 1.6]) : wide ? [0.735, 1.25] : [1.9, 1];
    if (!flat()) return [1, 1];
    return state.view === "zeros" ? [wide ? 4 : 6, wide ? 4 : 6] : [wide ? 1.25 : 1, wide ? 3 : 5];
  }
  const size = () => (flat() ? `${given.x.m}` : `${given.y.m} × ${given.x.m}`);
  function readNumbers() {
    const { size: n, kernel: k, stride: s, padding: p, output_padding: extra } = state;
    const [least, most] = [Math.min(...found.counts), Math.max(...found.counts)];
    const even = `${k < s ? "gaps" : k % s ? "uneven" : "even inside"}: k/s = ${brief(k / s)}`; // stamps on each output along an axis
    const entries = found.matrix.reduce((sum, weight) => sum + (weight !== 0), 0);
    numbers.set({
      size: size(),
      formula: `(${n} − 1) · ${s} − 2 · ${p} + ${k} + ${extra} = ${given.x.m}`,
      writers: `${least} to ${most}, ${even}`,
      entries: `${entries} of ${found.matrix.length.toLocaleString("en")} not 0`,
    });
  }

  function tellLive() {
    const live = model.get("answer");
    if (!given || !live?.about || !same(live.about, LAYER.map((name) => state[name]))) return foot.status("Answered by this page; no kernel needed.");
    const off = Math.max(...live.output.map((value, o) => Math.abs(value - found.output[o])));
    foot.status(`${live.by} ${off < 1e-9 && live.output.length === found.output.length ? "gives the same" : "gives other"} ${live.output.length} numbers.`);
  }

  const at = (index, columns) => (flat() ? `${index}` : `${Math.floor(index / columns)}, ${index % columns}`);
  const sum = (terms, of) => terms.slice(0, 9).map(of).join(" + ") + (terms.length > 9 ? ` + … (${terms.length} products)` : "");
  function caption() {
    const [i, o] = [input(), output()];
    const terms = writers(given, o);
    const total = `${terms.length ? sum(terms, ({ value, weight }) => `${brief(value)} · ${brief(weight)}`) : "nothing"} = ${brief(found.output[o])}`;
    let text;
    if (byInput() && over !== "output") {
      const [row, column] = [Math.floor(i / given.x.n) * given.y.s, (i % given.x.n) * given.x.s];
      const where = (first, { k, p }) => `${signed(first - p)} to ${signed(first - p + k - 1)}`;
      text = `Input [${at(i, given.x.n)}] is ${brief(given.values[i])}: ${brief(given.values[i])} times the kernel is added at ${flat() ? "" : `rows ${where(row, given.y)} and `}columns ${where(column, given.x)} of the output.`;
    } else if (state.view === "zeros")
      text = `Output [${at(o, given.x.m)}] = ${total}. The other ${given.weights.length - terms.length} of ${given.weights.length} weights lie on zeros.`;
    else if (state.view === "matrix") {
      const tap = tapOf(given, o, i);
      text = `Row ${o} makes output [${at(o, given.x.m)}] = ${total}. Column ${i} is what input [${at(i, given.x.n)}] writes; where they cross stands ${tap < 0 ? "0" : brief(given.weights[tap])}.`;
    } else text = `Output [${at(o, given.x.m)}] has ${terms.length} ${terms.length === 1 ? "writer" : "writers"}: ${total}.`;
    if (sentence.textContent !== text) sentence.textContent = text;
    const cutAway = state.padding ? `; the hatched rim is cut away (padding ${state.padding})` : "";
    pictures.output.caption({ scatter: `Output, ${i + 1} of ${given.values.length} stamps added${cutAway}`, zeros: `Output, ${o + 1} of ${found.output.length} windows done`, matrix: "Output" }[state.view]);
    pictures.left.caption({
      scatter: `The stamp: ${brief(given.values[i])} × kernel`,
      zeros: `Input with ${state.stride - 1} ${state.stride === 2 ? "zero" : "zeros"} between, ${given.x.ring < 0 ? `cropped by ${-given.x.ring}` : `${given.x.ring} around`}${state.output_padding ? `, ${state.output_padding} more at the end` : ""}`,
      matrix: `C transposed: ${found.output.length} outputs × ${given.values.length} inputs`,
    }[state.view]);
    pictures.kernel.caption(state.view === "zeros" ? "Kernel, flipped" : "Kernel");
    pictures.left.label({ scatter: "The stamp. Arrow keys choose the input.", zeros: "Input with zeros between and around. Arrow keys move the window.", matrix: "The matrix. Arrow keys choose a row and a column." }[state.view]);
    pictures.output.label(`Output, ${size()}. Arrow keys choose an output.`);
    return text;
  }

  const shade = (value, top, from = 0.08) => (value > 0 ? from + (DARKEST - from) * (value / top) : 0);
  function nothing(context, width, height) {
    hatch(context, 0, 0, width, height, colour("error"), 12);
  }

  function drawInput(context, width, height) {
    const both = axes(state);
    const list = inputValues(state.values, both);
    const spot = (spots.input = place(width, height, both.y.n, both.x.n));
    const top = Math.max(...list);
    const now = given ? input() : -1;
    cells(context, spot, (r, c) => {
      const i = r * both.x.n + c;
      const waiting = byInput() && i > now;
      return { tone: "input", share: waiting ? 0 : 0.12 + 0.4 * (list[i] / top), text: brief(list[i]), faint: waiting, bold: i === now };
    }, colour);
    if (!given) return;
    if (state.view !== "scatter" || over === "output")
      for (const { i } of writers(given, output())) frameCells(context, spot, [Math.floor(i / both.x.n), i % both.x.n, 1, 1], colour("output"), { line: 2, dash: [4, 3] });
    if (state.view !== "zeros") frameCells(context, spot, [Math.floor(now / both.x.n), now % both.x.n, 1, 1], colour("input"), { line: 3, paper: colour("paper") });
  }

  function drawKernel(context, width, height) {
    const both = axes(state);
    const list = kernelWeights(state.weights, both);
    const shown = state.view === "zeros" ? list.toReversed() : list;
    const spot = place(width, height, both.y.k, both.x.k);
    const top = Math.max(...list);
    cells(context, spot, (r, c) => ({ tone: "kernel", share: shade(shown[r * both.x.k + c], top), text: brief(shown[r * both.x.k + c]) }), colour);
    frameCells(context, spot, [0, 0, both.y.k, both.x.k], colour("kernel"), { line: 2 });
  }

  function drawCounts(context, width, height) {
    if (!given) return nothing(context, width, height);
    const spot = (spots.counts = place(width, height, given.y.m, given.x.m));
    const top = Math.max(...found.counts);
    cells(context, spot, (r, c) => {
      const count = found.counts[r * given.x.m + c];
      return { tone: "output", share: count ? 0.6 * (count / top) ** 1.3 : 0, text: String(count) };
    }, colour);
    const o = output();
    if (state.view !== "scatter" || over === "output") frameCells(context, spot, [Math.floor(o / given.x.m), o % given.x.m, 1, 1], colour("ink"), { line: 2, paper: colour("paper") });
  }

  function drawStamp(context, width, height) {
    if (!given) return nothing(context, width, height);
    const value = given.values[input()];
    const spot = (spots.left = place(width, height, given.y.k, given.x.k, 58));
    const top = Math.max(...given.weights) * Math.max(...given.values);
    cells(context, spot, (r, c) => {
      const weight = given.weights[r * given.x.k + c];
      return { tone: "kernel", share: shade(value * weight, top), text: brief(value * weight), note: `${brief(value)} · ${brief(weight)}` };
    }, colour);
    frameCells(context, spot, [0, 0, given.y.k, given.x.k], colour("kernel"), { line: 2 });
  }

  function drawStuffed(context, width, height) {
    if (!given) return nothing(context, width, height);
    const { y, x, values: list } = given;
    const spot = (spots.left = place(width, height, y.stuffed, x.stuffed));
    const top = Math.max(...list);
    cells(context, spot, (r, c) => {
      const i = stuffedAt(given, r, c);
      if (i < 0) return { hatched: i === -2, text: "0", faint: true };
      return { tone: "input", share: 0.12 + 0.4 * (list[i] / top), text: brief(list[i]), bold: true };
    }, colour);
    const o = output();
    frameCells(context, spot, [Math.floor(o / x.m), o % x.m, y.k, x.k], colour("kernel"), { line: 3, paper: colour("paper") });
  }

  /** C transposed, with the input above its columns and the output beside its rows. */
  function drawMatrix(context, width, height) {
    if (!given) return nothing(context, width, height);
    const [rows, columns] = [found.output.length, given.values.length];
    const [i, o] = [input(), output()];
    const head = Math.min(30, (width - 12) / (columns + 2));
    const room = width - 12 - 2 * head;
    const wide = Math.min(46, room / columns);
    const high = Math.min(30, (height - 12 - 1.6 * head) / rows, wide);
    const left = Math.round((width - columns * wide - 1.6 * head) / 2);
    const top = Math.round(4 + 1.5 * head);
    const spot = (spots.left = { left, top, wide, high, rows, columns, cell: wide });
    const strongest = Math.max(...given.weights);
    const [highest, darkest] = [Math.max(...given.values), found.most];
    cells(context, { ...spot, top: 4, high: head, rows: 1 }, (_, c) => ({ tone: "input", share: 0.12 + 0.4 * (given.values[c] / highest), text: brief(given.values[c]), bold: c === i }), colour);
    cells(context, { ...spot, plain: high < 9 }, (r, c) => {
      const tap = tapOf(given, r, c);
      if (tap < 0) return null;
      return { tone: "kernel", share: 0.25 + 0.6 * (given.weights[tap] / strongest), text: brief(given.weights[tap]) };
    }, colour);
    // a line after every row of the output's, and of the input's
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    for (let r = 0; r <= rows; r += given.x.m) context.moveTo(left, top + r * high), context.lineTo(left + columns * wide, top + r * high);
    for (let c = 0; c <= columns; c += given.x.n) context.moveTo(left + c * wide, top), context.lineTo(left + c * wide, top + rows * high);
    context.stroke();
    cells(context, { ...spot, plain: high < 9, left: left + columns * wide + 0.4 * head, wide: 1.2 * head, columns: 1 }, (r) => ({ tone: "output", share: shade(found.output[r], darkest), text: brief(found.output[r]), bold: r === o }), colour);
    frameCells(context, spot, [0, i, rows, 1], colour("input"), { line: 2.5, paper: colour("paper") });
    frameCells(context, { ...spot, top: 4, high: head }, [0, i, 1, 1], colour("input"), { line: 2.5 });
    const grow = Math.max(0, (10 - high) / 2); // a line around a thin row leaves the row to be seen
    for (const [x, across, count] of [[left, wide, columns], [left + columns * wide + 0.4 * head, 1.2 * head, 1]])
      frameCells(context, { left: x, top: top + o * high - grow, wide: across, high: high + 2 * grow }, [0, 0, 1, count], colour("output"), { line: 2.5 });
  }

  function drawOutput(context, width, height) {
    if (!given) return nothing(context, width, height);
    if (byInput()) return flat() ? drawStairs(context, width, height) : drawCanvas(context, width, height);
    const { y, x } = given;
    const o = output();
    const spot = (spots.output = place(width, height, y.m, x.m));
    const list = state.view === "zeros" ? found.zeros : found.output;
    cells(context, spot, (r, c) => {
      const index = r * x.m + c;
      if (state.view === "zeros" && index > o) return null;
      return { tone: "output", share: shade(list[index], found.most), text: brief(list[index]), bold: index === o };
    }, colour);
    frameCells(context, spot, [0, 0, y.m, x.m], colour("output"), { line: 2 });
    if (state.view === "matrix") { // what the lit column writes
      const i = input();
      frameCells(context, spot, clipped(Math.floor(i / x.n) * y.s - y.p, (i % x.n) * x.s - x.p), colour("kernel"), { line: 2, dash: [5, 3] });
    }
    frameCells(context, spot, [Math.floor(o / x.m), o % x.m, 1, 1], colour("ink"), { line: 2.5, paper: colour("paper") });
  }
  /** The part of a stamp that stays on the output. */
  function clipped(row, column) {
    const { y, x } = given;
    const along = (first, { k, m }) => [Math.max(0, Math.min(m, first)), Math.max(0, Math.min(m, first + k))];
    const [[r0, r1], [c0, c1]] = [along(row, y), along(column, x)];
    return [r0, c0, r1 - r0, c1 - c0];
  }

  function drawCanvas(context, width, height) {
    const { y, x } = given;
    const i = input();
    const spot = (spots.output = place(width, height, y.canvas, x.canvas));
    const so_far = painted(given, i + 1);
    const [top, left] = [Math.floor(i / x.n) * y.s, (i % x.n) * x.s];
    const within = (r, c) => r >= y.p && r < y.p + y.m && c >= x.p && c < x.p + x.m;
    const reached = (r, c, until) => {
      for (let j = 0; j <= until; j++) {
        const [a, b] = [r - Math.floor(j / x.n) * y.s, c - (j % x.n) * x.s];
        if (a >= 0 && a < y.k && b >= 0 && b < x.k) return true;
      }
      return false;
    };
    cells(context, spot, (r, c) => {
      const fresh = r >= top && r < top + y.k && c >= left && c < left + x.k;
      const index = r * x.canvas + c;
      const kept = within(r, c);
      if (!reached(r, c, i)) return { hatched: !kept };
      return { tone: fresh ? "kernel" : "output", share: (kept ? 1 : 0.4) * shade(so_far[index], found.top), text: brief(so_far[index]), hatched: !kept, faint: !kept, bold: fresh };
    }, colour);
    frameCells(context, spot, [y.p, x.p, y.m, x.m], colour("output"), { line: 3, paper: colour("paper") });
    frameCells(context, spot, [top, left, y.k, x.k], colour("kernel"), { line: 2.5, dash: [6, 3] });
    if (over === "output") {
      const o = output();
      frameCells(context, spot, [Math.floor(o / x.m) + y.p, (o % x.m) + x.p, 1, 1], colour("ink"), { line: 2.5, paper: colour("paper") });
    }
  }

  /** A row's stamps one below the other, and their sum. */
  function drawStairs(context, width, height) {
    const { x } = given;
    const i = input();
    const spot = (spots.output = place(width, height, x.n + 1.5, x.canvas, 40));
    const stairs = { ...spot, rows: x.n };
    const top = Math.max(...given.weights) * Math.max(...given.values);
    cells(context, stairs, (r, c) => {
      const tap = c - r * x.s;
      const kept = c >= x.p && c < x.p + x.m;
      if (r > i || tap < 0 || tap >= x.k) return { hatched: !kept };
      const value = given.values[r] * given.weights[tap];
      return { tone: "kernel", share: (kept ? 1 : 0.5) * shade(value, top), text: brief(value), hatched: !kept, faint: !kept, bold: r === i };
    }, colour);
    const so_far = painted(given, i + 1);
    const below = { ...spot, top: spot.top + spot.cell * (x.n + 0.5), rows: 1 };
    cells(context, below, (_, c) => {
      const kept = c >= x.p && c < x.p + x.m;
      if (c >= i * x.s + x.k) return { hatched: !kept };
      return { tone: "output", share: (kept ? 1 : 0.4) * shade(so_far[c], found.top), text: brief(so_far[c]), hatched: !kept, faint: !kept };
    }, colour);
    spots.output = { ...spot, rows: x.n + 2 };
    frameCells(context, below, [0, x.p, 1, x.m], colour("output"), { line: 3 });
    frameCells(context, stairs, [i, i * x.s, 1, x.k], colour("kernel"), { line: 2.5, dash: [6, 3] });
    if (over === "output") {
      const o = output();
      frameCells(context, { ...spot }, [0, o + x.p, x.n + 1.5, 1], colour("ink"), { line: 2 });
    }
  }

  calm.addEventListener("change", redraw);
  const widths = new ResizeObserver(redraw); // the pictures' shapes depend on it
  widths.observe(el);
  redraw();
  return () => {
    clearInterval(timer);
    widths.disconnect();
    calm.removeEventListener("change", redraw);
    [ours, ...Object.values(pictures), foot, ear, frame].forEach((part) => part.dispose());
  };
}

export default { render };
