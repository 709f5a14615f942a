// The picture of ReceptiveFieldExplorer: layers as rows of units above the photograph, all on one horizontal scale, so
// that every unit stands over the pixels it looks at.
import { THRESHOLD, centreLevel, peak } from "../core/stack.js";
import { hatch } from "./kit.js";
import { stamp } from "./paint.js";

const TITLE = 20; // CSS pixels: the line of column heads
const STAGE = 5; // extra room above a pool, where a new resolution begins
const ROOMY = 520; // from here on there is room for each layer's kernel beside its name
const RIM = 10; // around the photograph, so that a field that leaves it can be seen to
const SHADES = 12;

/** Does the first layer put so many zeros around the photograph that they are drawn? */
export const hasMargin = (layers) => layers[0]?.pad > 8;

/** How much of the photograph to show for a stack: all, or for small fields a half, a quarter, an eighth of its width. */
export function zoomFor(layers, [height]) {
  const field = Math.max(1, ...layers.map((layer) => layer.field));
  return [8, 4, 2].find((zoom) => field * zoom <= 0.8 * height && !hasMargin(layers)) ?? 1;
}

/**
 * Where everything lies. `stack` has all layers, also those that cannot be built; `layers` the geometry of the others.
 * `glass` is the part of the photograph in view: { zoom, left, top } in its pixels. `textWidth` measures a name.
 * Lengths in CSS pixels; x() and y() take pixels of the photograph, pixel 0 being [0, 1).
 */
export function layout(width, { stack, layers, inputSize: [photoHeight, photoWidth], glass }, textWidth) {
  const roomy = width >= ROOMY;
  const names = Math.max(...stack.map(({ name }) => textWidth(name)), textWidth("row 000 ▸")) + 8;
  const left = names + (roomy ? 58 : 0);
  const right = roomy ? 42 : 34;
  const pitch = stack.length > 24 ? 12 : 15;
  // a row is as long as its map: with padding longer than the photograph, without shorter; counted by the units' centres, so
  // that the picture keeps its size while a kernel is changed a little
  const rims = layers.map(({ start, jump, size }) => [start, start + (size[1] - 1) * jump + 1]);
  const whole = glass.zoom === 1;
  const from = whole ? Math.min(0, ...rims.map(([low]) => low)) : glass.left;
  const to = whole ? Math.max(photoWidth, ...rims.map(([, high]) => high)) : glass.left + photoWidth / glass.zoom;
  const scale = (width - left - right) / (to - from);
  const x = (pixel) => left + (pixel - from) * scale;

  let top = TITLE;
  const rows = [];
  for (let i = stack.length - 1; i >= 0; i--) {
    rows[i] = { top, bar: pitch - 5 };
    top += pitch + (i > 0 && stack[i - 1].kind !== "conv" ? STAGE : 0);
  }
  const strip = { top: top + 2, bar: 12 };
  const margin = hasMargin(layers) ? layers[0].pad * scale : 0;
  const photoTop = strip.top + strip.bar + RIM + margin;
  const photo = [x(glass.left), photoTop, (photoWidth / glass.zoom) * scale, (photoHeight / glass.zoom) * scale];
  const roomTop = strip.top + strip.bar + 2;
  const height = photoTop + photo[3] + margin + RIM;
  return {
    width, height, roomy, names, left, right, pitch, scale, rows, strip, margin, glass, photo, x,
    y: (pixel) => photoTop + (pixel - glass.top) * scale,
    room: [left - 1, roomTop, width - left - right + 2, height - roomTop],
    pixelAt: (px) => (px - left) / scale + from,
    lineAt: (py) => (py - photoTop) / scale + glass.top,
    /** The layer whose row is under a height; -1 for the input and the photograph. */
    rowAt: (py) => (py >= strip.top - 2 ? -1 : Math.max(0, rows.findIndex((row) => py >= row.top - 3))),
  };
}

/** A layer's settings in few letters. */
const brief = ({ kernel, stride = 1, dilation = 1 }) => `${kernel}×${kernel}${stride > 1 ? ` ÷${stride}` : ""}${dilation > 1 ? ` r${dilation}` : ""}`;

function within(context, box, draw) {
  context.save();
  context.beginPath();
  context.rect(...box);
  context.clip();
  draw();
  context.restore();
}

