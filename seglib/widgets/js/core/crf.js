// Exact mean field in a fully connected CRF on a small picture: every pixel hears every other. No DOM in here: node
// replays it against seglib.crf with method="exact". Labels are planes of N values, rows one after the other, x fastest.

export const SURE = 0.9; // probability of a scribbled label; pixels without a scribble start even
export const MOST = 20; // iterations
const MARKS = ".abc";

/** Scribbles from text such as "210.3a5.2b": so many pixels without a label, three with the first ... Or { why }. */
export function decode(text, pixels) {
  if (typeof text !== "string" || !/^(\d{1,6}[.abc])*$/.test(text)) return { why: "scribbles are runs such as 210.3a5.2b" };
  const map = new Uint8Array(pixels);
  let at = 0;
  for (const [, length, mark] of text.matchAll(/(\d+)([.abc])/g)) {
    map.fill(MARKS.indexOf(mark), at, at + Number(length));
    at += Number(length);
  }
  return at > pixels ? { why: `scribbles of ${at} pixels do not fit on ${pixels}` } : { map };
}

/** The text of scribbles; pixels without a label at the end are left out. */
export function encode(map) {
  let text = "";
  for (let from = 0, to; from < map.length; from = to) {
    for (to = from; to < map.length && map[to] === map[from]; ) to++;
    if (map[from] || to < map.length) text += `${to - from}${MARKS[map[from]]}`;
  }
  return text;
}

/** The labels in use, 1 to 3, rising. */
export const used = (map) => [1, 2, 3].filter((label) => map.includes(label));

/** Log-probabilities that the scribbles alone give, a plane for each label in use. */
export function evidence(map) {
  const labels = used(map);
  const [right, wrong, open] = [Math.log(SURE), Math.log((1 - SURE) / (labels.length - 1)), -Math.log(labels.length)];
  return labels.map((label) => Float64Array.from(map, (mark) => (mark ? (mark === label ? right : wrong) : open)));
}

/** Softmax over planes. */
export function softmax(planes) {
  const out = planes.map((plane) => new Float64Array(plane.length));
  for (let i = 0; i < planes[0].length; i++) {
    let [top, sum] = [-Infinity, 0];
    for (const plane of planes) top = Math.max(top, plane[i]);
    for (let l = 0; l < planes.length; l++) sum += out[l][i] = Math.exp(planes[l][i] - top);
    for (const plane of out) plane[i] /= sum;
  }
  return out;
}

const bell = (square, sigma) => Math.exp(-square / (2 * sigma * sigma));

/** One axis of a position kernel: k[a * length + b], and its sums. */
function axis(length, sigma) {
  const k = Float64Array.from({ length: length * length }, (_, i) => bell((Math.floor(i / length) - (i % length)) ** 2, sigma));
  const sums = Float64Array.from({ length }, (_, a) => k.subarray(a * length, (a + 1) * length).reduce((x, y) => x + y));
  return { k, sums, length };
}

/** The smoothness kernel: positions only, so rows and columns come apart. */
export function smoothness(width, height, sigma) {
  const [columns, rows] = [axis(width, sigma), axis(height, sigma)];
  const scale = Float64Array.from({ length: width * height }, (_, i) => 1 / Math.sqrt(columns.sums[i % width] * rows.sums[Math.floor(i / width)]));
  return { columns, rows, scale, total: null };
}

/**
 * The appearance kernel, every pixel with every other, written into `matrix` (float32, N x N). A generator: it yields
 * now and then, so that a page can breathe, and returns { matrix, scale }.
 */
export function* appearance(rgb, width, height, sigmaXy, sigmaRgb, matrix) {
  const n = width * height;
  const near = Float64Array.from({ length: Math.max(width, height) }, (_, d) => bell(d * d, sigmaXy));
  const [red, green, blue] = [0, 1, 2].map((c) => Int32Array.from({ length: n }, (_, i) => rgb[3 * i + c]));
  // squared distances of colours are whole numbers: their bells are looked up, and beyond `end` they are below 1e-13
  const end = Math.min(3 * 255 ** 2, Math.ceil(60 * sigmaRgb ** 2));
  const alike = new Float64Array(end + 2);
  for (let d = 0; d <= end; d++) alike[d] = bell(d, sigmaRgb);
  const scale = new Float64Array(n);
  const beside = new Float64Array(width);
  for (let i = 0; i < n; i++) {
    const r = red[i];
    const g = green[i];
    const b = blue[i];
    const x = i % width;
    const y = (i / width) | 0;
    for (let column = 0; column < width; column++) beside[column] = near[Math.abs(column - x)];
    let sum = 0;
    let j = 0;
    let at = i * n;
    for (let row = 0; row < height; row++) {
      const above = near[Math.abs(row - y)];
      for (let column = 0; column < width; column++, j++, at++) {
        const dr = red[j] - r;
        const dg = green[j] - g;
        const db = blue[j] - b;
        const square = dr * dr + dg * dg + db * db;
        const k = above * beside[column] * alike[square > end ? end + 1 : square];
        matrix[at] = k;
        sum += k;
      }
    }
    scale[i] = 1 / Math.sqrt(sum);
    if (i % 64 === 63) yield;
  }
  return { matrix, scale, total: null };
}

