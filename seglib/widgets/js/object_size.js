// ObjectSizeExplorer: one object, its size on a slider, and what three networks make of it.
import { MARK, compare, cover, glass, nearest, outline, place, runs, toPyTorch } from "./core/object_size.js";
import { actions, announcer, button, card, h, legend, once, picture, reason, slider } from "./ui/kit.js";
import { FAMILY } from "./ui/paint.js";

const SETTINGS = ["kind", "radius", "instance"];
const GLYPHS = { disc: "●", square: "■", triangle: "▲", cross: "✚" };
const FONT = `12px ${FAMILY}`;
// 32s, 16s, 8s: purple is prediction; a mark and dashes tell them apart too
const LINES = [["square", [2, 3]], ["diamond", [7, 4]], ["disc", []]];
const TONES = { light: ["#c47aa6", "#a8437b", "#6b2450"], dark: ["#b06a94", "#d593b8", "#f3cfe2"] };
const ERRORS = [[MARK.missed, "hatch"], [MARK.misnamed, "cross"], [MARK.false, "dots"]];
const percent = (share) => `${Math.round(100 * share)} %`;

async function render({ model, el }) {
  const { size: side, radii, kinds, networks, step, largest, seed: firstSeed, most } = model.get("about");
  const [names, scenes, curves] = [Object.keys(networks), model.get("places"), model.get("curves")];
  const live = model.get("answer") !== undefined; // what only a kernel fills is left out of the page
  const get = (name) => model.get(name);
  const put = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const redraw = once(paint);
  const frame = card(el, { label: "Object size explorer", redraw: () => ((shown.key = ""), redraw()) });
  const ear = announcer();

  // Pictures -------------------------------------------------------------------------------------------------------
  const surface = () => new OffscreenCanvas(side, side);
  const pen = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
  const decode = (bytes) => createImageBitmap(new Blob([bytes], { type: "image/webp" }), { colorSpaceConversion: "none" });
  const pixelsOf = (bitmap) => {
    const context = pen(surface());
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, side, side).data;
  };
  const pack = model.get("pack");
  const packed = ([from, to]) => new DataView(pack.buffer, pack.byteOffset + from, to - from);
  const loaded = new Map();
  /** The pictures of a scene, from the page or from the kernel; undefined while they are on their way. */
  function sceneOf(instance) {
    if (loaded.has(instance)) return loaded.get(instance);
    const given = scenes[instance];
    const extra = get("extra");
    const source = given ? { ...given, parts: ["background", "paint", "labels"].map((name) => packed(given[name])) }
      : extra?.instance === instance ? { ...extra, parts: [extra.background, extra.paint] } : null;
    if (!source) return undefined;
    loaded.set(instance, undefined);
    Promise.all(source.parts.map(decode)).then(([background, paint, labels]) => {
      loaded.set(instance, { x: source.x, y: source.y, angle: source.angle, background: pixelsOf(background), paint: pixelsOf(paint), labels });
      redraw();
    });
    return undefined;
  }
  const reader = pen(new OffscreenCanvas(side, side * names.length));
  /** Labels of all networks that came with the page: one column of the picture a shape, one below the other by size. */
  function stored({ labels }, kind, radius) {
    if (!labels) return null;
    const height = side * names.length;
    reader.drawImage(labels, side * kinds.indexOf(kind), height * radii.indexOf(radius), side, height, 0, 0, side, height);
    const { data } = reader.getImageData(0, 0, side, height);
    const found = new Uint8Array(side * height);
    for (let i = 0; i < found.length; i++) found[i] = (data[4 * i] + step / 2) / step;
    return found;
  }

  // The page -------------------------------------------------------------------------------------------------------
  const kindButtons = kinds.map((kind) =>
    button(h("span", {}, h("span", { "aria-hidden": "true" }, `${GLYPHS[kind]} `), kind), () => put({ kind }), { "data-kind": kind }));
  const radius = slider({ label: "Radius", min: 0, max: radii.length - 1, format: (i) => `${radii[i]} px`, oninput: (i) => put({ radius: radii[i] }) });
  const another = button("Another scene", () => put({ instance: (known() + 1) % (live ? most : scenes.length) }));

  const shown = { key: "", truth: null, edges: null, image: surface(), found: null, panes: names.map(surface) };
  const pane = (id, draw) => {
    const [title, value, detail] = ["span", "span", "p"].map((tag) => h(tag, { "data-readout": tag === "p" ? `${id}-detail` : null }));
    value.setAttribute("data-readout", id);
    const view = picture({ label: "", aspect: 1, draw });
    view.element.append(h("figcaption", {}, h("p", { class: "seg-pane" }, title, value), detail));
    return { view, title, value, detail, element: view.element };
  };
  const text = (element, words) => element.textContent !== words && (element.textContent = words);
  const scenePane = pane("picture", (context, width) => shown.truth && drawScene(context, width));
  const truthPane = pane("truth", (context, width) => shown.truth && drawTruth(context, width));
  const panes = names.map((name, n) => pane(name, (context, width) => shown.truth && drawPrediction(context, width, n)));
  text(scenePane.title, "Picture");
  text(truthPane.title, "Truth");
  names.forEach((name, n) => text(panes[n].title, networks[name]));

  const chart = picture({
    label: "", aspect: 2.4, draw: drawChart,
    onpoint: ({ x, kind }) => kind === "drag" && put({ radius: radii[nearest(shareAt(x), radii)] }),
    onkey(key) {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -3, PageUp: 3, Home: -99, End: 99 };
      if (!(key in steps)) return false;
      put({ radius: radii[Math.max(0, Math.min(radii.length - 1, radii.indexOf(get("radius")) + steps[key]))] });
      return true;
    },
    caption: "",
  });
  const note = reason();
  const foot = actions({
    code: () => {
      const { x, y, angle } = shown.scene;
      return toPyTorch({ kind: get("kind"), radius: get("radius"), x, y, angle, seed: firstSeed + shown.instance, size: side, networks: names });
    },
    onreset: () => put(model.get("defaults")),
  });
  const style = h("style", {}, `
    .seglib .seg-kinds { display: flex; flex: 2 1 16rem; }
    .seglib .seg-kinds button { flex: 1 1 auto; border-radius: 0; margin-left: -1px; padding-inline: 0.375rem; white-space: nowrap; }
    .seglib .seg-kinds button:first-child { border-radius: 0.375rem 0 0 0.375rem; margin-left: 0; }
    .seglib .seg-kinds button:last-child { border-radius: 0 0.375rem 0.375rem 0; }
    .seglib .seg-panes { display: grid; gap: 0.75rem 0.5rem; grid-template-columns: repeat(6, minmax(0, 1fr)); }
    .seglib .seg-panes > * { grid-column: span 2; }
    .seglib .seg-panes > .seg-half { grid-column: span 3; }
    .seglib .seg-panes > .seg-chart { grid-column: span 6; }
    .seglib .seg-panes canvas { border-radius: 0.125rem; }
    .seglib .seg-panes figcaption p { margin: 0; }
    .seglib .seg-panes .seg-pane { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 0.5rem; color: var(--seg-ink); font-weight: 600; }
    .seglib .seg-chart canvas { background: none; }
    .seglib .seg-swatch[data-cue="dots"] { border-width: 1px; background: radial-gradient(var(--swatch) 1.5px, transparent 2px) 0 0 / 5px 5px; }
    .seglib .seg-swatch[data-cue="cross"] { border-width: 1px; background: repeating-linear-gradient(45deg, var(--swatch) 0 1.5px, transparent 1.5px 4px), repeating-linear-gradient(-45deg, var(--swatch) 0 1.5px, transparent 1.5px 4px); }
    @container (min-width: 34rem) {
      .seglib .seg-panes { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.75rem; }
      .seglib .seg-panes > .seg-half, .seglib .seg-panes > * { grid-column: span 1; }
      .seglib .seg-panes > .seg-chart { grid-column: 2 / span 3; grid-row: 1; }
    }`);
  chart.element.className = "seg-chart";
  scenePane.element.className = truthPane.element.className = "seg-half";
  frame.root.append(style,
    h("div", { class: "seg-controls" }, h("div", { class: "seg-kinds", role: "group", "aria-label": "Shape" }, ...kindButtons), radius.element, another),
    note.element,
    h("div", { class: "seg-panes" }, scenePane.element, truthPane.element, ...panes.map((one) => one.element), chart.element),
    legend([["prediction", "fill", "purple: the network names a shape"], ["error", "hatch", "missed"], ["error", "dots", "false: named outside the object"],
      ["error", "cross", "called another shape"], ["ink", "line", "true outline"]]),
    foot.element, ear.element);

  // Work and paint -------------------------------------------------------------------------------------------------
  const known = () => (scenes[get("instance")] || live ? get("instance") : 0);
  const answered = (instance) => {
    const answer = get("answer");
    return JSON.stringify(answer?.about) === JSON.stringify([get("kind"), get("radius"), instance]) ? answer : null;
  };

  function work() {
    const instance = known();
    note.set(instance === get("instance") ? "" : `Scene ${get("instance") + 1} needs a kernel: open this page as a notebook. Here is scene 1.`);
    const scene = sceneOf(instance);
    if (!scene) return false;
    const [kind, r, answer] = [get("kind"), get("radius"), answered(instance)];
    const key = JSON.stringify([kind, r, instance, answer?.milliseconds, frame.root.dataset.dark]);
    if (key === shown.key) return true;
    const label = kinds.indexOf(kind) + 1;
    const { truth, share } = cover({ kind, radius: r, ...scene }, side, label);
    const labels = answer ? new Uint8Array(answer.labels.buffer, answer.labels.byteOffset, answer.labels.byteLength) : stored(scene, kind, r);
    const found = labels && names.map((_, n) => {
      const result = compare(labels.subarray(n * side * side, (n + 1) * side * side), truth, label);
      return { ...result, errors: ERRORS.map(([mark, pattern]) => [pattern, runs(result.marks, mark, side)]) };
    });
    Object.assign(shown, { key, scene, view: glass(r, scene, side), instance, truth, label, found, answer, edges: path(outline(truth, side)), object: runs(truth, label, side) });
    compose(scene, share);
    return true;
  }

  function path(edges) {
    const lines = new Path2D();
    for (const [x1, y1, x2, y2] of edges) {
      lines.moveTo(x1, y1);
      lines.lineTo(x2, y2);
    }
    return lines;
  }

  /** The scene as the network saw it, and its pale copies with purple where a network names a shape. */
  function compose({ background, paint: over }, share) {
    const paper = 0.7 * (frame.root.dataset.dark === "true" ? 48 : 255);
    const image = new ImageData(side, side);
    const painted = names.map(() => new ImageData(side, side));
    const words = painted.map(({ data }) => new Uint32Array(data.buffer));
    for (let i = 0, at = 0; i < share.length; i++, at += 4) {
      const part = share[i];
      const r = background[at] + part * (over[at] - background[at]);
      const g = background[at + 1] + part * (over[at + 1] - background[at + 1]);
      const b = background[at + 2] + part * (over[at + 2] - background[at + 2]);
      image.data[at] = r;
      image.data[at + 1] = g;
      image.data[at + 2] = b;
      image.data[at + 3] = 255;
      const pale = (0.3 * (0.299 * r + 0.587 * g + 0.114 * b) + paper) | 0;
      const quarter = pale >> 2; // and three quarters of purple, 204 121 167
      for (let n = 0; n < names.length; n++) {
        const mark = shown.found ? shown.found[n].marks[i] : MARK.none;
        words[n][i] = mark === MARK.none || mark === MARK.missed ? 0xff000000 | (pale * 0x010101) : 0xff000000 | ((125 + quarter) << 16) | ((91 + quarter) << 8) | (153 + quarter);
      }
    }
    pen(shown.image).putImageData(image, 0, 0);
    painted.forEach((pixels, n) => pen(shown.panes[n]).putImageData(pixels, 0, 0));
  }

  function paint() {
    const [kind, r] = [get("kind"), get("radius")];
    kindButtons.forEach((one) => one.setAttribute("aria-pressed", one.dataset.kind === kind));
    radius.set(radii.indexOf(r));
    const there = work();
    if (live) ask();
    if (!there) return;
    const { found, truth, instance, answer } = shown;
    const pixels = truth.reduce((sum, value) => sum + (value > 0), 0);
    text(scenePane.value, `scene ${instance + 1}`);
    text(scenePane.detail, `the object covers ${pixels < 0.0095 * truth.length ? `${pixels} pixels` : percent(pixels / truth.length)}`);
    text(truthPane.value, kind);
    const { zoom } = shown.view;
    text(truthPane.detail, r > largest ? "larger than in training" : zoom > 1 ? `framed part, ${zoom}×` : `radius ${r} px`);
    const told = names.map((name, n) => tell(name, n, found?.[n]));
    scenePane.view.label(`The scene: a ${kind} of radius ${r} pixels.`);
    truthPane.view.label(`The true labels: a ${kind} of ${pixels} pixels.`);
    chart.label(`IoU by size for the shape ${kind}. ${means(kind, r)} Arrow keys change the size.`);
    chart.caption(`IoU of a ${kind} by its radius: mean of ${scenes.length} scenes, band: one standard deviation. Rings: the scene shown.`);
    [scenePane.view, truthPane.view, ...panes.map((one) => one.view), chart].forEach((view) => view.redraw());
    foot.status(!live ? "Answers computed beforehand by PyTorch; no kernel needed."
      : answer ? `Answered by ${answer.by} in ${answer.milliseconds} ms, all three networks.` : "The networks are running…");
    foot.stale();
    ear.say(`Radius ${r} pixels, ${kind}. ${told.join(" ")}`);
  }

  const means = (kind, r) => names.map((name, n) => `${networks[name]} ${curves[kind].mean[n][radii.indexOf(r)].toFixed(2)}`).join(", ") + ".";

  function tell(name, n, result) {
    const { value, detail, view } = panes[n];
    if (!result) {
      text(value, "…");
      text(detail, "the network is running");
      return "";
    }
    const { iou, called, pixels, right, outside } = result;
    const others = kinds.filter((_, k) => k + 1 !== shown.label && called[k + 1] >= 0.005 * pixels).map((other) => [other, called[kinds.indexOf(other) + 1]]);
    const parts = [`${percent(right / pixels)} found`, ...others.map(([other, count]) => `${percent(count / pixels)} called ${other}`)];
    if (outside) parts.push(`${outside} px false`);
    text(value, `IoU ${iou.toFixed(2)}`);
    text(detail, parts.join(", "));
    view.label(`${networks[name]}: IoU ${iou.toFixed(2)}; ${parts.join(", ")}.`);
    return `${networks[name]}: IoU ${iou.toFixed(2)}.`;
  }

  /** Draws in pixels of the scene, of which a part is in view. */
  function within(context, width, { left, top, length }, work) {
    context.save();
    context.scale(width / length, width / length);
    context.translate(-left, -top);
    context.imageSmoothingEnabled = false;
    work((line) => (line * length) / width);
    context.restore();
  }

  const whole = { left: 0, top: 0, length: side };
  const haloed = (context, thin, draw) => {
    for (const [line, colour] of [[3, frame.colour("paper")], [1.25, frame.colour("ink")]]) {
      context.lineWidth = thin(line);
      context.lineCap = "square";
      context.strokeStyle = colour;
      draw();
    }
  };

  function drawScene(context, width) {
    within(context, width, whole, (thin) => {
      context.drawImage(shown.image, 0, 0);
      const { left, top, length, zoom } = shown.view;
      if (zoom > 1) haloed(context, thin, () => context.strokeRect(left, top, length, length));
    });
  }

  const fill = (context, list) => {
    context.beginPath();
    for (const [x, y, length] of list) context.rect(x, y, length, 1);
    context.fill();
  };

  function drawTruth(context, width) {
    context.fillStyle = frame.colour("tint");
    context.fillRect(0, 0, width, width);
    context.fillStyle = frame.colour("ink");
    within(context, width, shown.view, () => fill(context, shown.object));
  }

  function drawPrediction(context, width, n) {
    within(context, width, shown.view, (thin) => {
      context.drawImage(shown.panes[n], 0, 0);
      for (const [pattern, where] of shown.found?.[n].errors ?? []) {
        context.fillStyle = texture(context, pattern);
        fill(context, where);
      }
      haloed(context, thin, () => context.stroke(shown.edges));
    });
  }

  const tiles = new Map();
  /** The patterns of the three errors, drawn once as tiles. */
  function texture(context, name) {
    const { a, e, f } = context.getTransform();
    const scale = devicePixelRatio || 1;
    const length = Math.round(6 * scale);
    const key = `${name} ${length}`;
    if (!tiles.has(key)) {
      const tile = new OffscreenCanvas(length, length);
      const brush = tile.getContext("2d");
      brush.strokeStyle = brush.fillStyle = "#d55e00";
      brush.lineWidth = 1.6 * scale;
      for (const shift of name === "dots" ? [] : [-length, 0, length]) {
        brush.moveTo(shift, length);
        brush.lineTo(shift + length, 0);
        if (name !== "cross") continue;
        brush.moveTo(shift, 0);
        brush.lineTo(shift + length, length);
      }
      if (name === "dots") brush.arc(length / 2, length / 2, length / 3.4, 0, 7);
      if (name === "dots") brush.fill();
      else brush.stroke();
      tiles.set(key, tile);
    }
    const pattern = context.createPattern(tiles.get(key), "repeat");
    pattern.setTransform(new DOMMatrix([1 / a, 0, 0, 1 / a, -e / a, -f / a])); // the same size at every zoom
    return pattern;
  }

  // The curves -----------------------------------------------------------------------------------------------------
  const RIM = { left: 30, right: 14, top: 22, bottom: 34 };
  let chartWidth = 1;
  const shareAt = (x) => (x * chartWidth - RIM.left) / (chartWidth - RIM.left - RIM.right);

  function drawChart(context, width, height) {
    const wanted = width < 420 ? 1.6 : 2.4;
    if (Math.abs(width / height - wanted) > 0.05) return chart.shape(wanted);
    chartWidth = width;
    const [kind, index] = [get("kind"), radii.indexOf(get("radius"))];
    const { mean, spread } = curves[kind];
    const x = (r) => RIM.left + place(r, radii) * (width - RIM.left - RIM.right);
    const y = (value) => RIM.top + (1 - value) * (height - RIM.top - RIM.bottom);
    const clipped = (value) => Math.max(0, Math.min(1, value));
    const write = (words, px, py, align, colour = "quiet") => {
      context.font = FONT;
      context.textAlign = align;
      context.fillStyle = frame.colour(colour);
      context.fillText(words, px, py);
    };
    context.textBaseline = "middle";
    context.fillStyle = frame.colour("tint");
    context.fillRect(x(largest), y(1), x(radii.at(-1)) - x(largest), y(0) - y(1));
    context.lineWidth = 1;
    context.strokeStyle = frame.colour("line");
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      context.beginPath();
      context.moveTo(x(radii[0]), y(value));
      context.lineTo(x(radii.at(-1)), y(value));
      context.stroke();
      if (value * 2 === Math.round(value * 2)) write(String(value), RIM.left - 8, y(value), "right");
    }
    for (const r of [2, 4, 8, 16, 32, 64, 128]) write(String(r), x(r), y(0) + 12, "center");
    write("radius in px", (x(radii[0]) + x(radii.at(-1))) / 2, y(0) + 27, "center");
    write("larger than in training ▾", x(radii.at(-1)), y(1) - 12, "right");
    context.strokeStyle = frame.colour("ink");
    context.beginPath();
    context.moveTo(x(radii[index]), y(0));
    context.lineTo(x(radii[index]), y(1));
    context.stroke();
    const tones = TONES[frame.root.dataset.dark === "true" ? "dark" : "light"];
    LINES.forEach(([mark, dash], n) => {
      context.fillStyle = context.strokeStyle = tones[n];
      context.globalAlpha = 0.15;
      context.beginPath();
      radii.forEach((r, i) => context.lineTo(x(r), y(clipped(mean[n][i] + spread[n][i]))));
      [...radii].reverse().forEach((r, i) => context.lineTo(x(r), y(clipped(mean[n].at(-1 - i) - spread[n].at(-1 - i)))));
      context.fill();
      context.globalAlpha = 1;
      context.lineWidth = 2;
      context.setLineDash(dash);
      context.beginPath();
      radii.forEach((r, i) => context.lineTo(x(r), y(mean[n][i])));
      context.stroke();
      context.setLineDash([]);
      radii.forEach((r, i) => dot(context, mark, x(r), y(mean[n][i]), 2.6));
    });
    // every network is good at middling sizes: room for the names below
    [...names.keys()].reverse().forEach((n, row) => {
      const [px, py] = [x(22), y(0) - 46 + 17 * row];
      context.fillStyle = context.strokeStyle = tones[n];
      context.lineWidth = 2;
      context.setLineDash(LINES[n][1]);
      context.beginPath();
      context.moveTo(px, py);
      context.lineTo(px + 26, py);
      context.stroke();
      context.setLineDash([]);
      dot(context, LINES[n][0], px + 13, py, 3);
      write(networks[names[n]], px + 32, py, "left", "ink");
    });
    if (shown.found)
      names.forEach((name, n) => {
        ring(context, x(radii[index]), y(shown.found[n].iou), 6.5, frame.colour("paper"), 4);
        ring(context, x(radii[index]), y(shown.found[n].iou), 6.5, tones[n], 2);
      });
  }

  function ring(context, x, y, r, colour, line) {
    context.beginPath();
    context.arc(x, y, r, 0, 7);
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.stroke();
  }

  function dot(context, mark, x, y, r) {
    context.beginPath();
    if (mark === "disc") context.arc(x, y, r, 0, 7);
    else if (mark === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
    else for (const [dx, dy] of [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]]) context.lineTo(x + dx * r, y + dy * r);
    context.fill();
  }

  // A kernel answers one question at a time ------------------------------------------------------------------------
  let asked = "";
  let waiting;
  function ask() {
    const instance = get("instance");
    const question = JSON.stringify([get("kind"), get("radius"), instance]);
    if (asked === JSON.stringify(get("answer")?.about)) asked = "";
    if (asked || answered(instance)) return;
    asked = question;
    model.send("predict");
    clearTimeout(waiting);
    waiting = setTimeout(() => ((asked = ""), redraw()), 10_000); // a kernel that was restarted never answers
  }

  const watched = [...SETTINGS, "answer", "extra"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    watched.forEach((event) => model.off(event, redraw));
    clearTimeout(waiting);
    [...panes, scenePane, truthPane].forEach((one) => one.view.dispose());
    [chart, foot, ear, frame].forEach((part) => part.dispose());
  };
}

export default { render };