/** The units of one layer in view, each with a shade from 0 (not drawn) to SHADES. Neighbours too thin to tell apart share a rectangle. */
function units(context, place, { start, jump, size }, { top, bar }, shade, spaced = true) {
  const { x, scale, left, right, width, pixelAt } = place;
  const step = jump * scale;
  const gap = spaced && step >= 5 ? 1 : 0;
  const at = (px) => (pixelAt(px) - 0.5 - start) / jump + 0.5;
  const last = Math.min(size[1], Math.ceil(at(width - right)));
  within(context, [left, top, width - left - right, bar], () => {
    for (let unit = Math.max(0, Math.floor(at(left))); unit < last; ) {
      const now = shade(unit);
      let end = unit + 1;
      if (!gap) while (end < last && shade(end) === now) end++;
      if (now > 0) {
        context.globalAlpha = now / SHADES;
        context.fillRect(x(start + (unit - 0.5) * jump + 0.5), top, Math.max(1, (end - unit) * step - gap), bar);
      }
      unit = end;
    }
  });
}

/** What stays while the reader moves about one stack: names, all units in a quiet tone, the margin, and where we are. */
export function drawStill(context, place, { stack, layers, photo }, colour, font) {
  const { rows, strip, width, left, right, names, roomy, margin, photo: box, glass } = place;
  const write = (text, x, y, align, ink = colour("quiet")) => stamp(context, text, x, y, ink, font, align);
  const heads = TITLE / 2 - 1;
  write("layer", 0, heads, "left");
  if (roomy) write("kernel", names, heads, "left");
  write(roomy ? "units, each over the pixels it looks at" : "units", left + (width - left - right) / 2, heads, "center");
  write("field", width, heads, "right");
  stack.forEach((layer, i) => {
    const { top, bar } = rows[i];
    const known = layers[i];
    const ink = colour(known ? "quiet" : "error-ink");
    write(layer.name, 0, top + bar / 2, "left", ink);
    if (roomy) write(brief(layer), names, top + bar / 2, "left", ink);
    write(known ? String(known.field) : i === layers.length ? "✕" : "?", width, top + bar / 2, "right", ink);
    context.fillStyle = colour("line");
    if (known) units(context, place, known, rows[i], () => (layer.kind === "conv" ? SHADES * 0.6 : SHADES));
    else if (i === layers.length) hatch(context, left, top, width - left - right, bar, colour("error"), 5);
  });
  write("input", 0, strip.top + strip.bar / 2, "left");
  write("1", width, strip.top + strip.bar / 2, "right");
  if (margin) {
    const frame = [box[0] - margin, box[1] - margin, box[2] + 2 * margin, box[3] + 2 * margin];
    hatch(context, ...frame, colour("line"), 6);
    context.strokeStyle = colour("line");
    context.strokeRect(...frame);
  }
  if (glass.zoom > 1) {
    const small = Math.min(left - 12, 96);
    const ratio = small / photo.width;
    const top = place.height - RIM - photo.height * ratio;
    context.globalAlpha = 0.6;
    context.drawImage(photo.bitmap, 0, top, small, photo.height * ratio);
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.strokeStyle = colour("ink");
    context.strokeRect(glass.left * ratio, top + glass.top * ratio, small / glass.zoom, (photo.height * ratio) / glass.zoom);
    write(`${glass.zoom}× zoom`, 0, top - 8, "left");
  }
}

/** What follows the chosen unit: its cone, the input's row, its fields on the photograph. */
export function drawChosen(context, place, scene, colour, font) {
  const { stack, layers, index, wanted, unit, counts, view } = scene;
  const { x, scale, rows, width, names, roomy } = place;
  const layer = layers[index];
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
    const bold = (text, at, align) => stamp(context, text, at, top + bar / 2, colour("ink"), `bold ${font}`, align);
    bold(layer.name, 0, "left");
    if (roomy) bold(brief(stack[index]), names, "left");
    bold(String(layer.field), width, "right");
    const middle = x(layer.start + unit.x * layer.jump + 0.5);
    const half = Math.max(2.5, (layer.jump * scale - 1) / 2);
    const [low, high] = [Math.max(middle - half, place.left - 2), Math.min(middle + half, width - place.right + 2)];
    context.fillStyle = colour("output");
    context.fillRect(low, top - 1, high - low, bar + 2);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    context.strokeRect(low - 1, top - 2, high - low + 2, bar + 4);
  }
  if (wanted > index) {
    context.strokeStyle = colour("error");
    context.lineWidth = 1.5;
    context.strokeRect(place.left - 1, rows[wanted].top - 1, width - place.left - place.right + 2, rows[wanted].bar + 2);
  }
  drawStrip(context, place, scene, colour, font);
  if (layer) drawField(context, place, scene, colour, font);
}

