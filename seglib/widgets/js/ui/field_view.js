// The picture of ReceptiveFieldExplorer: layers as rows of units above the photograph, all on one horizontal scale, so
// that every unit stands over the pixels it looks at.
import { THRESHOLD, peak } from "../core/stack.js";
import { hatch } from "./kit.js";

const TITLE = 20; // CSS pixels: the line of column heads
const STAGE = 5; // extra room above a pool, where a new resolution begins
const ROOMY = 520; // from here on there is room for each layer's kernel beside its name
const RIM = 10; // around the photograph, so that a field that leaves it can be seen to
const SHADES = 12;

/**
 * Where everything lies. `stack` has all layers, also those that cannot be built; `layers` the geometry of the others.
 * `textWidth` measures a name. Lengths in CSS pixels; x() and y() take pixels of the photograph, pixel 0 being [0, 1).
 */
export function layout(width, { stack, layers, inputSize: [photoHeight, photoWidth] }, textWidth) {
  const roomy = width >= ROOMY;
  const names = Math.max(...stack.map(({ name }) => textWidth(name)), textWidth("row 000 ▸")) + 8;
  const left = names + (roomy ? 58 : 0);
  const right = roomy ? 42 : 34;
  const pitch = stack.length > 24 ? 12 : 15;
  // a row is as long as its map: with padding longer than the photograph, without shorter
  const rims = layers.map(({ start, jump, size }) => [start - jump / 2 + 0.5, start + (size[1] - 0.5) * jump + 0.5]);
  const from = Math.min(0, ...rims.map(([low]) => low));
  const to = Math.max(photoWidth, ...rims.map(([, high]) => high));
  const scale = (width - left - right) / (to - from);

  let top = TITLE;
  const rows = [];
  for (let i = stack.length - 1; i >= 0; i--) {
    rows[i] = { top, bar: pitch - 5 };
    top += pitch + (i > 0 && stack[i - 1].kind !== "conv" ? STAGE : 0);
  }
  const strip = { top: top + 2, bar: 12 };
  // the zeros that the first layer puts around the photograph, where they are many enough to be drawn
  const margin = layers[0]?.pad > 8 ? layers[0].pad * scale : 0;
  const photoTop = strip.top + strip.bar + RIM + margin;
  const [roomTop, roomBottom] = [strip.top + strip.bar + 2, photoTop + photoHeight * scale + margin + RIM];
  return {
    width, height: roomBottom, roomy, names, left, right, pitch, scale, rows, strip, margin,
    x: (pixel) => left + (pixel - from) * scale,
    y: (pixel) => photoTop + pixel * scale,
    room: [left - 1, roomTop, width - left - right + 2, roomBottom - roomTop],
    pixelAt: (px) => (px - left) / scale + from,
    lineAt: (py) => (py - photoTop) / scale,
    /** The layer whose row is under a height; -1 for the input and the photograph. */
    rowAt: (py) => (py >= strip.top - 2 ? -1 : Math.max(0, rows.findIndex((row) => py >= row.top - 3))),
  };
}

/** A layer's settings in few letters. */
const brief = ({ kernel, stride = 1, dilation = 1 }) => `${kernel}×${kernel}${stride > 1 ? ` ÷${stride}` : ""}${dilation > 1 ? ` r${dilation}` : ""}`;

