// The arithmetic of transposed convolution, three times over. No DOM in here: node replays it against PyTorch's answers.

/** What the sliders allow; Python's traits have the same. */
export const LIMITS = { kernel: [1, 5], stride: [1, 4], padding: [0, 4], output_padding: [0, 3], size: [2, 5] };

/** The input's numbers; a smaller input takes the upper left corner, a row the first row. */
const NUMBERS = [[2, 1, 3, 1, 2], [0, 3, 1, 2, 1], [1, 2, 2, 0, 3], [3, 1, 0, 2, 1], [1, 0, 2, 3, 1]];

const POINT = { size: 1, kernel: 1, stride: 1, padding: 0, output_padding: 0 };

/** One axis: every length along it. A row has one axis like a grid's, and one of a single cell. */
function axis({ size: n, kernel: k, stride: s, padding: p, output_padding: extra }) {
  const m = (n - 1) * s - 2 * p + k + extra;
  return {
    n, k, s, p, m,
    painted: (n - 1) * s + k, // cells that stamps can reach before the padding is cut away
    canvas: Math.max((n - 1) * s + k, p + m), // and with what output_padding adds beyond them
    ring: k - 1 - p, // zeros around the stuffed input; below 0 it is cropped instead
    stuffed: m + k - 1,
  };
}

export const axes = (settings) => ({ y: axis(settings.dims === "row" ? { ...settings, ...POINT } : settings), x: axis(settings) });

/** Why PyTorch refuses the settings, in its own words, or null. */
export function refusal(settings) {
  const { size, kernel, stride, padding, output_padding: extra } = settings;
  if (extra >= stride)
    return `PyTorch: “output padding must be smaller than either stride or dilation”. Here output_padding is ${extra}, stride ${stride}, dilation 1.`;
  const { y, x } = axes(settings);
  if (x.m < 1)
    return `PyTorch: “Calculated output size per channel: (${y.m} x ${x.m}). Output size is too small”. ` +
      `(${size} − 1) · ${stride} − 2 · ${padding} + ${kernel} + ${extra} = ${x.m}: the padding cuts everything away.`;
  return null;
}

/** FCN's bilinear kernel along one axis: it falls off linearly from the middle. */
export function tent(kernel) {
  const factor = Math.floor((kernel + 1) / 2);
  const centre = kernel % 2 ? factor - 1 : factor - 0.5;
  return Float64Array.from({ length: kernel }, (_, i) => 1 - Math.abs(i - centre) / factor);
}

/** The kernel's weights, row by row: "ones", "bilinear" or "numbers". */
export function kernelWeights(name, { y: { k: rows }, x: { k: columns } }) {
  const [down, across] = [tent(rows), tent(columns)];
  const weight = {
    ones: () => 1,
    bilinear: (i) => down[Math.floor(i / columns)] * across[i % columns],
    numbers: (i) => i + 1,
  }[name];
  return Float64Array.from({ length: rows * columns }, (_, i) => weight(i));
}

/** The input's values, row by row: "numbers" or "ones". */
export const inputValues = (name, { y: { n: rows }, x: { n: columns } }) =>
  Float64Array.from({ length: rows * columns }, (_, i) => (name === "ones" ? 1 : NUMBERS[Math.floor(i / columns)][i % columns]));

/** Everything that the three views share. */
export function problem(settings) {
  const both = axes(settings);
  return { ...both, values: inputValues(settings.values, both), weights: kernelWeights(settings.weights, both) };
}

/**
 * View 1: every input paints a copy of the kernel, times its value. Returns the whole canvas with the first `count`
 * inputs painted, before the padding is cut away.
 */
export function paint({ y, x, values, weights }, count = values.length) {
  const canvas = new Float64Array(y.canvas * x.canvas);
  for (let i = 0; i < count; i++) {
    const [top, left] = [Math.floor(i / x.n) * y.s, (i % x.n) * x.s];
    for (let a = 0; a < y.k; a++) for (let b = 0; b < x.k; b++) canvas[(top + a) * x.canvas + left + b] += values[i] * weights[a * x.k + b];
  }
  return canvas;
}

/** The canvas without the padding: the output. */
export function cut({ y, x }, canvas) {
  return Float64Array.from({ length: y.m * x.m }, (_, o) => canvas[(Math.floor(o / x.m) + y.p) * x.canvas + (o % x.m) + x.p]);
}

/** What is written at one place of the stuffed input: the number of the input there, -1 for a zero between, -2 for one around. */
export function stuffedAt({ y, x }, row, column) {
  const [v, u] = [row - y.ring, column - x.ring];
  if (v < 0 || u < 0 || v > (y.n - 1) * y.s || u > (x.n - 1) * x.s) return -2;
  return v % y.s || u % x.s ? -1 : (v / y.s) * x.n + u / x.s;
}

