// SkipAblationExplorer: a trained U-Net with its four skip connections switched on and off, one scene at a time.
import { cut, offOf, scores, setOf, SKIPS, toPyTorch } from "./core/skip_ablation.js";
import { actions, announcer, button, card, h, hatch, legend, once, picture, readouts, select } from "./ui/kit.js";

const SWITCHES = ["d0", "d1", "d2", "d3"];
const SETTINGS = ["scene", ...SWITCHES, "off", "x", "y"];
const GLYPHS = { background: "", disc: "●", square: "■", triangle: "▲", cross: "✚" };
const KINDS = { mean: "its mean over other scenes", zero: "zeros", other: "what it carries for another scene" };
const number = (value, digits = 3) => value.toFixed(digits).replace("-", "−");
const signed = (value) => (value > 0 ? "+" : "") + number(value);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function render({ model, el }) {
  const get = (name) => model.get(name);
  const put = (name, value) => (model.set(name, value), model.save_changes());
  const facts = get("facts");
  const { size, step, classes, colours, kinds, scores: measured } = facts;
  const redraw = once(paint);
  const frame = card(el, { label: "Skip connections of a trained U-Net, on and off", redraw });
  const ear = announcer();

  // Scenes are decoded when they are first looked at. -----------------------------------------------------------------
  const decoded = new Map();
  async function decode(index) {
    const { image, truth, maps } = facts.pictures.find(({ scene }) => scene === index);
    const labels = async (text) => {
      const bitmap = await createImageBitmap(new Blob([bytesOf(text)], { type: "image/webp" }), { colorSpaceConversion: "none" });
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, width, height);
      return { map: Uint8Array.from({ length: width * height }, (_, i) => Math.round(data[4 * i] / step)), width };
    };
    const [bitmap, right, sheet] = await Promise.all([
      createImageBitmap(new Blob([bytesOf(image)], { type: "image/webp" })), labels(truth), labels(maps)]);
    decoded.set(index, { bitmap, grey: greyed(bitmap), truth: right.map, sheet, truthPicture: asPicture(right.map) });
  }
  function asPicture(map) {
    const canvas = new OffscreenCanvas(size, size);
    const image = new ImageData(size, size);
    const words = new Uint32Array(image.data.buffer);
    const paints = colours.map(([r, g, b]) => 0xff000000 | (b << 16) | (g << 8) | r);
    for (let i = 0; i < map.length; i++) words[i] = paints[map[i]];
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
  function greyed(bitmap) {
    const canvas = new OffscreenCanvas(size, size);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const image = context.getImageData(0, 0, size, size);
    for (let i = 0; i < image.data.length; i += 4) {
      const [r, g, b] = image.data.subarray(i, i + 3);
      image.data.fill(0.299 * r + 0.587 * g + 0.114 * b, i, i + 3);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
  function maskPicture(map, truth) {
    const canvas = new OffscreenCanvas(size, size);
    const image = new ImageData(size, size);
    const words = new Uint32Array(image.data.buffer);
    for (let i = 0; i < map.length; i++) if (map[i] !== truth[i]) words[i] = 0xff005ed5; // vermillion
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
  const ready = () => decoded.get(get("scene"));
  await decode(get("scene"));

  // Controls ------------------------------------------------------------------------------------------------------------
  const about = ({ scene, radii }) =>
    `${scene}: ${radii.length} ${radii.length === 1 ? "object" : "objects"}, radius ${number(Math.min(...radii), 0)} to ${number(Math.max(...radii), 0)} px`;
  const scene = select({ label: "Scene", options: facts.pictures.map((each) => [String(each.scene), about(each)]), oninput: (value) => put("scene", Number(value)) });
  const off = select({ label: "One that is off carries", options: kinds.map((kind) => [kind, KINDS[kind]]), oninput: (kind) => put("off", kind) });
  const side = (level) => size >> level;
  const box = (level, channels, what) =>
    h("div", { class: "seg-level", style: `--share: ${100 - 14 * level}%` }, h("b", {}, `${side(level)} × ${side(level)}`), h("span", {}, `${channels} ${what}`));
  const toggles = SKIPS.map((name, level) => {
    const element = button("", () => put(SWITCHES[level], !get(SWITCHES[level])), { class: "seg-toggle" });
    const quietly = (text) => h("span", { class: "seg-hidden" }, text);
    element.append(quietly("Skip connection "), h("code", {}, name), quietly(`, ${side(level)} by ${side(level)}`));
    return element;
  });
  const every = (value) => {
    for (const each of SWITCHES) model.set(each, value);
    model.save_changes();
  };
  const ladder = h("div", { class: "seg-u", role: "group", "aria-label": "The four skip connections, finest first" },
    ...SKIPS.flatMap((_, level) => [box(level, facts.channels[level], "maps ↓"), toggles[level], box(level, facts.channels[level], "maps ↑")]),
    h("div", { class: "seg-bottom" }, h("b", {}, `${side(4)} × ${side(4)}`), h("span", {}, `${2 * facts.channels[3]} maps, the deepest`)));

  // Pictures ------------------------------------------------------------------------------------------------------------
  const move = (x, y) => {
    put("x", Math.max(0, Math.min(size - 1, x)));
    put("y", Math.max(0, Math.min(size - 1, y)));
    return true;
  };
  const arrows = (key, { shiftKey }) => {
    const far = shiftKey ? 10 : 1;
    const [x, y] = [get("x"), get("y")];
    if (key === "ArrowLeft") return move(x - far, y);
    if (key === "ArrowRight") return move(x + far, y);
    if (key === "ArrowUp") return move(x, y - far);
    if (key === "ArrowDown") return move(x, y + far);
    return false;
  };
  const point = ({ x, y, kind }) => kind !== "leave" && move(Math.floor(x * size), Math.floor(y * size));
  const panel = (label, caption, draw) => picture({ label: `${label} Point or use the arrow keys to look at a pixel.`, caption, aspect: 1, onkey: arrows, onpoint: point, draw });
  let now = null; // the label map shown, its picture and its errors
  const whole = (source) => (context, width) => {
    if (!source()) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(source(), 0, 0, width, width);
    cross(context, width);
  };
  const panels = [
    panel("The scene.", "Scene", whole(() => ready()?.bitmap)),
    panel("The true labels.", "Truth", whole(() => ready()?.truthPicture)),
    panel("The prediction.", "Prediction", whole(() => now?.picture)),
    panel("The pixels that are wrong.", "Errors", drawErrors),
  ];
  function cross(context, width) {
    const cell = width / size;
    const [x, y] = [(get("x") + 0.5) * cell, (get("y") + 0.5) * cell];
    for (const [line, colour] of [[4, "rgb(0 0 0 / 0.75)"], [2, "#fff"]]) {
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.strokeRect(x - 5, y - 5, 10, 10);
    }
  }
  function drawErrors(context, width) {
    const here = ready();
    if (!here || !now) return;
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 0.4;
    context.drawImage(here.grey, 0, 0, width, width);
    context.globalAlpha = 1;
    const scale = context.getTransform().a;
    const sheet = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(width * scale)));
    const pen = sheet.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(now.mask, 0, 0, sheet.width, sheet.height);
    pen.globalCompositeOperation = "source-atop";
    pen.scale(scale, scale);
    hatch(pen, 0, 0, width, width, "rgb(255 255 255 / 0.55)", 5);
    context.drawImage(sheet, 0, 0, width, width);
    cross(context, width);
  }

  const here = readouts({ iou: ["Mean IoU of this scene", 6], right: ["Pixels right", 7] });
  const pixel = h("p", { class: "seg-pixel", "data-readout": "pixel" });
  const rows = [["iou", "mean IoU"], ["boundary", "boundary F1"], ["small", "IoU of small objects"]];
  const cells = Object.fromEntries(rows.map(([name]) => [name, [h("td", {}), h("td", {})]]));
  const table = h("table", { class: "seg-scores" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `Likewise, on ${facts.scenes} scenes`), h("th", { scope: "col" }, "mean"), h("th", { scope: "col" }, "against all four on"))),
    h("tbody", {}, ...rows.map(([name, text]) => h("tr", { "data-row": name }, h("th", { scope: "row" }, text), ...cells[name]))));
  const names = legend([["error", "hatch", "wrong"]]);
  names.prepend(...classes.map((name, c) =>
    h("li", {}, h("span", { class: "seg-swatch", "data-cue": "fill", style: `--swatch: rgb(${colours[c]}); outline: 1px solid var(--seg-quiet)` }), `${GLYPHS[name]} ${name}`.trim())));

  const foot = actions({
    code: () => toPyTorch({ scene: get("scene"), size, scenes: facts.scenes, references: facts.references, off: offOf(bits()), kind: get("off") }),
    onreset() {
      for (const [name, value] of Object.entries(get("defaults"))) model.set(name, value);
      model.save_changes();
    },
  });
  const style = h("style", {}, `
    .seglib .seg-u { display: grid; grid-template-columns: minmax(0, 1fr) minmax(7.5rem, auto) minmax(0, 1fr); gap: 0.375rem 0.5rem; align-items: center; }
    .seglib .seg-level, .seglib .seg-bottom { display: flex; flex-wrap: wrap; column-gap: 0.5rem; justify-content: center; padding: 0.25rem 0.375rem; border-radius: 0.25rem; background: var(--seg-tint); font-size: 0.8125rem; line-height: 1.25; text-align: center; }
    .seglib .seg-level { inline-size: var(--share); min-inline-size: fit-content; justify-self: end; }
    .seglib .seg-toggle + .seg-level { justify-self: start; }
    .seglib .seg-bottom { grid-column: 1 / -1; justify-self: center; }
    .seglib .seg-toggle { position: relative; display: flex; justify-content: space-between; align-items: center; gap: 0.5rem; font-size: 0.875rem; border-style: dashed; }
    .seglib .seg-toggle[aria-pressed="true"] { border-style: solid; }
    .seglib .seg-toggle code { background: none; border: 0; padding: 0; color: inherit; font-size: inherit; }
    .seglib .seg-toggle::after { content: "✕ off"; content: "✕ off" / ""; font-weight: 600; white-space: nowrap; } /* aria-pressed says it to the ear */
    .seglib .seg-toggle[aria-pressed="true"]::after { content: "→ on"; content: "→ on" / ""; }
    .seglib .seg-panels { display: grid; gap: 0.75rem; grid-template-columns: 1fr 1fr; margin: 0.75rem 0 0; }
    .seglib .seg-pixel { margin: 0.375rem 0 0; min-block-size: 1.4em; font-size: 0.8125rem; }
    .seglib .seg-scores { inline-size: 100%; margin: 0.75rem 0 0; border-collapse: collapse; font-size: 0.875rem; display: table; }
    .seglib .seg-scores :is(th, td) { padding: 0.25rem 0.5rem; border-bottom: 1px solid var(--seg-line); text-align: end; white-space: nowrap; color: inherit; background: none; }
    .seglib .seg-scores tr > th:first-child { text-align: start; font-weight: 400; white-space: normal; }
    .seglib .seg-scores thead th { font-weight: 600; white-space: normal; }
    .seglib .seg-scores thead tr > th:first-child { font-weight: 600; }
    @container (max-width: 24rem) { .seglib .seg-pixel { min-block-size: 2.8em; } }
    @container (min-width: 34rem) { .seglib .seg-panels { grid-template-columns: repeat(4, 1fr); } }`);
  frame.root.append(style,
    h("div", { class: "seg-controls" }, scene.element, off.element),
    ladder,
    h("div", { class: "seg-actions" }, button("All on", () => every(true)), button("All off", () => every(false))),
    h("div", { class: "seg-panels" }, ...panels.map((each) => each.element)),
    pixel, names, here.element, table, foot.element, ear.element);

  // Work and paint --------------------------------------------------------------------------------------------------------
  const bits = () => setOf(SWITCHES.map(get));
  function labelsNow(found) {
    const live = get("answer");
    const same = live?.labels && ["scene", "off", ...SWITCHES].every((name) => live[name] === get(name));
    if (same) {
      const { buffer, byteOffset, byteLength } = live.labels;
      foot.status(`Answered by ${live.by}.`);
      return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
    }
    foot.status("Measured before with PyTorch; shown by this page, no kernel needed.");
    return cut(found.sheet.map, found.sheet.width, size, bits(), kinds.indexOf(get("off")));
  }

  let shown = "";
  function work(found) {
    const state = [get("scene"), bits(), get("off"), Boolean(get("answer")?.labels), get("answer")?.off, get("answer")?.scene, ...SWITCHES.map((name) => get("answer")?.[name])].join(" ");
    if (state === shown) return;
    shown = state;
    const map = labelsNow(found);
    now = { map, picture: asPicture(map), mask: maskPicture(map, found.truth), ...scores(map, found.truth, classes.length) };
  }

  function paint() {
    const found = ready();
    if (!found) {
      decode(get("scene")).then(redraw);
      return;
    }
    work(found);
    scene.set(String(get("scene")));
    off.set(get("off"));
    toggles.forEach((element, level) => element.setAttribute("aria-pressed", String(get(SWITCHES[level]))));
    const at = get("y") * size + get("x");
    const [true_, got] = [classes[found.truth[at]], classes[now.map[at]]];
    here.set({ iou: number(now.iou), right: `${(100 * now.right).toFixed(1)} %` });
    pixel.textContent = `Row ${get("y")}, column ${get("x")}: ${true_}, predicted ${got}${true_ === got ? "" : " ✕"}`;
    const { means, change, error } = measured[get("off")][bits()];
    rows.forEach(([name], i) => {
      cells[name][0].textContent = number(means[i]);
      cells[name][1].textContent = bits() === 15 ? "" : `${signed(change[i])} ± ${number(error[i])}`;
    });
    panels.forEach((each) => each.redraw());
    foot.stale();
    const names_ = offOf(bits());
    ear.say(`${names_.length ? `${names_.join(", ")} off` : "All four on"}: mean IoU ${number(now.iou)} here, ${number(means[0])} on ${facts.scenes} scenes. At row ${get("y")}, column ${get("x")}: ${true_}, predicted ${got}.`);
  }

  const watched = [...SETTINGS, "answer"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    watched.forEach((event) => model.off(event, redraw));
    panels.forEach((part) => part.dispose());
    foot.dispose();
    ear.dispose();
    frame.dispose();
  };
}

export default { render };
