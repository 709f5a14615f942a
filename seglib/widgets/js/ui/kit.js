// The small kit every widget is built from. Plain DOM, no framework; styles in widget.css.
import css from "./widget.css";

/** h("button", { type: "button", onclick }, "text", child): one element. Functions become listeners, the rest attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/**
 * Text and attributes are written only when they change: every write costs the page a layout. The text node stays the
 * same one, since a new node makes the browser ask all of the page's :has() rules again.
 */
function write(element, text) {
  if (element.firstChild?.nodeType !== Node.TEXT_NODE) element.textContent = text;
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}
const mark = (element, name, text) => element.getAttribute(name) !== text && element.setAttribute(name, text);

let serial = 0;
const fresh = () => `seg-${++serial}-${Math.random().toString(36).slice(2, 7)}`;

/** Is the paper under this element dark? Asked of the paint itself, so that it holds in every host. */
function onDarkPaper(element) {
  for (let node = element; node; node = node.parentElement ?? node.getRootNode().host) {
    const [r, g, b, alpha = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    if (alpha > 0.5) return 0.299 * r + 0.587 * g + 0.114 * b < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * The card a widget lives in. `redraw` is called when the theme changes.
 * Returns { root, colour(name), dispose }.
 */
export function card(el, { label, redraw }) {
  const root = h("section", { class: "seglib", "aria-label": label }, h("style", {}, css));
  el.append(root);
  const cache = new Map();
  const adapt = () => {
    // where the host names no colours, the paper around the card decides; where it does, the card's own paper is painted
    // with them (the book's dark theme, for one, puts outputs on light paper)
    root.dataset.dark = onDarkPaper(el);
    root.dataset.dark = onDarkPaper(root);
  };
  const follow = () => {
    cache.clear();
    adapt();
    redraw();
  };
  const watcher = new MutationObserver(follow);
  for (const node of [document.documentElement, document.body])
    watcher.observe(node, { attributeFilter: ["class", "theme", "data-theme", "data-mode", "data-jp-theme-light", "data-jp-theme-name"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", follow);
  adapt();
  return {
    root,
    /** A colour of the theme by its name in widget.css: ink, paper, tint, line, input, kernel, output ... */
    colour(name) {
      if (!cache.has(name)) cache.set(name, getComputedStyle(root).getPropertyValue(`--seg-${name}`).trim());
      return cache.get(name);
    },
    dispose() {
      watcher.disconnect();
      scheme.removeEventListener("change", follow);
      root.remove();
    },
  };
}

/** A native range input with its label and value. `format` turns the number into words for eye and ear alike. */
export function slider({ label, min, max, step = 1, format = String, oninput }) {
  const id = fresh();
  const value = h("output", { for: id });
  const input = h("input", { type: "range", id, min, max, step, oninput: () => (show(), oninput(Number(input.value))) });
  const show = () => {
    const text = format(Number(input.value));
    write(value, text);
    mark(input, "aria-valuetext", text);
  };
  return {
    element: h("div", { class: "seg-control" }, h("label", { for: id }, label, value), input),
    input,
    set(number) {
      if (input.value !== String(number)) input.value = number;
      show();
    },
    range(low, high) {
      input.min = low;
      input.max = high;
      show();
    },
  };
}

/** A native select. `options` is a list of [value, text]. */
export function select({ label, options, oninput }) {
  const id = fresh();
  const input = h("select", { id, onchange: () => oninput(input.value) });
  const fill = (list) => input.replaceChildren(...list.map(([value, text]) => h("option", { value }, text)));
  fill(options);
  return { element: h("div", { class: "seg-control" }, h("label", { for: id }, label), input), input, fill, set: (value) => input.value !== value && (input.value = value) };
}

export const button = (text, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, text);

/**
 * A picture to draw on, sharp on every screen: draw(context, width, height) gets CSS pixels. Without `draw` it is only a
 * place to point at, drawn on another canvas: one whose size changes with every step costs a copy in the step after it.
 * onpoint({ x, y, kind }) gives the pointer's place as shares of the picture (0 to 1); kind is "hover", "drag" or "leave".
 * onkey(key, event) returns true when it used the key.
 */
export function picture({ label, aspect, draw, onpoint, onkey, caption }) {
  const canvas = h("canvas", { role: onkey ? "application" : "img", "aria-label": label, tabindex: onkey ? 0 : null });
  // Small pictures drawn anew at every step: kept in main memory they are painted sooner, and more evenly.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let ratio = aspect;
  let width = 0;
  const redraw = () => {
    if (!width || !draw) return;
    const scale = devicePixelRatio || 1;
    const height = width / ratio;
    const [w, hgt] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== w || canvas.height !== hgt) [canvas.width, canvas.height] = [w, hgt];
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  const fit = () => {
    canvas.style.aspectRatio = ratio;
    redraw();
  };
  const sizes = new ResizeObserver(() => {
    const now = canvas.clientWidth;
    if (now === width) return;
    width = now;
    redraw();
  });
  sizes.observe(canvas);
  if (onpoint) {
    const tell = (kind) => (event) => {
      const box = canvas.getBoundingClientRect();
      onpoint({ x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height, kind });
    };
    canvas.addEventListener("pointerdown", tell("drag"));
    canvas.addEventListener("pointermove", (event) => tell(event.buttons ? "drag" : "hover")(event));
    canvas.addEventListener("pointerleave", tell("leave"));
  }
  if (onkey)
    canvas.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && onkey(event.key, event)) event.preventDefault();
    });
  fit();
  const captionElement = caption == null ? null : h("figcaption", {}, caption);
  return {
    element: h("figure", {}, canvas, captionElement),
    canvas,
    redraw,
    caption: (text) => captionElement && write(captionElement, text),
    label: (text) => mark(canvas, "aria-label", text),
    /** Change the shape: width over height. */
    shape(aspectNow) {
      if (aspectNow === ratio) return;
      ratio = aspectNow;
      fit();
    },
    dispose: () => sizes.disconnect(),
  };
}

/**
 * Named numbers, side by side. set({ name: text }) changes them. A name's value is its label, or [label, width]: room
 * for so many letters is kept, and then a new number costs no layout outside its own box.
 */
export function readouts(names) {
  const cells = Object.fromEntries(Object.entries(names).map(([name, given]) => {
    const [label, width] = [given].flat();
    const style = width && `contain: strict; inline-size: ${width}ch; block-size: 1.4em`;
    return [name, [h("dt", {}, label), h("dd", { "data-readout": name, style })]];
  }));
  const element = h("dl", { class: "seg-readouts" }, ...Object.values(cells).map((pair) => h("div", {}, ...pair)));
  return {
    element,
    set(values) {
      for (const [name, text] of Object.entries(values)) write(cells[name][1], text);
    },
  };
}

/** What a screen reader hears. Said only once the reader has come to rest, so that dragging is not a flood. */
export function announcer() {
  const element = h("p", { class: "seg-hidden", "aria-live": "polite" });
  let timer;
  return {
    element,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => write(element, text), 500);
    },
    dispose: () => clearTimeout(timer),
  };
}

/** A legend. Entries are [colour name, cue, text]; cue is "line", "fill", "hatch" or "dash", the second sign beside colour. */
export const legend = (entries) =>
  h("ul", { class: "seg-legend" }, ...entries.map(([name, cue, text]) =>
    h("li", {}, h("span", { class: "seg-swatch", "data-cue": cue, style: `--swatch: var(--seg-${name})` }), text)));

/** Inline reason why a setting is illegal; empty text hides it. */
export function reason() {
  const element = h("p", { class: "seg-reason", role: "status", hidden: true });
  return {
    element,
    set(text) {
      element.hidden = !text;
      element.textContent = text ?? "";
    },
  };
}

/** The row under every widget: "Copy as PyTorch", "Reset" and a status line. code() gives the text for what is shown. */
export function actions({ code, onreset }) {
  const status = h("span", { class: "seg-status", role: "status" });
  const shown = h("pre", { class: "seg-code", tabindex: 0, "aria-label": "PyTorch code", hidden: true });
  let resting = "";
  let timer;
  const flash = (text) => {
    status.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => (status.textContent = resting), 4000);
  };
  async function copy() {
    shown.textContent = code();
    shown.hidden = false;
    try {
      await navigator.clipboard.writeText(shown.textContent);
      flash("Copied.");
    } catch {
      // no clipboard over plain http or without permission: leave it selected, one key away
      getSelection().selectAllChildren(shown);
      flash("Selected: copy it with Ctrl+C or ⌘C.");
    }
  }
  const reset = () => {
    shown.hidden = true;
    onreset();
    flash("Reset.");
  };
  return {
    element: h("div", {}, h("div", { class: "seg-actions" }, button("Copy as PyTorch", copy), button("Reset", reset), status), shown),
    status(text) {
      if (text === resting) return;
      resting = text;
      clearTimeout(timer);
      status.textContent = text;
    },
    /** Code on view goes stale when a setting changes. */
    stale() {
      if (!shown.hidden) shown.textContent = code();
    },
    dispose: () => clearTimeout(timer),
  };
}

