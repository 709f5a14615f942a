// ReceptiveFieldExplorer: a stack of layers above a photograph; choose a unit and see what it sees.
import { KINDS, LIMITS, box, effective, geometry, nearestUnit, padded, touched, toPyTorch, waysDown } from "./core/stack.js";
import { compose, drawChosen, drawStill, hasMargin, layout, readPhoto, unseen, zoomFor } from "./ui/field_view.js";
import { actions, announcer, button, card, h, legend, once, picture, readouts, reason, select, settings, slider } from "./ui/kit.js";
import { FAMILY } from "./ui/paint.js";

const SETTINGS = ["preset", "layers", "layer", "x", "y", "field"];
const VIEWS = [["both", "Both"], ["theoretical", "Theoretical box"], ["effective", "Effective heat"]];
const FONT = `11px ${FAMILY}`;
const LEGEND = [
  ["output", "fill", "chosen unit"], ["kernel", "fill", "units it is connected to: the stronger, the more ways lead there"],
  ["input", "line", "theoretical field"], ["prediction", "dash", "effective field"], ["unseen", "fill", "grey: not seen"], ["unseen", "hatch", "padding"],
];

const short = (count) => (count < 1e4 ? count.toLocaleString("en") : count < 1e6 ? `${(count / 1e3).toFixed(1)} k` : `${(count / 1e6).toFixed(1)} M`);
const percent = (share) => (share > 0 && share < 0.0995 ? `${(100 * share).toFixed(share < 0.000995 ? 2 : 1)} %` : `${Math.round(100 * share)} %`);
/** A link may hold anything; what a layer may be, geometry() judges. */
const isStack = (list) =>
  Array.isArray(list) && list.length >= LIMITS.layers[0] && list.length <= LIMITS.layers[1] && list.every((layer) => typeof layer?.name === "string");
const words = ({ kind, kernel, stride = 1, dilation = 1 }) =>
  `${kind} ${kernel} × ${kernel}${stride > 1 ? `, stride ${stride}` : ""}${dilation > 1 ? `, dilation ${dilation}` : ""}`;

