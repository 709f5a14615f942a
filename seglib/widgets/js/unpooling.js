// UnpoolingExplorer: a small grid that the reader fills, its maxima and their places, and four ways back.
import { LIMITS, TEMPLATE, WAYS, describe, linked, parse, problem, resized, short, toPyTorch, unitsOf, work } from "./core/unpooling.js";
import { arrow, corner, flag, frame, middle, ring, shades } from "./ui/cells.js";
import { actions, announcer, button, card, h, hatch, legend, once, picture, readouts, reason, select, slider } from "./ui/kit.js";
import { FAMILY, stamp } from "./ui/paint.js";

const SETTINGS = ["size", "pool", "stride", "values", "decoder", "part", "x", "y"];
const OWN = "own";
const TITLES = { input: "Input", pooled: "Pooled map", unpooled: "Unpooled", zeros: "Zero insertion", nearest: "Nearest", bilinear: "Bilinear" };
const ABOUT = {
  unpooled: "each value at its switch", zeros: "each value top left in its window",
  nearest: "each value repeated", bilinear: "values blended",
};
const ROOMY = 544; // px of the card from which on the pooled map stands beside the input
const INPUT_WIDTH = 300; // px of the input where there is room; the same for every size, so that nothing below it moves
const MOST_ARROWS = 16;

/** Text is written only when it changes, and into the same node: a new one makes the page ask its style rules again. */
const tell = (element, text) => element.firstChild.data !== text && (element.firstChild.data = text);