/** View 2: zeros between the inputs and around them, then an ordinary convolution with the flipped kernel. */
export function convolve(given) {
  const { y, x, values, weights } = given;
  const stuffed = Float64Array.from({ length: y.stuffed * x.stuffed }, (_, j) => {
    const i = stuffedAt(given, Math.floor(j / x.stuffed), j % x.stuffed);
    return i < 0 ? 0 : values[i];
  });
  const flipped = weights.toReversed();
  return Float64Array.from({ length: y.m * x.m }, (_, o) => {
    let sum = 0;
    for (let a = 0; a < y.k; a++) for (let b = 0; b < x.k; b++) sum += flipped[a * x.k + b] * stuffed[(Math.floor(o / x.m) + a) * x.stuffed + (o % x.m) + b];
    return sum;
  });
}

/** The tap that carries input i to output o, or -1: this is where C transposed has a weight. */
export function tapOf({ y, x }, o, i) {
  const a = Math.floor(o / x.m) + y.p - Math.floor(i / x.n) * y.s;
  const b = (o % x.m) + x.p - (i % x.n) * x.s;
  return a >= 0 && a < y.k && b >= 0 && b < x.k ? a * x.k + b : -1;
}

/** View 3: C transposed, a row for every output and a column for every input. */
export function matrix(given) {
  const columns = given.values.length;
  return Float64Array.from({ length: given.y.m * given.x.m * columns }, (_, j) => {
    const tap = tapOf(given, Math.floor(j / columns), j % columns);
    return tap < 0 ? 0 : given.weights[tap];
  });
}

export function multiply(entries, values) {
  const columns = values.length;
  return Float64Array.from({ length: entries.length / columns }, (_, o) => values.reduce((sum, value, i) => sum + value * entries[o * columns + i], 0));
}

/** All inputs that write output o, each with the weight it is multiplied by. */
export function writers(given, o) {
  return [...given.values].flatMap((value, i) => {
    const tap = tapOf(given, o, i);
    return tap < 0 ? [] : [{ i, value, tap, weight: given.weights[tap] }];
  });
}

/** How many inputs write each output. Both axes are alike, so counts multiply. */
export function counts({ y, x }) {
  const along = ({ n, k, s, p, m }) =>
    Array.from({ length: m }, (_, o) => Array.from({ length: n }, (_, i) => o + p - i * s).filter((a) => a >= 0 && a < k).length);
  const [down, across] = [along(y), along(x)];
  return down.flatMap((rows) => across.map((columns) => rows * columns));
}

const rows = (values, columns) => Array.from({ length: values.length / columns }, (_, r) => `[${[...values.slice(r * columns, (r + 1) * columns)].join(", ")}]`);

/** Python text that builds exactly the layer now shown and prints the output now shown. */
export function toPyTorch(settings) {
  const { kernel: k, stride, padding, output_padding, weights, dims } = settings;
  const given = problem(settings);
  const flat = dims === "row";
  const centre = k % 2 ? Math.floor((k + 1) / 2) - 1 : Math.floor((k + 1) / 2) - 0.5;
  const lines = rows(given.values, given.x.n);
  const size = flat ? `${k}` : `${k}, ${k}`;
  const weight = {
    ones: [`weight = torch.ones(${size}, dtype=torch.float64)`],
    numbers: [`weight = torch.arange(1, ${given.weights.length + 1}, dtype=torch.float64)${flat ? "" : `.view(${size})`}`],
    bilinear: [`line = 1 - (torch.arange(${k}, dtype=torch.float64) - ${centre}).abs() / ${Math.floor((k + 1) / 2)}`, `weight = ${flat ? "line" : "line[:, None] * line"}`],
  }[weights];
  return [
    "import torch",
    "from torch import nn",
    "",
    flat ? `x = torch.tensor(${lines[0]}, dtype=torch.float64)` : `x = torch.tensor([${lines.join(", ")}], dtype=torch.float64)`,
    ...weight,
    `layer = nn.ConvTranspose${flat ? 1 : 2}d(`,
    `    1, 1, ${k}, stride=${stride}, padding=${padding}, output_padding=${output_padding}, bias=False, dtype=torch.float64`,
    ")",
    "with torch.no_grad():",
    "    layer.weight.copy_(weight)",
    "    output = layer(x[None, None])[0, 0]",
    `print("size", *output.shape)`,
    flat ? "for row in [output.tolist()]:" : "for row in output.tolist():",
    "    print(*(round(value, 3) for value in row))",
    "",
  ].join("\n");
}
