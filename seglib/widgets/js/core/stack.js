// The arithmetic of a stack of layers: sizes, fields, and who is connected to whom. No DOM in here: node replays it
// against PyTorch's answers.
//
// A layer is { name, kind, kernel, stride, dilation, padding, ceil, channels }. Left out, stride and dilation are 1,
// padding is 0, ceil is false, and a convolution keeps the number of channels it gets. Kernels are square, so both axes
// follow the same rules: everything is worked out along one axis, and a rectangle is the product of two.

export const KINDS = ["conv", "max pool", "average pool"];
export const LIMITS = { kernel: [1, 11], stride: [1, 4], dilation: [1, 24], padding: [0, 256], layers: [1, 40] };

/** Input pixels from the first tap to the last, both counted. */
export const span = ({ kernel, dilation = 1 }) => dilation * (kernel - 1) + 1;

/** Rows added on each side. "same" is half the span: it keeps the size at stride 1 wherever the span is odd. */
export const padded = (layer) => (layer.padding === "same" ? Math.floor((span(layer) - 1) / 2) : (layer.padding ?? 0));

/** Why this layer cannot be built at all, in words; null when it can. */
export function problem(layer) {
  const whole = (name, [low, high]) => {
    const value = layer[name] ?? (name === "padding" ? 0 : 1);
    return Number.isInteger(value) && value >= low && value <= high ? null : `${name} ${value} is not a whole number from ${low} to ${high}`;
  };
  if (!/^[A-Za-z][\w-]*$/.test(layer.name)) return `a layer's name starts with a letter and holds letters, digits, _ and -, which “${layer.name}” does not`;
  if (!KINDS.includes(layer.kind)) return `no layer is a “${layer.kind}”: choose ${KINDS.join(", ")}`;
  const range = ["kernel", "stride", "dilation"].map((name) => whole(name, LIMITS[name])).find(Boolean);
  if (range) return range;
  if (layer.padding !== "same") {
    const pad = whole("padding", LIMITS.padding);
    if (pad) return pad;
  }
  if (![undefined, true, false].includes(layer.ceil)) return "ceil is true or false";
  if (layer.channels !== undefined && !(Number.isInteger(layer.channels) && layer.channels > 0)) return `${layer.channels} channels cannot be`;
  if (layer.kind === "conv") return layer.ceil ? "only a pool can round its size up" : null;
  if (layer.kind === "average pool" && (layer.dilation ?? 1) > 1) return "PyTorch's average pool has no dilation: set it back to 1, or choose max pool";
  const most = Math.floor(layer.kernel / 2);
  return padded(layer) > most ? `PyTorch pads a pool by at most half its kernel, here ${most}, so that no window sees padding alone; this one asks for ${padded(layer)}` : null;
}

/** Units along one axis after a layer, PyTorch's rule. */
export function outputSize(size, layer) {
  const { stride = 1, ceil = false } = layer;
  const pad = padded(layer);
  const steps = (size + 2 * pad - span(layer)) / stride;
  const count = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // rounding up may not open a window that starts beyond the map and its left padding
  return ceil && (count - 1) * stride >= size + pad ? count - 1 : count;
}

/**
 * Every layer's geometry on an input of [h, w] pixels.
 *   field   input pixels a unit sees along an axis, unclipped   r_l = r_{l-1} + (span - 1) j_{l-1}
 *   jump    input pixels from one unit to the next              j_l = j_{l-1} s_l
 *   start   centre of unit 0, pixel 0's centre being 0          start_l = start_{l-1} + ((span - 1) / 2 - p) j_{l-1}
 *   weights kernel weights up to and with this layer, biases not counted
 * Layers stop before the first illegal one, which `illegal` names with the reason.
 */
export function geometry(stack, inputSize, inChannels = 3) {
  const layers = [];
  let below = { size: inputSize, field: 1, jump: 1, start: 0, channels: inChannels, weights: 0 };
  const taken = new Set();
  for (const layer of stack) {
    let why = taken.has(layer.name) ? `two layers are called “${layer.name}”` : problem(layer);
    taken.add(layer.name);
    const size = why ? [] : below.size.map((count) => outputSize(count, layer));
    if (!why && Math.min(...size) < 1) why = tooSmall(layer, below.size);
    if (why) return { layers, illegal: { index: layers.length, name: layer.name, why } };
    const { kernel, stride = 1, dilation = 1, ceil = false } = layer;
    const pad = padded(layer);
    const channels = layer.kind === "conv" ? (layer.channels ?? below.channels) : below.channels;
    below = {
      name: layer.name, kind: layer.kind, kernel, stride, dilation, pad, ceil, size, channels,
      inChannels: below.channels,
      field: below.field + (span(layer) - 1) * below.jump,
      jump: below.jump * stride,
      start: below.start + ((span(layer) - 1) / 2 - pad) * below.jump,
      weights: below.weights + (layer.kind === "conv" ? kernel * kernel * below.channels * channels : 0),
    };
    layers.push(below);
  }
  return { layers, illegal: null };
}

function tooSmall(layer, [height, width]) {
  const pad = padded(layer);
  const padding = pad ? ` with its padding of ${pad}` : "";
  return `its kernel spans ${span(layer)} × ${span(layer)} units, but the map below has only ${height} × ${width}${padding}: ` +
    "nothing would be left. Choose a smaller kernel or rate, more padding, or a smaller stride below";
}