/**
 * The settings as shown. They run ahead of the model's while they are illegal, which the model never is: `put` hands all
 * of them over as soon as `legal()`. What others change (Python, the page's address, another view) is taken over.
 */
export function settings(model, names, { legal, redraw }) {
  const state = {};
  const known = {}; // the model's, as text: only what really changed there is taken over
  const take = (name) => {
    const text = JSON.stringify(model.get(name));
    if (text !== known[name]) [state[name], known[name]] = [model.get(name), text];
  };
  names.forEach(take);
  const follow = () => (names.forEach(take), redraw());
  const events = [...names, "answer"].map((name) => `change:${name}`);
  events.forEach((event) => model.on(event, follow));
  return {
    state,
    put(values) {
      Object.assign(state, values);
      if (legal()) {
        for (const name of names) {
          known[name] = JSON.stringify(state[name]);
          model.set(name, state[name]);
        }
        model.save_changes();
      }
      redraw();
    },
    dispose: () => events.forEach((event) => model.off(event, follow)),
  };
}

const DEAR = 2; // ms of script; on a phone about as much again goes into layout and raster

/**
 * Many changes become one repaint. A cheap one joins the browser's next paint. A dear one, on a slow machine, lets that
 * paint pass: the slider under the finger moves at once, and the pictures follow in the frame after it. With `later` it
 * always does: a large picture that is only shown takes no script, and much to raster.
 */
