// BilinearExplorer: an enlarged pixel, its four neighbours, and their weights as areas.
import { enlarge, GRIDS, layer, METHODS, N, outputSize, pixel, refusal, SCALES, toPyTorch, valueAt, VALUES } from "./core/bilinear.js";
import { actions, announcer, card, h, hatch, legend, once, picture, readouts, reason, select, settings, slider } from "./ui/kit.js";
import { brief, cellAt, cells, frameCells, place } from "./ui/number_grid.js";
import { FAMILY } from "./ui/paint.js";

const SETTINGS = ["scale", "grid", "method", "x", "y"];
const NAMES = ["upper left", "upper right", "lower left", "lower right"];
const ARROWS_TO = ["↖", "↗", "↙", "↘"];
const HIGHEST = Math.max(...VALUES.flat());
const LEAST = 1e-9;
const precise = (value, digits = 3) => String(Number(value.toFixed(digits))).replace("-", "−");
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function render({ model, el }) {
  const redraw = once(paint);
  const why = () => refusal(state.grid, state.method);
  const ours = settings(model, SETTINGS, { legal: () => !why(), redraw });
  const { state, put } = ours;
  const frame = card(el, { label: "Bilinear explorer", redraw });
  const ear = announcer();
  const colour = frame.colour;
  const spots = {};
  let key = "";
  let found = null;
  let now = null; // the chosen pixel

  const size = () => outputSize(state.grid, state.scale);
  const at = () => ({ x: Math.min(state.x, size() - 1), y: Math.min(state.y, size() - 1) });
  const bound = (number) => Math.max(0, Math.min(size() - 1, number));
  const go = ({ x, y }) => put({ x: bound(x), y: bound(y) });

  function work() {
    const wanted = [state.scale, state.grid, state.method].join();
    if (wanted !== key) {
      key = wanted;
      const values = why() ? null : enlarge(state.grid, state.method, state.scale);
      const other = METHODS.find((name) => name !== state.method);
      found = values && { values, other: refusal(state.grid, other) ? null : enlarge(state.grid, other, state.scale) };
    }
    now = found && pixel(state.grid, state.method, state.scale, at().y, at().x);
  }

  // Controls -------------------------------------------------------------------------------------------------------
  const scale = slider({ label: "Enlarge", min: SCALES[0], max: SCALES.at(-1), format: (f) => `${f} ×`, oninput: (value) => put({ scale: value }) });
  const grid = select({ label: "align_corners", options: [], oninput: (value) => put({ grid: value }) });
  const method = select({ label: "Beyond the border", options: [[METHODS[0], "repeated: interpolate"], [METHODS[1], "zeros: transposed conv."]], oninput: (value) => put({ method: value }) });
  const row = slider({ label: "Row", min: 0, max: 15, oninput: (y) => go({ ...at(), y }) });
  const column = slider({ label: "Column", min: 0, max: 15, oninput: (x) => go({ ...at(), x }) });
  const illegal = reason();

  // Pictures -------------------------------------------------------------------------------------------------------
  const onkey = (pressed) => {
    const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[pressed] ?? [0, 0];
    if (!right && !down) return false;
    go({ x: at().x + right, y: at().y + down });
    return true;
  };
  const plane = picture({ label: "The input, with the centres of the output's pixels as dots. Arrow keys move the point.", aspect: 1, caption: "Input: move the point", draw: drawPlane, onkey,
    onpoint({ x, y, kind }) {
      if (kind === "leave" || !now) return;
      const { canvas } = plane;
      const nearest = (share, length, first) => {
        const wanted = (share * length - first) / spots.plane.cell - 1.5;
        let best = 0;
        for (let j = 1; j < size(); j++) if (Math.abs(source(j) - wanted) < Math.abs(source(best) - wanted)) best = j;
        return best;
      };
      const to = { x: nearest(x, canvas.clientWidth, spots.plane.left), y: nearest(y, canvas.clientHeight, spots.plane.top) };
      if (!same(to, at())) go(to);
    } });
  const source = (j) => pixel(state.grid, "interpolate", state.scale, 0, j).x;
  const result = picture({ label: "", aspect: 1, caption: "", draw: drawResult, onkey,
    onpoint(event) {
      const cell = event.kind !== "leave" && cellAt(spots.result, event, result.canvas.clientWidth, result.canvas.clientHeight);
      if (cell && now && !same({ x: cell[1], y: cell[0] }, at())) go({ x: cell[1], y: cell[0] });
    } });
  const areas = picture({ label: "The square between the four neighbours, divided at the point: each rectangle is the weight of the neighbour across from it.", aspect: 1.25, caption: "Each area is the weight of the corner it points to", draw: drawAreas });
  const table = sumTable();
  const numbers = readouts({ point: ["Point", 12], value: ["Value", 8], other: ["Other method", 8], difference: ["Difference", 8] });
  const sentence = h("p", { class: "seg-sentence" });
  const marks = legend([["input", "fill", "input"], ["output", "fill", "output, and where its pixel centres fall"], ["kernel", "fill", "weight"], ["unseen", "hatch", "beyond the border"], ["error", "line", "differs from F.interpolate"]]);
  const foot = actions({
    code: () => (why() ? `# ${why()}\n` : toPyTorch({ ...state, ...at() })),
    onreset: () => put(model.get("defaults")),
  });
  const style = h("style", {}, `
    .seglib .seg-three { display: grid; gap: 0.25rem 1.25rem; margin: 0 0 0.75rem; align-items: end; }
    .seglib .seg-two { display: grid; gap: 0.75rem; grid-template-columns: minmax(0, 1fr); }
    .seglib .seg-two + .seg-two { margin-top: 0.75rem; align-items: center; }
    .seglib .seg-two, .seglib .seg-sentence { contain: layout style; }
    .seglib .seg-sentence { margin: 0.5rem 0 0; min-height: 2.8em; }
    .seglib table.seg-sum { width: 100%; margin: 0; border-collapse: collapse; font-size: inherit; table-layout: fixed; background: none; color: inherit; display: table; }
    .seglib table.seg-sum :is(th, td) { padding: 0.2rem 0.25rem; border: 0; border-bottom: 1px solid var(--seg-line); text-align: right; font-weight: 400; font-size: 0.875rem; white-space: nowrap; background: none; color: inherit; }
    .seglib table.seg-sum :is(th, td):first-child { text-align: left; width: 34%; }
    .seglib table.seg-sum thead th { color: var(--seg-quiet); }
    .seglib table.seg-sum tfoot :is(th, td) { font-weight: 600; border-bottom: 0; }
    @container (min-width: 34rem) {
      .seglib .seg-two { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
      .seglib .seg-three { grid-template-columns: minmax(0, 0.6fr) minmax(0, 1fr) minmax(0, 1fr); }
    }
    @media print { .seglib .seg-three { display: none; } }`);
  frame.root.append(style,
    h("div", { class: "seg-three" }, scale.element, grid.element, method.element),
    illegal.element,
    h("div", { class: "seg-two" }, plane.element, result.element),
    h("div", { class: "seg-two" }, areas.element, table.element),
    h("div", { class: "seg-controls", style: "margin: 0.75rem 0 0" }, row.element, column.element),
    sentence, marks, numbers.element, foot.element, ear.element);

  // Paint ----------------------------------------------------------------------------------------------------------
  function paint() {
    work();
    const m = (name) => `${outputSize(name, state.scale)} × ${outputSize(name, state.scale)}`;
    const names = [`False: ${m(GRIDS[0])} pixels`, `True: ${m(GRIDS[1])} pixels`, `True: ${m(GRIDS[2])} pixels`];
    if (names.join() !== grid.names) grid.fill(GRIDS.map((name, i) => [name, names[i]])), (grid.names = names.join());
    scale.set(state.scale);
    grid.set(state.grid);
    method.set(state.method);
    for (const [control, value] of [[row, at().y], [column, at().x]]) control.range(0, size() - 1), control.set(value);
    illegal.set(why());
    let said = why();
    if (now) {
      said = tell();
      table.set(now);
    } else {
      numbers.set({ point: "", value: "", other: "", difference: "" });
      if (sentence.textContent) sentence.textContent = "";
      table.set(null);
    }
    plane.redraw();
    result.redraw();
    areas.redraw();
    tellLive();
    foot.stale();
    ear.say(said);
  }

  function tell() {
    const { x, y } = at();
    const index = y * size() + x;
    const other = found.other?.[index];
    numbers.set({
      point: `${precise(now.y, 2)}, ${precise(now.x, 2)}`, value: precise(now.value),
      other: other == null ? "none" : precise(other), difference: other == null ? "" : precise(now.value - other),
    });
    const beyond = (v) => v < 0 || v > N - 1;
    const outside = now.neighbours.filter((n) => !n.inside).reduce((sum, n) => sum + n.weight, 0);
    const where = `Output [${y}, ${x}] lies at row ${precise(now.y, 2)} and column ${precise(now.x, 2)} of the input`;
    const text = !(beyond(now.y) || beyond(now.x)) ? `${where}, between the centres of its neighbours: ${now.neighbours.filter((n) => n.weight > LEAST).map((n) => `${precise(n.weight)} · ${n.value}`).join(" + ")} = ${precise(now.value)}.`
      : state.method === "interpolate" ? `${where}, beyond the outermost centres: the border's values are repeated, as if the point were clamped to them.`
        : `${where}, beyond the outermost centres: ${precise(100 * outside, 1)} % of the weight falls on zeros and is lost.`;
    if (sentence.textContent !== text) sentence.textContent = text;
    const { kernel, stride, padding } = layer(state.grid, state.scale);
    result.caption(state.method === "interpolate" ? `Output: F.interpolate, ${size()} × ${size()}` : `Output: kernel ${kernel}, stride ${stride}, padding ${padding}`);
    result.label(`The output, ${size()} by ${size()}. Arrow keys move the pixel.`);
    return text;
  }

  function tellLive() {
    const live = model.get("answer");
    if (!found || !live?.about || !same(live.about, [state.scale, state.grid, state.method])) return foot.status("Answered by this page; no kernel needed.");
    const off = Math.max(...live.output.map((value, i) => Math.abs(value - found.values[i])));
    foot.status(`${live.by} ${off < LEAST ? "gives the same" : "gives other"} ${live.output.length} numbers.`);
  }

  function drawPlane(context, width, height) {
    const spot = (spots.plane = place(width, height, N + 2, N + 2, 90));
    const { left, top, cell } = spot;
    const [px, py] = [(x) => left + (x + 1.5) * cell, (y) => top + (y + 1.5) * cell];
    const aside = state.grid === GRIDS[0] && state.scale % 2 === 0 ? 0.5 : { 2: 0.25, 3: 0.335, 4: 0.37 }[state.scale]; // numbers stand between the dots
    const rim = state.grid === GRIDS[0]; // only then does a pixel reach beyond the border
    cells(context, spot, (r, c) => {
      const inside = r > 0 && c > 0 && r <= N && c <= N;
      const value = valueAt(state.method, r - 1, c - 1);
      if (!inside) return { hatched: true, text: rim ? String(value) : "", faint: true };
      return { tone: "input", share: 0.06 + 0.4 * (value / HIGHEST), text: String(value), bold: true, dx: aside, dy: aside };
    }, colour);
    frameCells(context, spot, [1, 1, N, N], colour("input"), { line: 2 });
    if (!now) return hatch(context, left, top, cell * (N + 2), cell * (N + 2), colour("error"), 12);
    // the square between the four neighbours, divided at the point
    const [x0, y0] = [now.x - now.partX, now.y - now.partY];
    const [sx, sy, ex, ey] = [px(x0), py(y0), px(now.x), py(now.y)];
    now.neighbours.forEach((n, i) => {
      const [right, down] = [i % 2, i >> 1];
      // the rectangle across from the neighbour
      context.fillStyle = colour("kernel");
      context.globalAlpha = 0.15 + 0.5 * n.weight;
      const [rx, ry] = [right ? sx : ex, down ? sy : ey];
      context.fillRect(rx, ry, (right ? now.partX : 1 - now.partX) * cell, (down ? now.partY : 1 - now.partY) * cell);
      context.globalAlpha = 1;
    });
    context.strokeStyle = colour("kernel");
    context.lineWidth = 2;
    context.strokeRect(sx, sy, cell, cell);
    context.beginPath();
    context.moveTo(ex, sy), context.lineTo(ex, sy + cell), context.moveTo(sx, ey), context.lineTo(sx + cell, ey);
    context.lineWidth = 1;
    context.stroke();
    for (const n of now.neighbours)
      if (n.weight > LEAST) frameCells(context, spot, [n.row + 1, n.column + 1, 1, 1], colour("kernel"), { line: 1.5 + 2.5 * n.weight });
    const places = Array.from({ length: size() }, (_, j) => source(j));
    for (const y of places)
      for (const x of places) {
        const beyond = Math.min(x, y) < 0 || Math.max(x, y) > N - 1;
        context.beginPath();
        context.arc(px(x), py(y), Math.max(1.8, cell * 0.045), 0, 7);
        context.lineWidth = 1.5;
        context.strokeStyle = context.fillStyle = colour("output");
        if (beyond) context.stroke();
        else context.fill();
      }
    if (state.method === "interpolate") { // where a point beyond the border is clamped to
      const [cx, cy] = [Math.max(0, Math.min(N - 1, now.x)), Math.max(0, Math.min(N - 1, now.y))];
      if (cx !== now.x || cy !== now.y) {
        context.beginPath();
        context.moveTo(ex, ey), context.lineTo(px(cx), py(cy));
        context.strokeStyle = colour("ink");
        context.lineWidth = 2;
        context.setLineDash([3, 2]);
        context.stroke();
        context.setLineDash([]);
        context.beginPath(), context.arc(px(cx), py(cy), 3.5, 0, 7), (context.fillStyle = colour("ink")), context.fill();
      }
    }
    context.beginPath(), context.arc(ex, ey, 7, 0, 7), (context.fillStyle = colour("output")), context.fill();
    context.lineWidth = 2.5;
    context.strokeStyle = colour("paper");
    context.stroke();
    context.beginPath(), context.arc(ex, ey, 8.5, 0, 7), (context.lineWidth = 1.5), (context.strokeStyle = colour("ink")), context.stroke();
  }

  function drawResult(context, width, height) {
    if (!now) return hatch(context, 0, 0, width, height, colour("error"), 12);
    const m = size();
    const spot = (spots.result = place(width, height, m, m, 90));
    cells(context, spot, (r, c) => {
      const value = found.values[r * m + c];
      return { tone: "output", share: 0.06 + 0.5 * (value / HIGHEST), text: spot.cell > 19 ? String(Number(value.toFixed(1))) : "" };
    }, colour);
    if (found.other && state.method !== "interpolate")
      for (let i = 0; i < m * m; i++)
        if (Math.abs(found.values[i] - found.other[i]) > LEAST) {
          const [x, y] = [spot.left + (i % m) * spot.cell, spot.top + Math.floor(i / m) * spot.cell];
          context.strokeStyle = colour("error");
          context.lineWidth = 1.5;
          context.strokeRect(x + 2, y + 2, spot.cell - 4, spot.cell - 4);
        }
    frameCells(context, spot, [0, 0, m, m], colour("output"), { line: 2 });
    frameCells(context, spot, [at().y, at().x, 1, 1], colour("ink"), { line: 3, paper: colour("paper") });
  }

  function drawAreas(context, width, height) {
    if (!now) return hatch(context, 0, 0, width, height, colour("error"), 12);
    const box = Math.min(38, width * 0.12);
    const side = Math.min(width - 2 * box, height) - 2 * box + box * 0.9;
    const [left, top] = [(width - side) / 2, (height - side) / 2];
    const [ex, ey] = [left + now.partX * side, top + now.partY * side];
    context.textAlign = "center";
    context.textBaseline = "middle";
    now.neighbours.forEach((n, i) => {
      const [right, down] = [i % 2, i >> 1];
      const [x, y] = [right ? left : ex, down ? top : ey];
      const [w, high] = [(right ? now.partX : 1 - now.partX) * side, (down ? now.partY : 1 - now.partY) * side];
      context.globalAlpha = 0.12 + 0.5 * n.weight;
      context.fillStyle = colour("kernel");
      context.fillRect(x, y, w, high);
      context.globalAlpha = 1;
      context.strokeStyle = colour("kernel");
      context.lineWidth = 1.5;
      context.strokeRect(x, y, w, high);
      context.fillStyle = colour("ink");
      const text = `${precise(n.weight)} ${ARROWS_TO[i]}`;
      // the corner's own box covers a part of the rectangle
      const [cx, cy] = [x + w / 2 + (right ? 1 : -1) * box / 4, y + high / 2];
      const font = Math.min(16, high * 0.5, (w - box / 2) / (0.6 * text.length));
      if (font < 7) return;
      context.font = `600 ${font}px ${FAMILY}`;
      context.fillText(text, cx, cy);
    });
    now.neighbours.forEach((n, i) => {
      const [x, y] = [left + (i % 2) * side - box / 2, top + (i >> 1) * side - box / 2];
      context.fillStyle = colour("paper");
      context.fillRect(x, y, box, box);
      if (n.inside) {
        context.globalAlpha = 0.06 + 0.4 * (n.value / HIGHEST);
        context.fillStyle = colour("input");
        context.fillRect(x, y, box, box);
        context.globalAlpha = 1;
      } else hatch(context, x, y, box, box, colour("unseen"), 5);
      context.strokeStyle = n.inside ? colour("input") : colour("unseen");
      context.lineWidth = 2;
      context.strokeRect(x, y, box, box);
      context.fillStyle = colour("ink");
      context.font = `600 ${Math.min(17, box * 0.45)}px ${FAMILY}`;
      context.fillText(String(n.value), x + box / 2, y + box / 2 + 0.5);
    });
    context.beginPath(), context.arc(ex, ey, 7, 0, 7), (context.fillStyle = colour("output")), context.fill();
    context.lineWidth = 2;
    context.strokeStyle = colour("ink");
    context.stroke();
  }

  redraw();
  return () => [ours, plane, result, areas, foot, ear, frame].forEach((part) => part.dispose());
}

/** Four rows of weight times value, and their sum. */
function sumTable() {
  const cell = (tag = "td", attributes = {}) => h(tag, attributes, " ");
  const lines = NAMES.map((name) => [h("th", { scope: "row" }, name), cell(), cell(), cell()]);
  const total = cell("td", { "data-sum": true });
  const weights = cell();
  const write = (element, text) => element.firstChild.data !== text && (element.firstChild.data = text);
  return {
    element: h("table", { class: "seg-sum dataframe" },
      h("thead", {}, h("tr", {}, ...["neighbour", "weight", "value", "product"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...lines.map((line) => h("tr", {}, ...line))),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "sum"), weights, cell(), total))),
    set(now) {
      lines.forEach(([, ...three], i) => {
        const n = now?.neighbours[i];
        const texts = n ? [precise(n.weight, 4), n.inside ? brief(n.value) : `(${brief(n.value)})`, precise(n.weight * n.value, 4)] : ["", "", ""];
        three.forEach((one, j) => write(one, texts[j]));
      });
      write(weights, now ? precise(now.neighbours.reduce((sum, n) => sum + n.weight, 0), 4) : "");
      write(total, now ? precise(now.value, 4) : "");
    },
  };
}

export default { render };