/**
 * Along one axis, on how many ways each unit below reaches the chosen unit: counts[0] for the input's pixels, counts[i + 1]
 * for layer i's units, up to the chosen layer. 0 means not connected, so the holes of dilation are in it.
 *
 * It is also the theory of the effective field. With independent weights of mean zero, cross terms vanish and the expected
 * squared gradient goes down through a convolution exactly as the count of ways does, up to a factor that is the same
 * everywhere; a ReLU halves all of it alike. A pool hands the gradient to one of its positions, counted here as each being
 * equally likely. So the expected root-mean-square gradient is sqrt(counts_y x counts_x).
 * (At the rim of a padded pool, where a window is cut, this is a close approximation.)
 */
export function waysDown(layers, index, unit, axis, inputSize) {
  const counts = [];
  let above = new Float64Array(layers[index].size[axis]);
  above[unit] = 1;
  counts[index + 1] = above;
  for (let i = index; i >= 0; i--) {
    const { kernel, stride, dilation, pad } = layers[i];
    const size = i > 0 ? layers[i - 1].size[axis] : inputSize[axis];
    const below = new Float64Array(size);
    for (let u = 0; u < above.length; u++) {
      if (above[u] === 0) continue;
      for (let tap = 0, at = u * stride - pad; tap < kernel; tap++, at += dilation) if (at >= 0 && at < size) below[at] += above[u];
    }
    counts[i] = above = below;
  }
  return counts;
}

/** The box a unit sees, [top, left, bottom, right] in input pixels, half-open, not clipped to the photograph. */
export function box(layers, index, { x, y }) {
  const ends = (unit) => {
    let [low, high] = [unit, unit];
    for (let i = index; i >= 0; i--) {
      low = low * layers[i].stride - layers[i].pad;
      high = high * layers[i].stride - layers[i].pad + span(layers[i]) - 1;
    }
    return [low, high + 1];
  };
  const [[left, right], [top, bottom]] = [ends(x), ends(y)];
  return [top, left, bottom, right];
}

/** Luo et al. 2016: the effective field is where the gradient is above 4.55 % of the centre's (two standard deviations of a bell). */
export const THRESHOLD = 1 - 0.9545;

/**
 * The ways at the centre of the field, which the threshold is relative to: the larger of its two neighbours along each axis
 * where it lies between pixels, the nearest pixel where it is off the map, and the peak where nothing reaches the centre.
 */
export function centreLevel(countsY, countsX, centre) {
  const at = (counts, where) => {
    const inside = Math.max(0, Math.min(counts.length - 1, where));
    return Math.max(counts[Math.floor(inside)], counts[Math.ceil(inside)]);
  };
  return at(countsY, centre.y) * at(countsX, centre.x) || peak(countsY) * peak(countsX);
}

/** Pixels of the effective field, and its size: the side of a square of as many pixels. */
export function effective(countsY, countsX, centre) {
  const level = centreLevel(countsY, countsX, centre);
  if (level === 0) return { pixels: 0, size: 0 };
  // sqrt(y x) > t  <=>  x > t^2 / y; sorted, so that each row needs one binary search
  const sorted = Float64Array.from(countsX).sort();
  let pixels = 0;
  for (const count of countsY) {
    if (count === 0) continue;
    const least = (THRESHOLD * THRESHOLD * level) / count;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] > least) high = middle;
      else low = middle + 1;
    }
    pixels += sorted.length - low;
  }
  return { pixels, size: Math.sqrt(pixels) };
}

export function peak(counts) {
  let most = 0;
  for (const count of counts) if (count > most) most = count;
  return most;
}

/** How many entries are not zero. */
export function touched(counts) {
  let n = 0;
  for (const count of counts) if (count > 0) n++;
  return n;
}

/** The unit of a layer whose centre is nearest to an input pixel (a real number), along one axis. */
export function nearestUnit({ start, jump, size }, pixel, axis) {
  return Math.max(0, Math.min(size[axis] - 1, Math.round((pixel - start) / jump)));
}

/** Python text that builds exactly the stack now shown and prints the numbers now shown. */
export function toPyTorch(layers, { inputSize, inChannels = 3, index, x, y }) {
  const argument = (name, value, usual) => (value === usual ? "" : `, ${name}=${value === true ? "True" : value}`);
  const module = ({ kind, kernel, stride, dilation, pad, ceil, inChannels: from, channels }) => {
    const shared = argument("padding", pad, 0) + argument("dilation", dilation, 1) + argument("ceil_mode", ceil, false);
    if (kind === "conv") return `nn.Conv2d(${from}, ${channels}, ${kernel}${argument("stride", stride, 1)}${shared})`;
    // a pool's stride is its kernel when left out, so it is always written
    return `nn.${kind === "max pool" ? "Max" : "Avg"}Pool2d(${kernel}, stride=${stride}${shared})`;
  };
  const { name } = layers[index];
  return [
    "from collections import OrderedDict",
    "",
    "from torch import nn",
    "",
    "from seglib.receptive_field import receptive_field",
    "",
    "# A ReLU behind each convolution would change none of these numbers.",
    "stack = nn.Sequential(OrderedDict([",
    ...layers.map((layer) => `    ("${layer.name}", ${module(layer)}),`),
    "]))",
    "",
    `field = receptive_field(stack, (${[inChannels, ...inputSize].join(", ")}), layer="${name}")`,
    'print("field", *field.size)',
    'print("jump", *field.stride)',
    'print("map", *field.output_size)',
    `print("box", *field.box(${y}, ${x}))  # top, left, bottom, right`,
    `below = stack[:${index + 1}]  # up to ${name}`,
    'print("weights", sum(p.numel() for p in below.parameters() if p.dim() > 1))',
    "",
  ].join("\n");
}