/** The photograph's own row that the chosen unit stands on, with the pixels it sees underlined. */
function drawStrip(context, place, { layers, index, centre, counts, photo, inputSize: [photoHeight, photoWidth] }, colour, font) {
  const { strip, glass, y, photo: box } = place;
  const row = centre ? Math.round(centre.y) : photoHeight >> 1;
  const inside = row >= 0 && row < photoHeight;
  context.imageSmoothingEnabled = false;
  if (inside) context.drawImage(photo.bitmap, glass.left, row, photoWidth / glass.zoom, 1, box[0], strip.top, box[2], strip.bar);
  else hatch(context, box[0], strip.top, box[2], strip.bar, colour("unseen"), 5);
  if (!layers[index]) return;
  const pixels = { start: 0, jump: 1, size: [1, photoWidth] };
  const level = counts.x[0];
  context.fillStyle = colour("paper");
  units(context, place, pixels, strip, (u) => (level[u] > 0 ? 0 : SHADES * 0.72), false);
  context.fillStyle = colour("input");
  units(context, place, pixels, { top: strip.top + strip.bar - 1, bar: 3 }, (u) => (level[u] > 0 ? SHADES : 0), false);
  if (inside) stamp(context, `row ${row} ▸`, box[0] - place.margin - 6, y(row + 0.5), colour("quiet"), font, "right");
}

function drawField(context, place, scene, colour, font) {
  const { view, counts, centre, box: [top, left, bottom, right], inputSize: [photoHeight, photoWidth] } = scene;
  const { x, y, scale, strip, room, photo } = place;
  const thin = scale < 1 ? 0.6 : 1; // on a phone the photograph is small
  // the line runs around the field, so that the one around the effective field has room inside
  const outline = [x(left) - 1.5, y(top) - 1.5, (right - left) * scale + 3, (bottom - top) * scale + 3];
  within(context, room, () => {
    if (view !== "effective") {
      // from the seen pixels of the row down to the box
      stroke(context, colour("input"), 1, [2, 2], () => {
        for (const edge of [left, right]) {
          context.moveTo(x(edge), strip.top + strip.bar);
          context.lineTo(x(edge), Math.max(y(top), photo[1]));
        }
      });
      stroke(context, colour("input"), 1.5, [5, 4], () => context.rect(...outline));
    }
    within(context, photo, () => {
      if (view !== "theoretical") {
        const path = effectiveOutline(counts, centre, place);
        stroke(context, "rgb(255 255 255 / 0.9)", 4 * thin, [], null, path);
        stroke(context, colour("prediction"), 2.5 * thin, [8 * thin, 4 * thin], null, path);
      }
      if (view !== "effective") {
        stroke(context, "rgb(255 255 255 / 0.8)", 5 * thin, [], () => context.rect(...outline));
        stroke(context, colour("input"), 3 * thin, [], () => context.rect(...outline));
      }
    });
  });
  const [cx, cy] = [x(centre.x + 0.5), y(centre.y + 0.5)];
  context.fillStyle = "#fff";
  context.fillRect(cx - 4.5 * thin, cy - 4.5 * thin, 9 * thin, 9 * thin);
  context.fillStyle = colour("output");
  context.fillRect(cx - 3 * thin, cy - 3 * thin, 6 * thin, 6 * thin);
  if (view === "effective") return;
  // how far the field goes on where there is no room to draw it
  const [photoRight, photoBottom] = [photo[0] + photo[2], photo[1] + photo[3]];
  const middleX = (Math.max(outline[0], photo[0]) + Math.min(outline[0] + outline[2], photoRight)) / 2;
  const middleY = (Math.max(outline[1], photo[1]) + Math.min(outline[1] + outline[3], photoBottom)) / 2;
  if (top < 0 && outline[1] < room[1]) chip(context, `↑ ${-top} px more`, middleX, photo[1] + 11, colour, font);
  if (bottom > photoHeight && outline[1] + outline[3] > room[1] + room[3]) chip(context, `↓ ${bottom - photoHeight} px more`, middleX, photoBottom - 11, colour, font);
  if (left < 0 && outline[0] < room[0]) chip(context, `← ${-left} px`, photo[0] + 30, middleY, colour, font);
  if (right > photoWidth && outline[0] + outline[2] > room[0] + room[2]) chip(context, `${right - photoWidth} px →`, photoRight - 30, middleY, colour, font);
}

function stroke(context, paint, line, dash, trace, path) {
  context.setLineDash(dash);
  context.lineWidth = line;
  context.strokeStyle = paint;
  if (path) return context.stroke(path);
  context.beginPath();
  trace();
  context.stroke();
  context.setLineDash([]);
}

function chip(context, text, x, y, colour, font) {
  context.globalAlpha = 0.9;
  context.fillStyle = colour("paper");
  const half = stamp(context, text, x, y, colour("ink"), font) / 2 + 3;
  context.fillRect(x - half, y - 8, 2 * half, 16);
  context.globalAlpha = 1;
  stamp(context, text, x, y + 0.5, colour("ink"), font);
}