function write(context, text, x, y, align, colour) {
  context.textAlign = align;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** The units of one layer, each with a shade from 0 (not drawn) to SHADES. Neighbours too thin to tell apart share a rectangle. */
function units(context, { x, scale }, { start, jump, size }, { top, bar }, shade) {
  const step = jump * scale;
  const gap = step >= 5 ? 1 : 0;
  for (let unit = 0; unit < size[1]; ) {
    const now = shade(unit);
    let end = unit + 1;
    if (!gap) while (end < size[1] && shade(end) === now) end++;
    if (now > 0) {
      context.globalAlpha = now / SHADES;
      context.fillRect(x(start + (unit - 0.5) * jump + 0.5), top, Math.max(1, (end - unit) * step - gap), bar);
    }
    unit = end;
  }
  context.globalAlpha = 1;
}

/** What stays while the reader moves about one stack: names, all units in a quiet tone, the margin. */
export function drawStill(context, place, { stack, layers, inputSize: [photoHeight, photoWidth] }, colour, font) {
  const { x, y, rows, strip, width, left, right, names, roomy, margin, scale } = place;
  const quiet = colour("quiet");
  context.font = font;
  context.textBaseline = "middle";
  write(context, "layer", 0, TITLE / 2 - 1, "left", quiet);
  if (roomy) write(context, "kernel", names, TITLE / 2 - 1, "left", quiet);
  write(context, roomy ? "units, each over the pixels it looks at" : "units", left + (width - left - right) / 2, TITLE / 2 - 1, "center", quiet);
  write(context, "field", width, TITLE / 2 - 1, "right", quiet);
  stack.forEach((layer, i) => {
    const { top, bar } = rows[i];
    const known = layers[i];
    const ink = known ? quiet : colour("error-ink");
    write(context, layer.name, 0, top + bar / 2, "left", ink);
    if (roomy) write(context, brief(layer), names, top + bar / 2, "left", ink);
    write(context, known ? String(known.field) : "✕", width, top + bar / 2, "right", ink);
    if (known) {
      context.fillStyle = colour("line");
      units(context, place, known, rows[i], () => (layer.kind === "conv" ? SHADES * 0.6 : SHADES));
    } else {
      hatch(context, left, top, width - left - right, bar, colour("error"), 5);
    }
  });
  write(context, "input", 0, strip.top + strip.bar / 2, "left", quiet);
  write(context, "1", width, strip.top + strip.bar / 2, "right", quiet);
  if (margin) {
    const frame = [x(0) - margin, y(0) - margin, photoWidth * scale + 2 * margin, photoHeight * scale + 2 * margin];
    hatch(context, ...frame, colour("line"), 6);
    context.strokeStyle = colour("line");
    context.strokeRect(...frame);
  }
}

/** What follows the chosen unit: its cone, the input's row, the photograph. */
export function drawChosen(context, place, scene, colour, font) {
  const { layers, index, unit, counts, view, photo, composed, inputSize: [photoHeight, photoWidth] } = scene;
  const { x, y, scale, rows, strip, width, names, roomy } = place;
  const layer = layers[index];
  context.textBaseline = "middle";

  if (layer) {
    context.fillStyle = colour("kernel");
    for (let i = 0; i < index; i++) {
      const level = counts.x[i + 1];
      const top = peak(level);
      // a shade follows the root of the ways, as the gradient does; what is connected at all stays visible
      const shade = view === "theoretical"
        ? (u) => (level[u] > 0 ? SHADES : 0)
        : (u) => (level[u] > 0 ? Math.round(SHADES * Math.max(view === "both" ? 0.3 : 0, Math.sqrt(level[u] / top))) : 0);
      units(context, place, layers[i], rows[i], shade);
    }
    const { top, bar } = rows[index];
    context.fillStyle = colour("tint");
    context.fillRect(0, top - 3, names + (roomy ? 56 : 0), bar + 6);
    context.fillRect(width - place.right + 4, top - 3, place.right - 4, bar + 6);
    context.font = `bold ${font}`;
    write(context, layer.name, 0, top + bar / 2, "left", colour("ink"));
    if (roomy) write(context, brief(scene.stack[index]), names, top + bar / 2, "left", colour("ink"));
    write(context, String(layer.field), width, top + bar / 2, "right", colour("ink"));
    const centre = x(layer.start + unit.x * layer.jump + 0.5);
    const wide = Math.max(5, layer.jump * scale - 1);
    context.fillStyle = colour("output");
    context.fillRect(centre - wide / 2, top - 1, wide, bar + 2);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    context.strokeRect(centre - wide / 2 - 1, top - 2, wide + 2, bar + 4);
  }
  drawStrip(context, place, scene, colour, font);
  context.imageSmoothingEnabled = true;
  context.drawImage(composed, x(0), y(0), photoWidth * scale, photoHeight * scale);
  if (layer) drawField(context, place, scene, colour, font);
  return photo;
}

/** The photograph's own row that the chosen unit stands on, with the pixels it sees underlined. */
function drawStrip(context, place, { layers, index, unit, counts, photo, inputSize: [photoHeight, photoWidth] }, colour, font) {
  const { x, y, scale, strip, names } = place;
  const layer = layers[index];
  const row = layer ? Math.round(layer.start + unit.y * layer.jump) : photoHeight >> 1;
  const inside = row >= 0 && row < photoHeight;
  if (inside) {
    context.imageSmoothingEnabled = false;
    context.drawImage(photo.bitmap, 0, row, photoWidth, 1, x(0), strip.top, photoWidth * scale, strip.bar);
  } else hatch(context, x(0), strip.top, photoWidth * scale, strip.bar, colour("unseen"), 5);
  if (!layer) return;
  const pixels = { start: 0, jump: 1, size: [1, photoWidth] };
  const level = counts.x[0];
  context.fillStyle = colour("paper");
  units(context, place, pixels, strip, (u) => (level[u] > 0 ? 0 : SHADES * 0.72));
  context.fillStyle = colour("input");
  units(context, place, pixels, { top: strip.top + strip.bar - 1, bar: 3 }, (u) => (level[u] > 0 ? SHADES : 0));
  context.font = font;
  if (inside) write(context, `row ${row} ▸`, x(0) - 4 - place.margin > names - 6 ? names - 8 : x(0) - 4, y(row + 0.5), "right", colour("quiet"));
}

function drawField(context, place, scene, colour, font) {
  const { view, counts, box: [top, left, bottom, right], inputSize: [photoHeight, photoWidth], layers, index, unit } = scene;
  const { x, y, scale, strip, room } = place;
  const photo = [x(0), y(0), photoWidth * scale, photoHeight * scale];
  const outline = [x(left), y(top), (right - left) * scale, (bottom - top) * scale];

  context.save();
  context.beginPath();
  context.rect(...room);
  context.clip();
  if (view !== "effective") {
    // from the seen pixels of the row down to the box
    context.strokeStyle = colour("input");
    context.lineWidth = 1;
    context.setLineDash([2, 2]);
    context.beginPath();
    for (const edge of [left, right]) {
      context.moveTo(x(edge), strip.top + strip.bar);
      context.lineTo(x(edge), Math.max(y(top), y(0)));
    }
    context.stroke();
    frame(context, outline, colour("input"), [5, 4]);
  }
  context.beginPath();
  context.rect(...photo);
  context.clip();
  context.setLineDash([]);
  if (view !== "effective") frame(context, outline, colour("input"), [], 2.5);
  if (view !== "theoretical") {
    const path = effectiveOutline(counts, x, y);
    for (const [line, paint, dash] of [[3.5, "rgb(255 255 255 / 0.85)", []], [2, colour("prediction"), [6, 3]]]) {
      context.setLineDash(dash);
      context.lineWidth = line;
      context.strokeStyle = paint;
      context.stroke(path);
    }
    context.setLineDash([]);
  }
  context.restore();

  const layer = layers[index];
  const [cx, cy] = [x(layer.start + unit.x * layer.jump + 0.5), y(layer.start + unit.y * layer.jump + 0.5)];
  context.fillStyle = "#fff";
  context.fillRect(cx - 4.5, cy - 4.5, 9, 9);
  context.fillStyle = colour("output");
  context.fillRect(cx - 3, cy - 3, 6, 6);

  if (view === "effective") return;
  // how far the field goes on where there is no room to draw it
  context.font = font;
  const [roomLeft, roomTop, roomWidth, roomHeight] = room;
  const middle = { x: (Math.max(outline[0], photo[0]) + Math.min(outline[0] + outline[2], photo[0] + photo[2])) / 2 };
  middle.y = (Math.max(outline[1], photo[1]) + Math.min(outline[1] + outline[3], photo[1] + photo[3])) / 2;
  const [photoRight, photoBottom] = [photo[0] + photo[2], photo[1] + photo[3]];
  if (outline[1] < roomTop) chip(context, `↑ ${-top} px more`, middle.x, photo[1] + 11, colour);
  if (outline[1] + outline[3] > roomTop + roomHeight) chip(context, `↓ ${bottom - photoHeight} px more`, middle.x, photoBottom - 11, colour);
  if (outline[0] < roomLeft) chip(context, `← ${-left} px`, photo[0] + 30, middle.y, colour);
  if (outline[0] + outline[2] > roomLeft + roomWidth) chip(context, `${right - photoWidth} px →`, photoRight - 30, middle.y, colour);
}

function frame(context, [left, top, width, height], paint, dash, line = 1.5) {
  context.setLineDash([]);
  if (line > 2) {
    context.lineWidth = line + 2;
    context.strokeStyle = "rgb(255 255 255 / 0.8)";
    context.strokeRect(left, top, width, height);
  }
  context.setLineDash(dash);
  context.lineWidth = line;
  context.strokeStyle = paint;
  context.strokeRect(left, top, width, height);
}

function chip(context, text, x, y, colour) {
  const width = context.measureText(text).width + 10;
  context.fillStyle = colour("paper");
  context.globalAlpha = 0.9;
  context.fillRect(x - width / 2, y - 8, width, 16);
  context.globalAlpha = 1;
  write(context, text, x, y + 0.5, "center", colour("ink"));
}

/** The line around the effective field, holes of dilation passed over: where sqrt(counts_y counts_x) falls below the threshold. */
function effectiveOutline(counts, x, y) {
  const [across, down] = [envelope(counts.x[0]), envelope(counts.y[0])];
  const path = new Path2D();
  const back = [];
  for (let i = 0, j = 0; i < across.length; i++) {
    const least = (THRESHOLD * THRESHOLD) / across[i];
    const first = down.findIndex((share) => share > least);
    if (first < 0) continue;
    const last = down.findLastIndex((share) => share > least);
    for (const edge of [x(i), x(i + 1)]) {
      if (j++) path.lineTo(edge, y(first));
      else path.moveTo(edge, y(first));
      back.push([edge, y(last + 1)]);
    }
  }
  for (const point of back.reverse()) path.lineTo(...point);
  path.closePath();
  return path;
}

/** Counts as shares of their peak, raised so that they only fall away from it. */
function envelope(counts) {
  const top = peak(counts) || 1;
  const shares = counts.map((count) => count / top);
  const middle = shares.indexOf(1);
  for (let i = 1; i < middle; i++) shares[i] = Math.max(shares[i], shares[i - 1]);
  for (let i = shares.length - 2; i > middle; i--) shares[i] = Math.max(shares[i], shares[i + 1]);
  return shares;
}

/**
 * The photograph as the unit sees it, into the words of an ImageData: grey where it does not see, in colour where it does,
 * purple as strongly as it is moved (`measured`, a map of its own, or the theory's sqrt of the ways).
 */
export function compose(words, { counts, view, photo, inputSize: [height, width], measured }, [red, green, blue]) {
  words.set(view === "effective" || !counts ? photo.colour : photo.grey);
  if (!counts) return;
  const [across, down] = [counts.x[0], counts.y[0]];
  const scaled = (list) => {
    const top = Math.sqrt(peak(list)) || 1;
    return Float64Array.from(list, (count) => Math.sqrt(count) / top);
  };
  const [columns, rows] = [scaled(across), scaled(down)];
  const strength = view === "theoretical" ? 0 : 0.85;
  for (let j = 0; j < height; j++) {
    if (rows[j] === 0) continue;
    for (let i = 0, at = j * width; i < width; i++, at++) {
      if (columns[i] === 0) continue;
      const word = photo.colour[at];
      const share = strength * (measured ? measured[at] : rows[j] * columns[i]);
      const [r, g, b] = [word & 255, (word >> 8) & 255, (word >> 16) & 255];
      words[at] = 0xff000000 | ((b + (blue - b) * share) << 16) | ((g + (green - g) * share) << 8) | (r + (red - r) * share);
    }
  }
}

/** The photograph's pixels as words, in colour and as grey as the unseen is. */
export async function readPhoto(bytes, type) {
  const bitmap = await createImageBitmap(new Blob([bytes], { type }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return { bitmap, width, height, colour: new Uint32Array(context.getImageData(0, 0, width, height).data.buffer), grey: null };
}

/** Grey and faded towards the paper. */
export function fade(colour, dark) {
  return Uint32Array.from(colour, (word) => {
    const luma = 0.299 * (word & 255) + 0.587 * ((word >> 8) & 255) + 0.114 * ((word >> 16) & 255);
    const shade = Math.round(0.45 * luma + 0.55 * (dark ? 45 : 205));
    return 0xff000000 | (shade << 16) | (shade << 8) | shade;
  });
}