async function render({ model, el }) {
  const presets = model.get("presets");
  const photo = await readPhoto(model.get("photo_webp"), "image/webp");
  const inputSize = [photo.height, photo.width];
  const image = new ImageData(photo.width, photo.height);
  const redraw = once(paint);
  const ours = settings(model, SETTINGS, { legal: () => (readStack(), !shown.illegal), redraw });
  const { state, put } = ours;
  const get = (name) => state[name];
  const frame = card(el, { label: "Receptive field explorer", redraw: () => ((stillKey = composedKey = ""), redraw()) });
  const ear = announcer();

  // What is shown --------------------------------------------------------------------------------------------------
  let stackKey = "";
  let stack = [];
  let shown = { layers: [], illegal: null };
  let inChannels = 3;
  let anchor = null; // the place on the photograph that the reader looks at; it stays when the layer changes
  let preview = null; // the unit under a hovering pointer
  let seen = null; // counts of the unit now drawn
  let glass = { zoom: 1, left: 0, top: 0 }; // the part of the photograph in view
  let dragging = false;

  const preset = () => presets[get("preset")];
  /** A link may name a layer that is not there. */
  const chosenIndex = () => {
    const at = (wanted) => stack.findIndex(({ name }) => name === wanted);
    return Math.max(0, at(get("layer")) < 0 ? at(preset().layer) : at(get("layer")));
  };
  /** The chosen layer, or the deepest below it that can be built; -1 when none can. */
  const builtIndex = (index) => Math.min(index, shown.layers.length - 1);
  const unitAt = (index, place) => {
    const layer = shown.layers[builtIndex(index)];
    return layer ? { x: nearestUnit(layer, place.x, 1), y: nearestUnit(layer, place.y, 0) } : { x: 0, y: 0 };
  };
  const centre = (index, unit) => {
    const { start, jump } = shown.layers[index];
    return { x: start + unit.x * jump, y: start + unit.y * jump };
  };

  function readStack() {
    if (!isStack(get("layers"))) state.layers = [];
    const own = get("layers");
    const key = JSON.stringify([get("preset"), own]);
    if (key === stackKey) return;
    stackKey = key;
    stillKey = "";
    stack = own.length ? own : preset().layers;
    inChannels = preset().in_channels;
    shown = geometry(stack, inputSize, inChannels);
    preview = null;
  }

  /** The unit that the settings name, made legal: a link or an edit may ask for one that is not there. */
  function pinned() {
    const index = chosenIndex();
    const built = builtIndex(index);
    if (built < 0) return { index, built, unit: { x: 0, y: 0 } };
    const [rows, columns] = shown.layers[built].size;
    const unit = { x: Math.min(get("x"), columns - 1), y: Math.min(get("y"), rows - 1) };
    const near = anchor && unitAt(index, anchor);
    if (near?.x !== unit.x || near?.y !== unit.y) anchor = centre(built, unit);
    return { index, built, unit };
  }

  /** Brings the chosen unit into view; not while it is dragged, or the picture would run away under the pointer. */
  function look(built) {
    const zoom = zoomFor(shown.layers, inputSize);
    if (built < 0 || (dragging && zoom === glass.zoom)) return;
    const half = shown.layers[built].field / 2;
    const along = (before, length, at) => {
      const size = length / zoom;
      let now = zoom === glass.zoom ? before : at - size / 2;
      const reach = Math.min(half + 2, size * 0.4);
      now = Math.max(Math.min(now, at - reach), at + reach - size);
      return Math.max(0, Math.min(length - size, Math.round(now)));
    };
    const next = { zoom, left: along(glass.left, photo.width, anchor.x), top: along(glass.top, photo.height, anchor.y) };
    if (JSON.stringify(next) !== JSON.stringify(glass)) [glass, stillKey] = [next, ""];
  }

  // Changes --------------------------------------------------------------------------------------------------------
  const move = (unit, index = chosenIndex()) => {
    const layer = shown.layers[builtIndex(index)];
    if (!layer) return true;
    const [rows, columns] = layer.size;
    const now = { x: Math.max(0, Math.min(columns - 1, unit.x)), y: Math.max(0, Math.min(rows - 1, unit.y)) };
    anchor = centre(builtIndex(index), now);
    put({ layer: stack[index].name, ...now });
    return true;
  };
  const goTo = (index) => {
    const to = Math.max(0, Math.min(stack.length - 1, index));
    put({ layer: stack[to].name, ...unitAt(to, anchor ?? { x: photo.width / 2, y: photo.height / 2 }) });
    return true;
  };
  function change(next, index = chosenIndex()) {
    state.layers = JSON.stringify(next) === JSON.stringify(preset().layers) ? [] : next;
    readStack();
    goTo(index);
  }
  const edit = (changes) =>
    change(stack.map((layer, i) => (i === chosenIndex() ? clean({ ...layer, ...changes }) : layer)));
  /** A pool has no channels of its own, and only a pool rounds up. */
  function clean({ channels, ceil, ...layer }) {
    if (layer.kind !== "conv") return ceil ? { ...layer, ceil } : layer;
    return channels ? { ...layer, channels } : layer;
  }
  function choosePreset(name) {
    Object.assign(state, { preset: name, layers: [] });
    readStack();
    goTo(stack.findIndex((layer) => layer.name === preset().layer));
  }
  function add() {
    let number = 1;
    while (stack.some(({ name }) => name === `new${number}`)) number++;
    const at = chosenIndex() + 1;
    change([...stack.slice(0, at), { name: `new${number}`, kind: "conv", kernel: 3, padding: "same" }, ...stack.slice(at)], at);
  }
  const remove = () => change(stack.filter((_, i) => i !== chosenIndex()), Math.max(0, chosenIndex() - 1));

  // The picture ----------------------------------------------------------------------------------------------------
  let [place, drawn] = [null, null];
  // what does not follow the unit, and the photograph, lie on canvases of their own underneath: nothing is drawn twice
  const still = h("canvas", { class: "seg-under", "aria-hidden": "true" });
  const seenPhoto = h("canvas", { class: "seg-under", "aria-hidden": "true" });
  const ruler = new OffscreenCanvas(1, 1).getContext("2d");
  ruler.font = FONT;
  let [stillKey, composedKey] = ["", ""];

  const view = picture({
    label: "", aspect: 1, draw, caption: "Point at a unit to look, press to stay. Keys: ← → columns, ↑ ↓ layers, Page Up and Down rows.",
    onkey(key, { shiftKey }) {
      const { index, unit } = pinned();
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], PageUp: [0, -1], PageDown: [0, 1] };
      if (shiftKey) Object.assign(steps, { ArrowUp: [0, -1], ArrowDown: [0, 1] });
      if (steps[key]) return move({ x: unit.x + steps[key][0], y: unit.y + steps[key][1] });
      if (key === "ArrowUp") return goTo(index + 1);
      if (key === "ArrowDown") return goTo(index - 1);
      return false;
    },
    onpoint({ x, y, kind }) {
      if (!place) return;
      const before = JSON.stringify(preview);
      const point = kind === "leave" ? null : pointed(x * place.width, y * place.height);
      preview = kind === "hover" ? point : null;
      dragging = kind === "drag";
      if (kind === "drag" && point) move(point.unit, point.index);
      if (JSON.stringify(preview) !== before) redraw();
    },
  });

  /** The unit under the pointer: of the row it is on, or over the photograph the chosen layer's nearest. */
  function pointed(px, py) {
    const row = place.rowAt(py);
    const pixel = { x: place.pixelAt(px) - 0.5, y: row < 0 ? place.lineAt(py) - 0.5 : anchor?.y };
    if (row < 0) return py < place.y(0) ? null : { index: pinned().index, unit: unitAt(pinned().index, pixel) };
    return shown.layers[row] ? { index: row, unit: unitAt(row, pixel) } : null;
  }

  function draw(context, width, height) {
    if (!drawn) return;
    const key = `${width} ${devicePixelRatio}`;
    if (stillKey !== key) {
      place = layout(width, { stack, layers: shown.layers, inputSize, glass }, (text) => ruler.measureText(text).width);
      if (Math.abs(place.height - height) > 0.5) return view.shape(width / place.height);
      stillKey = key;
      const { width: across, height: down } = view.canvas;
      if (still.width !== across || still.height !== down) [still.width, still.height] = [across, down];
      const under = still.getContext("2d");
      under.setTransform(context.getTransform());
      under.clearRect(0, 0, width, height);
      drawStill(under, place, { stack, layers: shown.layers, photo }, frame.colour, FONT);
      const [left, top, wide, high] = place.photo.map((length) => `${length}px`);
      Object.assign(seenPhoto.style, { left, top, width: wide, height: high, imageRendering: place.scale < 4 ? "auto" : "pixelated" });
    }
    drawChosen(context, place, { ...drawn, stack, layers: shown.layers, inputSize, photo }, frame.colour, FONT);
  }

  // Controls -------------------------------------------------------------------------------------------------------
  const presetSelect = select({ label: "Network", options: [], oninput: (name) => name in presets && choosePreset(name) });
  const views = VIEWS.map(([name, text]) => button(text, () => put({ field: name }), { "data-view": name }));
  const layerSlider = slider({ label: "Layer", min: 0, max: 1, format: (i) => stack[i]?.name ?? "", oninput: goTo });
  const xSlider = slider({ label: "Column", min: 0, max: 1, oninput: (x) => move({ ...pinned().unit, x }) });
  const ySlider = slider({ label: "Row", min: 0, max: 1, oninput: (y) => move({ ...pinned().unit, y }) });
  const numbers = readouts({
    layer: "Layer", field: "Field", jump: "Jump", stride: "Own stride", map: "Map", share: "Sees", effective: "Effective size", weights: "Weights up to here",
  });
  const note = h("p", { class: "seg-about" });

  const kind = select({ label: "Kind", options: KINDS.map((name) => [name, name]), oninput: (name) => edit({ kind: name }) });
  const kernel = slider({ label: "Kernel", min: LIMITS.kernel[0], max: LIMITS.kernel[1], format: (k) => `${k} × ${k}`, oninput: (k) => edit({ kernel: k }) });
  const stride = slider({ label: "Stride", min: LIMITS.stride[0], max: LIMITS.stride[1], oninput: (s) => edit({ stride: s }) });
  const dilation = slider({ label: "Dilation", min: LIMITS.dilation[0], max: LIMITS.dilation[1], oninput: (d) => edit({ dilation: d }) });
  const padding = select({ label: "Padding", options: [], oninput: (p) => edit({ padding: p === "same" ? p : Number(p) }) });
  const addButton = button("Add a layer above", add);
  const removeButton = button("Remove this layer", remove);
  const illegal = reason();
  const summary = h("summary");
  const editor = h("details", { class: "seg-editor", open: el.clientWidth >= 544 }, summary,
    h("div", { class: "seg-controls" }, kind.element, padding.element),
    h("div", { class: "seg-controls" }, kernel.element, stride.element, dilation.element),
    h("div", { class: "seg-actions" }, addButton, removeButton));

  const foot = actions({
    code() {
      const { built, unit } = pinned();
      return built < 0 ? `# ${shown.illegal.name}: ${shown.illegal.why}\n` : toPyTorch(shown.layers, { inputSize, inChannels, index: built, ...unit });
    },
    onreset() {
      anchor = null;
      put(model.get("defaults"));
    },
  });
  const style = h("style", {}, `
    .seglib .seg-views { display: flex; flex: 2 1 18rem; min-width: 0; }
    .seglib .seg-views button { flex: 1 1 auto; min-width: 0; border-radius: 0; margin-left: -1px; padding-inline: 0.375rem; }
    .seglib .seg-views button:first-child { border-radius: 0.375rem 0 0 0.375rem; margin-left: 0; }
    .seglib .seg-views button:last-child { border-radius: 0 0.375rem 0.375rem 0; }
    .seglib .seg-stage { position: relative; }
    .seglib .seg-stage canvas { background: none; position: relative; margin: 0; padding: 0; border-radius: 0; will-change: transform; }
    .seglib .seg-stage .seg-under { position: absolute; top: 0; left: 0; }
    .seglib .seg-about { margin: 0 0 0.75rem; color: var(--seg-quiet); font-size: 0.8125rem; }
    .seglib .seg-unit { margin: 0.75rem 0 0; }
    .seglib .seg-editor, .seglib .seg-unit, .seglib dl.seg-readouts { contain: layout style; }
    .seglib .seg-editor { margin: 0.75rem 0 0; padding: 0.75rem 0 0; border-top: 1px solid var(--seg-line); }
    .seglib .seg-editor summary { cursor: pointer; font-weight: 600; margin: 0 0 0.5rem; min-height: 1.5rem; }
    @media (pointer: coarse) { .seglib .seg-editor summary { min-height: 2.75rem; padding: 0.625rem 0; } }`);
  // the picture's own canvas on top of the two
  view.element.prepend(h("div", { class: "seg-stage" }, still, seenPhoto, view.canvas));
  const marks = legend(LEGEND);
  frame.root.append(style,
    h("div", { class: "seg-controls" }, presetSelect.element, h("div", { class: "seg-views", role: "group", "aria-label": "Field shown" }, ...views)),
    note, view.element, marks,
    h("div", { class: "seg-controls seg-unit" }, layerSlider.element, xSlider.element, ySlider.element),
    numbers.element, illegal.element);
  if (model.get("editor")) frame.root.append(editor);
  frame.root.append(foot.element, ear.element);

  // Work and paint -------------------------------------------------------------------------------------------------
  function count(built, unit) {
    const key = `${stackKey} ${built} ${unit.x} ${unit.y}`;
    if (seen?.key === key) return;
    const axis = (name, number) => waysDown(shown.layers, built, unit[name], number, inputSize);
    seen = { key, x: axis("x", 1), y: axis("y", 0), box: box(shown.layers, built, unit) };
  }

  /** What the kernel measured, if it is about the unit now shown. */
  function answered(built, unit) {
    const live = model.get("answer");
    const about = [get("preset"), get("layers"), shown.layers[built].name, unit.x, unit.y];
    return JSON.stringify(live?.about) === JSON.stringify(about) ? live : null;
  }

  /** Asks the kernel, if one is there, once the reader has come to rest. */
  let asking;
  function ask() {
    clearTimeout(asking);
    asking = setTimeout(() => {
      const { built, unit } = pinned();
      if (!shown.illegal && !answered(built, unit)) model.send("measure");
    }, 300);
  }

  function paint() {
    readStack();
    const { index, built, unit } = pinned();
    look(built);
    dragging = false;
    const now = preview ?? { index, unit };
    const at = builtIndex(now.index);
    const layer = shown.layers[at];
    if (layer) count(at, now.unit);
    const live = layer && answered(at, now.unit);
    const key = `${seen?.key} ${layer?.name} ${get("field")} ${frame.root.dataset.dark} ${Boolean(live)} ${JSON.stringify(glass)}`;
    if (key !== composedKey) {
      composedKey = key;
      const dark = frame.root.dataset.dark === "true";
      if (photo.dark !== dark) [photo.grey, photo.dark] = [unseen(photo.colour, dark), dark];
      const measured = live && new Uint8Array(live.heat.buffer, live.heat.byteOffset, live.heat.byteLength);
      compose(new Uint32Array(image.data.buffer), { counts: layer && seen, view: get("field"), photo, measured }, [204, 121, 167]);
      const [wide, high] = [photo.width / glass.zoom, photo.height / glass.zoom];
      if (seenPhoto.width !== wide) [seenPhoto.width, seenPhoto.height] = [wide, high];
      seenPhoto.getContext("2d").putImageData(image, -glass.left, -glass.top);
    }
    drawn = { index: at, wanted: now.index, unit: now.unit, counts: seen, view: get("field"), box: seen?.box, centre: layer && centre(at, now.unit) };
    view.redraw();
    write(now, layer, live);
    control(index, built, unit);
    foot.stale();
    ask();
  }

  function write(now, layer, live) {
    foot.status(live
      ? `Heat measured by ${live.by} in ${live.milliseconds} ms: mean gradient of ${live.networks} networks with random weights, for noise.`
      : "Heat by theory: expected gradient with random weights. No kernel needed.");
    if (!layer) return numbers.set({ layer: "none", field: "", jump: "", stride: "", map: "", share: "", effective: "", weights: "" });
    const share = (touched(seen.x[0]) * touched(seen.y[0])) / (photo.width * photo.height);
    const size = live ? live.size : effective(seen.y[0], seen.x[0], drawn.centre).size;
    numbers.set({
      layer: layer.name, field: `${layer.field} × ${layer.field} px`, jump: `${layer.jump} px`, stride: String(layer.stride),
      map: `${layer.size[0]} × ${layer.size[1]}`, share: `${percent(share)} of the photo`, effective: `${size.toFixed(1)} px`, weights: short(layer.weights),
    });
    const told = `${layer.name}, column ${now.unit.x}, row ${now.unit.y}: field ${layer.field} by ${layer.field} pixels, effective size ${size.toFixed(0)}, ` +
      `jump ${layer.jump}, map ${layer.size[0]} by ${layer.size[1]}, sees ${percent(share)} of the photograph.`;
    view.label(`Stack of ${stack.length} layers above a photograph of a coffee cup. ${told} Left and right arrows move the unit by columns, Page Up and Page Down (or Shift with up and down) by rows, up and down change the layer.`);
    if (!preview) ear.say((shown.illegal ? `${shown.illegal.name} cannot be built. ` : "") + told);
  }

  const kept = new Map();
  /** Changes the page only where something is new: every change costs a layout. */
  const keep = (name, value, apply) => kept.get(name) !== value && (kept.set(name, value), apply(value));
  let controlled = "";
  function control(index, built, unit) {
    const [rows, columns] = shown.layers[built]?.size ?? [1, 1];
    keep("columns", columns - 1, (last) => xSlider.range(0, last));
    keep("rows", rows - 1, (last) => ySlider.range(0, last));
    xSlider.set(unit.x);
    ySlider.set(unit.y);
    // the rest stays while the unit moves: leave the page's elements alone then
    const now = `${stackKey} ${index} ${get("field")}`;
    if (now === controlled) return;
    controlled = now;
    marks.lastElementChild.hidden = !hasMargin(shown.layers);
    note.textContent = preset().note + (get("layers").length ? " You have changed it." : "");
    illegal.set(shown.illegal && `${shown.illegal.name} cannot be built: ${shown.illegal.why}.`);
    const changed = get("layers").length > 0;
    const names = Object.keys(presets).map((name) => [name, name.replaceAll(" x ", " × ") + (name === get("preset") && changed ? ", changed" : "")]);
    keep("presets", String(names), () => presetSelect.fill(names));
    presetSelect.set(get("preset"));
    keep("field", get("field"), (name) => views.forEach((one) => one.setAttribute("aria-pressed", one.dataset.view === name)));
    keep("layers", stack.length - 1, (last) => layerSlider.range(0, last));
    layerSlider.set(index);
    const layer = stack[index];
    summary.textContent = `Change ${layer.name}: ${words(layer)}`;
    keep("kind", layer.kind, kind.set);
    keep("kernel", layer.kernel, kernel.set);
    keep("stride", layer.stride ?? 1, stride.set);
    keep("dilation", layer.dilation ?? 1, dilation.set);
    const papers = preset().layers.find(({ name }) => name === layer.name)?.padding ?? 0;
    const numeric = [...new Set([layer.padding ?? 0, papers])].filter((p) => p !== "same" && p !== 0);
    const options = [["same", `same (${padded({ ...layer, padding: "same" })})`], ["0", "valid (0)"],
      ...numeric.map((p) => [String(p), p === papers ? `${p}, the authors'` : String(p)])];
    keep("paddings", String(options), () => padding.fill(options));
    padding.set(String(layer.padding ?? 0));
    addButton.disabled = stack.length >= LIMITS.layers[1];
    removeButton.disabled = stack.length <= 1;
  }

  redraw();
  return () => {
    clearTimeout(asking);
    [ours, view, foot, ear, frame].forEach((part) => part.dispose());
  };
}

export default { render };