/** What one pixel hears of each other, both kernels, normalised and without weights. */
export function heard(rgb, width, { appearance: a, smoothness: s }, sigmaXy, sigmaRgb, sigma, i) {
  const n = rgb.length / 3;
  const [near, alike] = [new Float64Array(n), new Float64Array(n)];
  for (let j = 0; j < n; j++) {
    const far = ((j % width) - (i % width)) ** 2 + (Math.floor(j / width) - Math.floor(i / width)) ** 2;
    let other = 0;
    for (let c = 0; c < 3; c++) other += (rgb[3 * j + c] - rgb[3 * i + c]) ** 2;
    near[j] = s.scale[i] * s.scale[j] * bell(far, sigma);
    alike[j] = a.scale[i] * a.scale[j] * bell(far, sigmaXy) * bell(other, sigmaRgb);
  }
  return { appearance: alike, smoothness: near };
}

const scaled = (plane, scale) => plane.map((value, i) => value * scale[i]);

/** Rows from `from` to `to` of the matrix times one or two planes. */
function multiply(matrix, n, planes, out, from, to) {
  const [u, v] = planes;
  for (let i = from; i < to; i++) {
    let [a, b] = [0, 0];
    const at = i * n;
    if (v)
      for (let j = 0; j < n; j++) {
        const k = matrix[at + j];
        a += k * u[j];
        b += k * v[j];
      }
    else for (let j = 0; j < n; j++) a += matrix[at + j] * u[j];
    out[0][i] = a;
    if (v) out[1][i] = b;
  }
}

function* filterAppearance({ matrix, scale }, planes) {
  const n = scale.length;
  const given = planes.map((plane) => scaled(plane, scale));
  const out = planes.map(() => new Float64Array(n));
  for (let i = 0; i < n; i += 128) {
    multiply(matrix, n, given, out, i, Math.min(n, i + 128));
    yield;
  }
  return out.map((plane) => scaled(plane, scale));
}

function filterSmoothness({ columns, rows, scale }, planes) {
  const [width, height] = [columns.length, rows.length];
  return planes.map((plane) => {
    const given = scaled(plane, scale);
    const half = new Float64Array(given.length);
    const out = new Float64Array(given.length);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += columns.k[x * width + j] * given[y * width + j];
        half[y * width + x] = sum;
      }
    for (let y = 0; y < height; y++)
      for (let j = 0; j < height; j++) {
        const k = rows.k[y * height + j];
        for (let x = 0; x < width; x++) out[y * width + x] += k * half[j * width + x];
      }
    return scaled(out, scale);
  });
}

/**
 * Filter the probabilities of all labels. Those of a pixel add up to 1, so the last label's answer is what the others
 * leave of the filtered ones (`total`): one plane less to multiply.
 */
function* filtered(kernel, q, filter) {
  if (!kernel.total) kernel.total = (yield* filter(kernel, [new Float64Array(q[0].length).fill(1)]))[0];
  const out = yield* filter(kernel, q.slice(0, -1));
  return [...out, kernel.total.map((sum, i) => out.reduce((left, plane) => left - plane[i], sum))];
}

/** One parallel update: softmax(evidence + weights times messages). A generator; returns the new planes. */
export function* step(kernels, weights, logits, q) {
  const now = logits.map((plane) => plane.slice());
  for (const [name, filter] of [["appearance", filterAppearance], ["smoothness", function* (...given) { return filterSmoothness(...given); }]]) {
    if (!weights[name]) continue;
    const messages = yield* filtered(kernels[name], q, filter);
    messages.forEach((plane, l) => plane.forEach((value, i) => (now[l][i] += weights[name] * value)));
  }
  return softmax(now);
}

/** All of a generator at once. */
export function finish(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** How many of the strongest voices make up a share of the whole. */
export function voices(values, share) {
  const sorted = Float64Array.from(values).sort().reverse();
  const whole = sorted.reduce((a, b) => a + b, 0);
  let [sum, count] = [0, 0];
  while (count < sorted.length && sum < share * whole) sum += sorted[count++];
  return whole > 0 ? count : 0;
}

/** Python text that computes what is shown and prints it. */
export function toPyTorch({ photo, scribbles, labels, iterations, appearance: w1, sigmaXy, sigmaRgb, smoothness: w2, sigma, x, y }) {
  return [
    "import torch",
    "",
    "from seglib.crf import DenseCRF",
    "from seglib.crf.compat import unary_from_labels",
    "from seglib.widgets.crf import grid, read_scribbles",
    "",
    photo ? `image = grid("${photo}")  # 3 32 48` : "image = grid(photograph)  # 3 32 48, of your own picture, 3 H W from 0 to 1",
    `scribbles = read_scribbles("${scribbles}")  # 32 48, 0: none`,
    `names = ${JSON.stringify(labels)}`,
    "numbers = scribbles.unique()[scribbles.unique() > 0]  # the labels in use become 1, 2 ...",
    "known = torch.where(scribbles > 0, torch.searchsorted(numbers, scribbles) + 1, 0)",
    `energies = torch.from_numpy(unary_from_labels(known.numpy(), len(numbers), gt_prob=${SURE}))`,
    `crf = DenseCRF(image, gaussian=(${w2}, ${sigma}), bilateral=(${w1}, ${sigmaXy}, ${sigmaRgb}), method="exact")`,
    `q = crf(energies=energies, iterations=${iterations})`,
    "for name, plane, index in zip(names, q, range(len(q)), strict=True):",
    `    print(name, int((q.argmax(0) == index).sum()), round(plane[${y}, ${x}].item(), 3))`,
    "",
  ].join("\n");
}