/** The line around the effective field, holes of dilation passed over: where sqrt(counts_y counts_x) falls below the threshold. */
function effectiveOutline(counts, centre, { x, y, scale }) {
  const [across, down] = [envelope(counts.x[0]), envelope(counts.y[0])];
  const level = centreLevel(counts.y[0], counts.x[0], centre) * THRESHOLD * THRESHOLD;
  const top = down.indexOf(peak(down));
  const path = new Path2D();
  const back = [];
  const corner = (at, upper, lower) => {
    if (back.length) path.lineTo(at, upper);
    else path.moveTo(at, upper);
    back.push([at, lower]);
  };
  let [first, last, end] = [top, top, -1];
  for (let i = 0; i < across.length; i++) {
    const least = level / across[i];
    if (!(down[top] > least)) continue;
    // both ends move little from column to column
    while (first > 0 && down[first - 1] > least) first--;
    while (down[first] <= least) first++;
    while (last < down.length - 1 && down[last + 1] > least) last++;
    while (down[last] <= least) last--;
    // corner by corner where pixels are large, otherwise through their middles, which reads as a curve
    if (end < 0 || scale > 4) corner(x(i), y(first), y(last + 1));
    corner(x(i + (scale > 4 ? 1 : 0.5)), y(first), y(last + 1));
    end = i + 1;
  }
  if (end > 0) corner(x(end), y(first), y(last + 1));
  for (const point of back.reverse()) path.lineTo(...point);
  path.closePath();
  return path;
}

/** Counts raised so that they only fall away from their peak. */
function envelope(counts) {
  const raised = Float64Array.from(counts);
  const middle = raised.indexOf(peak(raised));
  for (let i = 1; i < middle; i++) raised[i] = Math.max(raised[i], raised[i - 1]);
  for (let i = raised.length - 2; i > middle; i--) raised[i] = Math.max(raised[i], raised[i + 1]);
  return raised;
}

/**
 * The photograph as the unit sees it, into the words of an ImageData: grey where it does not see, in colour where it does,
 * purple as strongly as it is moved (`measured`, a map of its own in bytes, or the theory's root of the ways).
 */
export function compose(words, { counts, view, photo, measured }, [red, green, blue]) {
  const { width, height } = photo;
  words.set(view === "effective" ? photo.pale : photo.grey);
  if (!counts) return;
  const roots = (list) => {
    const top = peak(list) || 1;
    return list.map((count) => Math.sqrt(count / top));
  };
  const [columns, rows] = [roots(counts.x[0]), roots(counts.y[0])];
  const [ground, strength] = view === "theoretical" ? [photo.colour, 0] : [photo.pale, 0.8];
  const [first, last] = [columns.findIndex((root) => root > 0), columns.findLastIndex((root) => root > 0)];
  const magenta = (blue << 16) | red;
  for (let j = 0; j < height; j++) {
    if (rows[j] === 0) continue;
    const full = 256 * strength * rows[j];
    for (let i = first, at = j * width + first; i <= last; i++, at++) {
      if (columns[i] === 0) continue;
      const word = ground[at];
      // shares of 256; red and blue go together in one multiplication, with 8 free bits above each
      const share = (measured ? strength * measured[at] : full * columns[i]) | 0;
      const rest = 256 - share;
      words[at] = 0xff000000 | ((((word & 0xff00ff) * rest + magenta * share) >>> 8) & 0xff00ff) | ((((word & 0xff00) * rest + (green << 8) * share) >>> 8) & 0xff00);
    }
  }
}

/** The photograph's pixels as words: in colour, and pale to make room for the heat's colour. */
export async function readPhoto(bytes, type) {
  const bitmap = await createImageBitmap(new Blob([bytes], { type }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const colour = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  return { bitmap, width, height, colour, pale: greyed(colour, 0.6, (luma) => luma), grey: null };
}

/** As grey as the unseen is: faded towards the paper. */
export const unseen = (colour, dark) => greyed(colour, 1, (luma) => 0.45 * luma + 0.55 * (dark ? 45 : 205));

function greyed(colour, share, tone) {
  return Uint32Array.from(colour, (word) => {
    const [r, g, b] = [word & 255, (word >> 8) & 255, (word >> 16) & 255];
    const shade = tone(0.299 * r + 0.587 * g + 0.114 * b);
    return 0xff000000 | ((b + (shade - b) * share) << 16) | ((g + (shade - g) * share) << 8) | (r + (shade - r) * share);
  });
}