export function once(paint, { later = false } = {}) {
  let waiting = false;
  let cost = 0;
  const run = () => {
    waiting = false;
    const start = performance.now();
    paint();
    cost = 0.7 * cost + 0.3 * (performance.now() - start);
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (cost < DEAR && !later) queueMicrotask(run);
    else afterPaint(run);
  };
}

/** A task queued in a frame's own callback runs once the frame is painted. */
function afterPaint(task) {
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), task());
    port2.postMessage(null);
  });
}

/** Bytes of a PNG as grey values from 0 to 1, exactly as in the file. */
export async function grayPixels(bytes) {
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return { data: Float32Array.from({ length: width * height }, (_, i) => data[4 * i] / 255), width, height, bitmap };
}

const tiles = new Map();

/** Diagonal lines: the second sign for "not seen", beside its grey. Drawn once as a tile; strokes would cost milliseconds. */
export function hatch(context, x, y, width, height, colour, gap = 6) {
  const scale = context.getTransform().a;
  const side = Math.max(3, Math.round(gap * scale));
  const name = `${side} ${colour}`;
  if (!tiles.has(name)) {
    const tile = new OffscreenCanvas(side, side);
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = scale;
    for (const shift of [-side, 0, side]) {
      pen.moveTo(shift, side);
      pen.lineTo(shift + side, 0);
    }
    pen.stroke();
    tiles.set(name, tile);
  }
  const pattern = context.createPattern(tiles.get(name), "repeat");
  pattern.setTransform(new DOMMatrix([1 / scale, 0, 0, 1 / scale, x, y]));
  context.fillStyle = pattern;
  context.fillRect(x, y, width, height);
}