async function render({ model, el }) {
  const presets = model.get("presets");
  const get = (name) => model.get(name);
  const side = () => Math.floor((get("size") - get("pool")) / get("stride")) + 1;
  const widthOf = (part) => (part === "pooled" ? side() : get("size"));
  function put(values) {
    entry = null;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }
  const redraw = once(paint);
  const box = card(el, { label: "Unpooling explorer", redraw });
  const ear = announcer();

  // What is shown --------------------------------------------------------------------------------------------------
  let shown = null;
  let shownKey = "";
  let preview = null; // the cell under a hovering pointer: { part, place }
  let entry = null; // what is being typed and is no number yet: { text, why }
  let scale = { low: 0, high: 9 };

  const pinned = () => ({ part: get("part"), place: get("y") * widthOf(get("part")) + get("x") });
  const chosen = () => preview ?? pinned();
  const editable = (part) => part === "input" || part === "pooled";
  const valueAt = ({ part, place }) => (part === "input" ? get("values")[place] : part === "pooled" ? shown.decoder[place] : shown.results[part][place]);

  /** A link may hold settings that are legal one by one and do not fit together. */
  function mend() {
    const settings = Object.fromEntries(SETTINGS.map((name) => [name, get(name)]));
    const why = problem(settings);
    if (!why) return;
    const { size } = settings;
    const values = settings.values.length === size * size ? settings.values : resized(presets[Object.keys(presets)[0]], TEMPLATE, size);
    const decoder = settings.decoder.length === side() ** 2 ? settings.decoder : [];
    const most = widthOf(settings.part) - 1;
    put({ values, decoder, x: Math.min(settings.x, most), y: Math.min(settings.y, most) });
    trouble.set(`${why[0].toUpperCase()}${why.slice(1)}; shown is what fits.`);
  }

  // Changes --------------------------------------------------------------------------------------------------------
  const choose = (part, x, y) => {
    const most = widthOf(part) - 1;
    trouble.set("");
    preview = null;
    put({ part, x: Math.max(0, Math.min(most, x)), y: Math.max(0, Math.min(most, y)) });
    redraw();
    return true;
  };
  function store(value) {
    const { part, place } = pinned();
    const replaced = (list) => list.map((old, i) => (i === place ? value : old));
    trouble.set("");
    if (part === "input") put({ values: replaced(get("values")) });
    else {
      const decoder = replaced(shown.decoder);
      put({ decoder: String(decoder) === String(shown.maxima) ? [] : decoder });
    }
    redraw();
  }
  /** Every keystroke is tried; what is no number stays visible beside its reason, and the old value counts on. */
  function type(text) {
    const { value, why } = parse(text);
    if (why) {
      entry = { text, why };
      trouble.set(`${why} Until then ${short(valueAt(pinned()))} counts on.`);
      redraw();
    } else {
      store(value);
      entry = { text, why: null };
    }
  }
  const refuse = () => trouble.set("The four results follow from the pooled map: change the input or the decoder’s values.");
  function nudge(by) {
    const { part } = pinned();
    if (!editable(part)) return refuse();
    const [low, high] = LIMITS.value;
    store(Math.max(low, Math.min(high, valueAt(pinned()) + by)));
  }
  function resize(size) {
    const before = get("size");
    const kept = presetNow();
    const values = kept ? resized(presets[kept], TEMPLATE, size) : resized(get("values"), before, size);
    trouble.set("");
    fit({ size, values });
  }
  /** Other sizes have another pooled map: a decoder's values go, and the chosen cell stays in its grid. */
  function fit(changes) {
    const next = { size: get("size"), pool: get("pool"), stride: get("stride"), ...changes };
    const units = Math.floor((next.size - next.pool) / next.stride) + 1;
    const most = (get("part") === "pooled" ? units : next.size) - 1;
    put({ ...changes, decoder: units === side() ? get("decoder") : [], x: Math.min(get("x"), most), y: Math.min(get("y"), most) });
  }
  const presetNow = () => Object.keys(presets).find((name) => String(resized(presets[name], TEMPLATE, get("size"))) === String(get("values")));
  const digit = (from) => from + Math.floor(Math.random() * (10 - from));

  // Controls -------------------------------------------------------------------------------------------------------
  const preset = select({
    label: "Grid", options: [],
    oninput(name) {
      if (name === OWN) return;
      const again = name === "random digits" && presetNow() === undefined;
      trouble.set("");
      put({ values: again ? get("values").map(() => digit(0)) : resized(presets[name], TEMPLATE, get("size")), decoder: [] });
    },
  });
  const range = (name, label, format, oninput) => slider({ label, min: LIMITS[name][0], max: LIMITS[name][1], format, oninput });
  const square = (n) => `${n} × ${n}`;
  const size = range("size", "Size", square, resize);
  const pool = range("pool", "Pool", square, (n) => fit({ pool: n }));
  const stride = range("stride", "Stride", String, (n) => fit({ stride: n }));

  const pictures = {};
  const pictureOf = (part, draw) =>
    (pictures[part] = picture({
      label: "", aspect: 1, draw,
      onkey: (key, event) => onkey(part, key, event),
      onpoint({ x, y, kind }) {
        const width = widthOf(part);
        const [column, row] = [x, y].map((share) => Math.max(0, Math.min(width - 1, Math.floor(share * width))));
        if (kind === "drag") return choose(part, column, row);
        const now = kind === "leave" ? null : { part, place: row * width + column };
        if (JSON.stringify(now) !== JSON.stringify(preview)) [preview] = [now, redraw()];
      },
    }));
  function onkey(part, key, event) {
    if (part !== get("part")) {
      // the first key in another grid goes on where the reader stands
      const scaled = (at) => Math.round((at * (widthOf(part) - 1)) / Math.max(1, widthOf(get("part")) - 1));
      choose(part, scaled(get("x")), scaled(get("y")));
      if (key.startsWith("Arrow")) return true;
    }
    const [x, y] = [get("x"), get("y")];
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (step && event.shiftKey && step[1]) return nudge(-step[1]), true;
    if (step) return choose(part, x + step[0], y + step[1]);
    if (key === "Home" || key === "End") return choose(part, key === "Home" ? 0 : widthOf(part) - 1, y);
    if (key === "+" || key === "=") return nudge(1), true;
    if (key === "-" || key === "_") return nudge(-1), true;
    if (key === "Enter" || key === "F2") return field.focus(), field.select(), true;
    if (key === "Escape" && entry) return (entry = null), trouble.set(""), redraw(), true;
    const text = key === "Backspace" || key === "Delete" ? (entry?.text ?? String(valueAt(pinned()))).slice(0, -1) : key.length === 1 && key !== " " ? (entry?.text ?? "") + key : null;
    if (text === null) return false;
    if (!editable(part)) refuse();
    else type(text);
    return true;
  }

  const input = pictureOf("input", (context, width) => drawInput(context, width));
  const pooled = pictureOf("pooled", null); // its size changes with every step: drawn on the canvas above
  const results = WAYS.map((way) => pictureOf(way, (context, width) => drawResult(way, context, width)));
  // arrows, numbers and the pooled map lie on a canvas above both grids: arrows pass over shades and under numbers
  const above = h("canvas", { class: "seg-above", "aria-hidden": "true" });
  const pen = above.getContext("2d", { willReadFrequently: true });

  const field = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", size: 4 });
  field.addEventListener("input", () => type(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") nudge(event.key === "ArrowUp" ? 1 : -1);
    else if (event.key === "Enter" || event.key === "Escape") pictures[get("part")].canvas.focus(), (entry = null), trouble.set(""), redraw();
    else return;
    event.preventDefault();
  });
  const fieldName = h("span", {}, " ");
  const less = button("−", () => nudge(-1), { "aria-label": "One less" });
  const more = button("+", () => nudge(1), { "aria-label": "One more" });
  const editor = h("div", { class: "seg-edit" }, h("label", {}, fieldName, field), less, more);
  const change = button("Let a decoder change the values", () => (trouble.set(""), put({ decoder: shown.maxima.map((value) => other(value)) })));
  const restore = button("Back to the maxima", () => (trouble.set(""), put({ decoder: [] })));
  const other = (value) => {
    const found = digit(1);
    return found === value ? (found % 9) + 1 : found;
  };
  const notice = reason();
  let told = "";
  const trouble = { element: notice.element, set: (text) => text !== told && notice.set((told = text)) };
  const inputTitle = h("p", { class: "seg-head" }, "Input");
  const pooledTitle = h("p", { class: "seg-head" }, "Pooled map");
  const words = h("p", { class: "seg-words" }, " ");
  const note = h("p", { class: "seg-hint" }, " ");
  const stage = h("div", { class: "seg-stage" },
    h("div", { class: "seg-in" }, inputTitle, input.element),
    h("div", { class: "seg-out" }, pooledTitle, pooled.element),
    above);
  const edits = h("div", { class: "seg-edits" }, editor, h("div", { class: "seg-actions" }, change, restore));
  const ways = h("div", { class: "seg-ways" }, ...results.map((result, i) => {
    result.element.prepend(h("p", { class: "seg-head" }, TITLES[WAYS[i]]));
    result.element.append(h("figcaption", {}, ABOUT[WAYS[i]]));
    return result.element;
  }));
  const marks = legend([
    ["kernel", "line", "maximum and its window"], ["kernel", "fill", "in a unit: its switch"], ["ink", "flag", "not the old maximum"],
    ["error", "flag", "units with different values write here"], ["unseen", "hatch", "never read"],
  ]);
  const numbers = readouts({ left: ["Filled again", 8], bits: ["Switches", 11], fought: ["Shared", 3], unread: ["Unread", 2] });
  const foot = actions({
    code: () => toPyTorch(Object.fromEntries(SETTINGS.map((name) => [name, get(name)]))),
    onreset() {
      trouble.set("");
      preview = null;
      put(get("defaults"));
      redraw();
    },
  });
  const style = h("style", {}, `
    .seglib .seg-head { margin: 0 0 0.25rem; font-weight: 600; font-size: 0.875rem; white-space: nowrap; }
    .seglib .seg-stage { position: relative; display: grid; gap: 2.5rem; }
    .seglib .seg-above { position: absolute; top: 0; left: 0; width: 100%; height: 100%; pointer-events: none; background: none; border-radius: 0; }
    .seglib .seg-in figure, .seglib .seg-out figure { width: var(--wide); }
    .seglib .seg-stage figure canvas, .seglib .seg-ways canvas { border-radius: 0; background: none; }
    .seglib .seg-stage, .seglib .seg-ways { contain: layout style; }
    .seglib .seg-edits { display: flex; flex-wrap: wrap; align-items: end; gap: 0.625rem 1.25rem; margin: 0.75rem 0 0; contain: layout style; }
    .seglib .seg-edits .seg-actions { margin: 0; flex: 1 1 auto; }
    .seglib .seg-controls > .seg-control { flex-basis: 8rem; }
    .seglib .seg-edit { display: grid; grid-template-columns: 4.5rem auto auto; align-items: end; gap: 0.125rem 0.375rem; flex: 0 0 14rem; justify-content: start; }
    .seglib .seg-edit label { display: contents; }
    .seglib .seg-edit label > span { grid-column: 1 / -1; contain: layout style; overflow: hidden; font-size: 0.8125rem; color: var(--seg-quiet); white-space: nowrap; }
    .seglib .seg-swatch[data-cue="flag"] { border: none; background: var(--swatch); clip-path: polygon(0 0, 100% 0, 100% 100%); }
    .seglib .seg-edit input { width: 4.5rem; min-height: 2rem; padding: 0.25rem 0.5rem; border: 1px solid var(--seg-quiet); border-radius: 0.375rem; background: var(--seg-paper); color: inherit; font: inherit; text-align: end; }
    .seglib .seg-edit input[aria-invalid="true"] { border: 2px solid var(--seg-error); }
    .seglib .seg-edit button { min-width: 2.25rem; }
    .seglib .seg-words { margin: 0.5rem 0 0; min-height: 4.3em; contain: layout style; }
    .seglib .seg-hint { margin: 0.25rem 0 0; min-height: 2.8em; font-size: 0.8125rem; color: var(--seg-quiet); contain: layout style; }
    .seglib .seg-ways { display: grid; gap: 0.75rem; grid-template-columns: repeat(2, minmax(0, 1fr)); margin: 0.75rem 0 0; padding: 0.75rem 0 0; border-top: 1px solid var(--seg-line); }
    @container (min-width: 34rem) {
      .seglib .seg-stage { grid-template-columns: auto minmax(0, 1fr); gap: 5rem; }
      .seglib .seg-hint { min-height: 1.4em; }
      .seglib .seg-ways { grid-template-columns: repeat(4, minmax(0, 1fr)); }
      .seglib .seg-words { min-height: 2.9em; }
    }
    @media (pointer: coarse) {
      .seglib .seg-edit :is(input, button) { min-height: 2.75rem; min-width: 2.75rem; }
      .seglib .seg-edit input { font-size: 1rem; }
    }`);
  box.root.append(style, h("div", { class: "seg-controls" }, preset.element, size.element, pool.element, stride.element),
    stage, edits, trouble.element, words, note, ways, marks, numbers.element, foot.element, ear.element);

  // Where the two grids lie ----------------------------------------------------------------------------------------
  let spots = null;
  let ground = null; // what only the page knows: asked once for each size of the stage, since asking costs a layout
  const wide = (element, width) => element.style.getPropertyValue("--wide") !== width && element.style.setProperty("--wide", width);
  function survey() {
    const roomy = box.root.clientWidth >= ROOMY;
    const whole = roomy ? INPUT_WIDTH : stage.clientWidth;
    wide(input.element, `${whole}px`);
    pooled.element.style.marginInline = roomy ? "0" : "auto";
    const outer = stage.getBoundingClientRect();
    const from = (element) => (({ left, top, width }) => ({ left: left - outer.left, top: top - outer.top, width }))(element.getBoundingClientRect());
    const [grid, column, map] = [input.canvas, pooled.element.parentElement, pooled.canvas].map(from);
    return { roomy, whole, width: outer.width, height: outer.height, grid, column, top: map.top };
  }
  function arrange() {
    if (!stage.clientWidth) return;
    ground ??= survey();
    const { roomy, whole, grid, column, top, width, height } = ground;
    const [n, m] = [get("size"), side()];
    const cell = whole / n;
    wide(pooled.element, `${m * cell}px`);
    const sharp = (length) => Math.round(length * devicePixelRatio) / devicePixelRatio; // lines on whole pixels
    const left = sharp(column.left + (roomy ? 0 : (column.width - m * cell) / 2));
    spots = { input: { ...grid, cell, width: n }, pooled: { left, top: sharp(top), cell, width: m }, width, height, roomy };
  }
  let arranged = "";
  const sizes = new ResizeObserver(() => ((arranged = ""), (ground = null), redraw()));
  sizes.observe(stage);

  // Work and paint -------------------------------------------------------------------------------------------------
  function refresh() {
    mend();
    const settings = Object.fromEntries(SETTINGS.slice(0, 5).map((name) => [name, get(name)]));
    const live = get("answer");
    const asked = JSON.stringify([settings.size, settings.pool, settings.stride, settings.values, settings.decoder]);
    const answered = live?.about && JSON.stringify(live.about) === asked;
    const key = `${asked} ${answered}`;
    if (key === shownKey) return;
    shownKey = key;
    shown = work(settings);
    if (answered) shown.results = live.results; // who computes makes no difference, but where the order is undefined
    const all = [...settings.values, ...shown.decoder];
    scale = { low: Math.min(0, ...all), high: Math.max(1, ...all) };
    foot.status(answered ? `Answered by ${live.by}.` : "Answered by this page; no kernel needed.");
  }

  function paint() {
    refresh();
    const layout = `${get("size")} ${side()}`;
    if (layout !== arranged) {
      arrange();
      arranged = layout;
    }
    paintControls();
    Object.values(pictures).forEach((each) => each.redraw());
    paintAbove();
    foot.stale();
  }

  function paintControls() {
    const now = presetNow() ?? OWN;
    const names = [...Object.keys(presets), ...(now === OWN ? [OWN] : [])];
    if (String(names) !== preset.names) preset.fill(names.map((name) => [name, name === OWN ? "your own" : name])), (preset.names = String(names));
    preset.set(now);
    for (const [control, name] of [[size, "size"], [pool, "pool"], [stride, "stride"]]) control.set(get(name));
    const cell = chosen();
    const said = describe({ ...cell, values: get("values") }, shown);
    tell(words, said);
    ear.say(said);
    const changed = get("decoder").length > 0;
    const texts = {
      [`Input ${square(get("size"))}`]: inputTitle,
      [changed ? "The decoder’s values" : `Pooled map ${square(side())}`]: pooledTitle,
      [hint()]: note,
    };
    for (const [text, element] of Object.entries(texts)) tell(element, text);
    const home = pinned();
    const label = `${TITLES[home.part]}, row ${get("y")}, column ${get("x")}`;
    tell(fieldName, label);
    const open = editable(home.part);
    for (const control of [field, less, more]) if (control.disabled === open) control.disabled = !open;
    const invalid = String(Boolean(entry?.why));
    if (field.getAttribute("aria-invalid") !== invalid) field.setAttribute("aria-invalid", invalid);
    const text = entry?.text ?? short(valueAt(home));
    if (field.value !== text) field.value = text;
    if (restore.disabled === changed) restore.disabled = !changed;
    for (const [part, each] of Object.entries(pictures)) {
      each.label(`${TITLES[part]}, a grid of ${square(widthOf(part))}. Arrow keys move${editable(part) ? "; type a number, or plus and minus" : ""}.`);
    }
    const differ = shown.decoder.some((value, unit) => value !== shown.maxima[unit]);
    [true, true, differ, fights(), shown.windows.some((windows) => !windows.length)].forEach((there, i) => {
      if (marks.children[i].hidden === there) marks.children[i].hidden = !there;
    });
    const bits = get("pool") === 2 ? 2 : 4; // 9 places need more than 3 bits
    numbers.set({
      left: `${shown.results.unpooled.filter((value) => value !== 0).length} of ${get("size") ** 2}`,
      bits: `${shown.switches.length} × ${bits} bits`, fought: `${shown.fought.length}`,
      unread: `${shown.windows.filter((windows) => !windows.length).length}`,
    });
  }

  /** Do units with different values share a switch? */
  const fights = () => shown.fought.some((place) => fought(place));
  const fought = (place) => new Set(shown.writers[place].map((unit) => shown.decoder[unit])).size > 1;

  function hint() {
    const [k, s] = [get("pool"), get("stride")];
    if (s > k) return `The stride is larger than the pool: some cells lie in no window.`;
    if (s < k) return `Windows overlap, so units may share a switch${fights() ? "; whose value stays is a matter of order" : " and write the same value"}.`;
    return get("size") % s ? `${get("size")} is no multiple of ${s}: the last row and column are never read.` : "Point at or tap any cell. Type numbers into the input and the pooled map, or press + and −.";
  }

  const share = (value) => (value - scale.low) / (scale.high - scale.low);
  const strongest = () => (box.root.dataset.dark === "true" ? 0.45 : 0.6);
  const paints = (name) => ({ paper: box.colour("paper"), fill: box.colour(name) });
  const font = (cell, text, bold) => `${bold ? 700 : 500} ${Math.max(8, Math.min(16, cell * 0.42, (cell * 1.62) / Math.max(2, text.length)))}px ${FAMILY}`;
  /** The chosen cell itself, in a frame of its own that no other mark has. */
  const cursor = (context, grid, part) => {
    const cell = chosen();
    if (cell.part === part) frame(context, grid, cell.place, [1, 1], box.colour("ink"), 2, { inset: 2, under: box.colour("paper") });
  };
  const rim = (context, grid, name) => frame(context, grid, 0, [grid.width, grid.width], box.colour(name), 2, { inset: 1 });

  function drawInput(context, width) {
    if (!shown) return;
    const grid = { left: 0, top: 0, cell: width / get("size"), width: get("size") };
    const values = get("values");
    const units = unitsOf(chosen().part, chosen().place, shown);
    shades(context, grid, values.length, (place) => share(values[place]), paints("input"), strongest(), box.colour("line"));
    shown.windows.forEach((windows, place) => {
      if (!windows.length) hatch(context, ...corner(grid, place), grid.cell, grid.cell, box.colour("unseen"), 6);
    });
    if (get("stride") >= get("pool"))
      shown.maxima.forEach((_, unit) => frame(context, grid, first(unit), [get("pool"), get("pool")], box.colour("quiet"), 1));
    rim(context, grid, "input");
    new Set(shown.switches).forEach((place) => ring(context, grid, place, box.colour("kernel"), 1.75));
    for (const unit of units) {
      frame(context, grid, first(unit), [get("pool"), get("pool")], box.colour("kernel"), 3, { inset: 1.5 });
      ring(context, grid, shown.switches[unit], box.colour("kernel"), 3);
    }
    cursor(context, grid, "input");
    if (entry?.why && get("part") === "input") frame(context, grid, pinned().place, [1, 1], box.colour("error"), 3, { inset: 1.5, dash: [4, 3] });
  }
  const first = (unit) => Math.floor(unit / side()) * get("stride") * get("size") + (unit % side()) * get("stride");

  function drawPooled(context, grid) {
    const { decoder, maxima, switches } = shown;
    shades(context, grid, decoder.length, (unit) => share(decoder[unit]), paints("quiet"), 0.75 * strongest(), box.colour("line"));
    rim(context, grid, "quiet");
    const units = new Set(unitsOf(chosen().part, chosen().place, shown));
    decoder.forEach((value, unit) => {
      drawSwitch(context, grid, unit, switches[unit], units.has(unit));
      if (value !== maxima[unit]) flag(context, grid, unit, box.colour("ink"));
      if (units.has(unit)) frame(context, grid, unit, [1, 1], box.colour("kernel"), 3, { inset: 1.5 });
    });
    cursor(context, grid, "pooled");
    if (entry?.why && get("part") === "pooled") frame(context, grid, pinned().place, [1, 1], box.colour("error"), 3, { inset: 1.5, dash: [4, 3] });
  }

  /** The switch as a small map of the window: where in it was the maximum? */
  function drawSwitch(context, grid, unit, place, lit) {
    const k = get("pool");
    const step = Math.max(2.5, Math.min(6, (grid.cell * 0.34) / k));
    const [x, y] = corner(grid, unit);
    const [left, top] = [x + grid.cell / 2 - (k * step) / 2, y + grid.cell * 0.93 - k * step];
    const inside = place - first(unit);
    const [row, column] = [Math.floor(inside / get("size")), inside % get("size")];
    for (let i = 0; i < k * k; i++) {
      const here = Math.floor(i / k) === row && i % k === column;
      context.globalAlpha = here || lit ? 1 : 0.6;
      context.fillStyle = box.colour(here ? "kernel" : "line");
      context.fillRect(left + (i % k) * step, top + Math.floor(i / k) * step, step - 0.75, step - 0.75);
    }
    context.globalAlpha = 1;
  }

  function drawResult(way, context, width) {
    if (!shown) return;
    const grid = { left: 0, top: 0, cell: width / get("size"), width: get("size") };
    const values = shown.results[way];
    const marks = linked(unitsOf(chosen().part, chosen().place, shown), shown);
    shades(context, grid, values.length, (place) => (values[place] === 0 && scale.low === 0 ? 0 : share(values[place])), paints("output"), strongest(), box.colour("line"));
    rim(context, grid, "output");
    values.forEach((value, place) => {
      const text = fitting(value, grid.cell);
      const [x, y] = middle(grid, place);
      const bold = marks[way].has(place);
      stamp(context, text, x, y + 0.5, value === 0 && !bold ? box.colour("quiet") : box.colour("ink"), font(grid.cell, text, bold));
    });
    marks[way].forEach((weight, place) => {
      context.globalAlpha = Math.max(0.35, Math.min(1, weight));
      frame(context, grid, place, [1, 1], box.colour("kernel"), way === "bilinear" ? 2 : 2.5, { inset: 1.5 });
      context.globalAlpha = 1;
    });
    cursor(context, grid, way);
    if (way === "unpooled") shown.fought.forEach((place) => fought(place) && flag(context, grid, place, box.colour("error")));
  }
  /** As many decimals as there is room for. */
  const fitting = (value, cell) => {
    const text = short(value, 1);
    return text.length > Math.max(2, cell / 6.5) ? short(value, 0) : text;
  };

  function paintAbove() {
    if (!spots || !shown) return;
    const zoom = devicePixelRatio || 1;
    const [w, hgt] = [Math.round(spots.width * zoom), Math.round(spots.height * zoom)];
    if (above.width !== w || above.height !== hgt) [above.width, above.height] = [w, hgt];
    pen.setTransform(zoom, 0, 0, zoom, 0, 0);
    pen.clearRect(0, 0, spots.width, spots.height);
    drawPooled(pen, spots.pooled);
    const units = unitsOf(chosen().part, chosen().place, shown);
    const chosenUnits = new Set(units);
    const lead = (unit, line, alpha) => {
      const { cell } = spots.input;
      const [x0, y0] = middle(spots.input, shown.switches[unit]);
      const [x1, y1] = middle(spots.pooled, unit);
      const reach = cell * 0.4;
      const half = spots.pooled.cell / 2;
      // a quiet arrow ends at the rim of the map, at its unit's row or column; the chosen one goes to the unit itself
      const across = spots.roomy ? unit % side() : Math.floor(unit / side());
      const [spread, back] = alpha < 1 ? [((across - (side() - 1) / 2) / side()) * 0.6 * spots.pooled.cell, half + across * spots.pooled.cell + 1] : [0, half];
      arrow(pen, spots.roomy ? [x0 + reach, y0] : [x0, y0 + reach], spots.roomy ? [x1 - back, y1 + spread] : [x1 + spread, y1 - back], box.colour("kernel"), line, alpha);
    };
    if (shown.switches.length <= MOST_ARROWS) shown.switches.forEach((_, unit) => chosenUnits.has(unit) || lead(unit, 1.25, 0.5));
    units.forEach((unit) => lead(unit, 2.5, 1));
    const maxima = new Set(shown.switches);
    get("values").forEach((value, place) => number("input", place, value, maxima.has(place), 0));
    shown.decoder.forEach((value, unit) => number("pooled", unit, value, true, -0.14));
  }
  function number(part, place, value, bold, lift) {
    const grid = spots[part];
    const typing = entry?.why && get("part") === part && pinned().place === place;
    const text = typing ? `${entry.text.slice(0, 4) || "?"}` : short(value);
    const [x, y] = middle(grid, place);
    stamp(pen, text, x, y + lift * grid.cell, box.colour(typing ? "error-ink" : bold || value !== 0 ? "ink" : "quiet"), font(grid.cell, text, bold));
  }

  const watched = [...SETTINGS, "answer"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    watched.forEach((event) => model.off(event, redraw));
    Object.values(pictures).forEach((each) => each.dispose());
    sizes.disconnect();
    foot.dispose();
    ear.dispose();
    box.dispose();
  };
}

export default { render };
