// The arithmetic of dilated convolution. No DOM in here: node replays it against PyTorch's answers.

/** Pixels from the first tap to the last, both counted: a k-tap kernel at rate r spans r(k-1)+1. */
export const span = (kernel, rate) => rate * (kernel - 1) + 1;

/** The filters a reader can choose. Each gives the k*k weights in row order; k is odd. */
export const FILTERS = {
  // centre minus the mean of the other taps: 0 wherever the picture is flat
  "edges": (kernel) => {
    const weights = new Float64Array(kernel * kernel).fill(-1 / (kernel * kernel - 1));
    weights[(kernel * kernel - 1) / 2] = 1;
    return weights;
  },
  // mean of the right half minus mean of the left half
  "vertical edges": (kernel) => {
    const half = (kernel - 1) / 2;
    const weights = new Float64Array(kernel * kernel);
    for (let i = 0; i < weights.length; i++) weights[i] = Math.sign((i % kernel) - half) / (half * kernel);
    return weights;
  },
  "blur": (kernel) => new Float64Array(kernel * kernel).fill(1 / (kernel * kernel)),
};

/**
 * Dilated cross-correlation with zero padding, output as large as the input; what torch's conv2d computes.
 * One pass over the picture for each tap: rows are added shifted, so the inner loop has no test in it.
 */
export function convolve({ data, width, height }, weights, kernel, rate, out = new Float32Array(data.length)) {
  const half = (kernel - 1) / 2;
  out.fill(0);
  for (let tap = 0; tap < weights.length; tap++) {
    const weight = weights[tap];
    if (weight === 0) continue;
    const dy = (Math.floor(tap / kernel) - half) * rate;
    const dx = ((tap % kernel) - half) * rate;
    const left = Math.max(0, -dx);
    const right = Math.min(width, width - dx);
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      const row = y * width;
      const shift = dy * width + dx;
      for (let i = row + left; i < row + right; i++) out[i] += weight * data[i + shift];
    }
  }
  return out;
}

/** Every multiplication behind one output: tap position, weight, pixel (null outside the picture, where it counts as 0). */
export function taps({ data, width, height }, weights, kernel, rate, x, y) {
  const half = (kernel - 1) / 2;
  return Array.from(weights, (weight, i) => {
    const tapY = y + (Math.floor(i / kernel) - half) * rate;
    const tapX = x + ((i % kernel) - half) * rate;
    const inside = tapX >= 0 && tapX < width && tapY >= 0 && tapY < height;
    return { x: tapX, y: tapY, weight, pixel: inside ? data[tapY * width + tapX] : null };
  });
}

/** Along one axis, on how many ways each pixel of the field reaches the unit in its middle. */
export function pathCounts(kernel, rates) {
  let counts = Float64Array.of(1);
  for (const rate of rates) {
    const wider = new Float64Array(counts.length + rate * (kernel - 1));
    for (let tap = 0; tap < kernel; tap++) counts.forEach((count, i) => (wider[i + tap * rate] += count));
    counts = wider;
  }
  return counts;
}

/** What a stack of square layers sees: both axes are alike, so counts multiply: ways(y, x) = counts[y] * counts[x]. */
export function coverage(kernel, rates) {
  const counts = pathCounts(kernel, rates);
  const touched = counts.reduce((n, count) => n + (count > 0), 0);
  const field = counts.length;
  return { counts, field, pixels: field * field, touched: touched * touched, share: (touched / field) ** 2 };
}

/**
 * Hybrid dilated convolution (Wang et al. 2018, arXiv 1702.08502, eq. 2): the largest distance M_2 between two touched
 * pixels as seen from the second layer; the design rule asks M_2 <= kernel.
 *   M_n = r_n,  M_i = max(M_{i+1} - 2 r_i, 2 r_i - M_{i+1}, r_i)
 */
export function largestGap(rates) {
  let gap = rates.at(-1);
  for (let i = rates.length - 2; i >= 1; i--) gap = Math.max(gap - 2 * rates[i], 2 * rates[i] - gap, rates[i]);
  return gap;
}

/** Greatest common divisor of all rates: above 1, whole rows and columns are never read. */
export const commonFactor = (rates) => rates.reduce((a, b) => { while (b) [a, b] = [b, a % b]; return a; });

const list = (values) => `[${Array.from(values).join(", ")}]`;

/** Python text that builds exactly the layer and the stack now shown and prints the numbers now shown. */
export function toPyTorch({ photo, size, kernel, rate, filter, x, y, rates }) {
  const weights = {
    "edges": [`weight = torch.full((${kernel}, ${kernel}), -1 / ${kernel * kernel - 1})`,
      `weight[${(kernel - 1) / 2}, ${(kernel - 1) / 2}] = 1  # centre minus the mean of the other taps`],
    "vertical edges": [`weight = torch.arange(${kernel}).sub(${(kernel - 1) / 2}).sign().repeat(${kernel}, 1)`,
      `weight = weight / ${((kernel - 1) / 2) * kernel}  # mean of the right half minus mean of the left half`],
    "blur": [`weight = torch.full((${kernel}, ${kernel}), 1 / ${kernel * kernel})`],
  }[filter];
  return [
    "import torch",
    "from torch import nn",
    "",
    "from seglib.data import photograph",
    "",
    `image = photograph("${photo}", size=(${size.join(", ")}), gray=True)[None]  # 1 1 H W`,
    `layer = nn.Conv2d(1, 1, ${kernel}, dilation=${rate}, padding=${(span(kernel, rate) - 1) / 2}, bias=False)`,
    ...weights,
    "with torch.no_grad():",
    "    layer.weight.copy_(weight)",
    "    output = layer(image)  # 1 1 H W",
    `print("span", ${rate} * (${kernel} - 1) + 1)`,
    `print("output", round(output[0, 0, ${y}, ${x}].item(), 3))`,
    "",
    `rates = ${list(rates)}`,
    `stack = nn.Sequential(*(nn.Conv2d(1, 1, ${kernel}, dilation=r, bias=False, dtype=torch.float64) for r in rates))`,
    "for parameter in stack.parameters():",
    "    nn.init.ones_(parameter)  # with weights of 1 the gradient counts the ways from pixel to unit",
    `field = 1 + sum(${kernel - 1} * r for r in rates)`,
    "pixels = torch.zeros(1, 1, field, field, dtype=torch.float64, requires_grad=True)",
    "stack(pixels).backward()",
    'print("field", field)',
    'print("touched", int((pixels.grad > 0).sum()), "of", field * field)',
    "",
  ].join("\n");
}
