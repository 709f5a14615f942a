// The arithmetic of bilinear enlargement. No DOM in here: node replays it against PyTorch's answers.

/** The small map: four by four values. */
export const VALUES = [[1, 4, 2, 6], [7, 9, 3, 1], [2, 5, 8, 4], [6, 0, 3, 9]];
export const N = VALUES.length;
export const SCALES = [2, 3, 4];
export const GRIDS = ["half pixels", "corners", "whole steps"];
export const METHODS = ["interpolate", "transposed convolution"];

/** Pixels along a side of the enlarged map. */
export const outputSize = (grid, scale) => (grid === "whole steps" ? (N - 1) * scale + 1 : N * scale);

/** Where the centre of output pixel j lies, counted in input pixels from the centre of the first. */
export function source(grid, scale, j) {
  if (grid === "half pixels") return (j + 0.5) / scale - 0.5;
  return grid === "corners" ? (j * (N - 1)) / (N * scale - 1) : j / scale;
}

/** Why these two do not go together, or null. */
export const refusal = (grid, method) =>
  grid === "corners" && method !== "interpolate"
    ? "A transposed convolution repeats the same steps every stride. With corners aligned and 4·f pixels the steps are not multiples of 1/f: no kernel does this."
    : null;

/** The transposed convolution with the bilinear kernel whose pixels lie on this grid. */
export function layer(grid, scale) {
  const kernel = grid === "half pixels" ? 2 * scale - (scale % 2) : 2 * scale - 1;
  return { kernel, stride: scale, padding: (kernel - scale + (grid === "whole steps" ? scale - 1 : 0)) / 2 };
}

/** A value of the map, and beyond its border what the method takes there: the border repeated, or zero. */
export function valueAt(method, row, column) {
  const inside = (i) => i >= 0 && i < N;
  if (method !== "interpolate" && !(inside(row) && inside(column))) return 0;
  const held = (i) => Math.max(0, Math.min(N - 1, i));
  return VALUES[held(row)][held(column)];
}

/**
 * An output pixel: its point on the input, the four neighbours with their weights, and the value. A neighbour's weight
 * is the area of the rectangle between the point and the opposite neighbour.
 */
export function pixel(grid, method, scale, row, column) {
  const along = (j) => {
    const at = source(grid, scale, j);
    const low = Math.min(Math.floor(at), N - (grid === "half pixels" ? 1 : 2)); // a point on the last centre has its partner before it
    return { at, low, part: at - low };
  };
  const [y, x] = [along(row), along(column)];
  const neighbours = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([down, right]) => {
    const [r, c] = [y.low + down, x.low + right];
    return {
      row: r, column: c, inside: r >= 0 && r < N && c >= 0 && c < N, value: valueAt(method, r, c),
      weight: (down ? y.part : 1 - y.part) * (right ? x.part : 1 - x.part),
    };
  });
  return { y: y.at, x: x.at, partY: y.part, partX: x.part, neighbours, value: neighbours.reduce((sum, n) => sum + n.weight * n.value, 0) };
}

/** The enlarged map, row by row. */
export function enlarge(grid, method, scale) {
  const m = outputSize(grid, scale);
  return Float64Array.from({ length: m * m }, (_, i) => pixel(grid, method, scale, Math.floor(i / m), i % m).value);
}

/** Python text that enlarges the map as now shown and prints the pixel now shown. */
export function toPyTorch({ grid, method, scale, x, y }) {
  const { kernel, stride, padding } = layer(grid, scale);
  const factor = Math.floor((kernel + 1) / 2);
  const centre = kernel % 2 ? factor - 1 : factor - 0.5;
  const target = grid === "whole steps" ? `size=${outputSize(grid, scale)}` : `scale_factor=${scale}`;
  const interpolated = `F.interpolate(x, ${target}, mode="bilinear", align_corners=${grid === "half pixels" ? "False" : "True"})`;
  return [
    "import torch",
    "import torch.nn.functional as F",
    "",
    `x = torch.tensor(${JSON.stringify(VALUES).replaceAll(",", ", ")}, dtype=torch.float64)[None, None]`,
    ...(method === "interpolate"
      ? [`output = ${interpolated}[0, 0]`]
      : [
        `line = 1 - (torch.arange(${kernel}, dtype=torch.float64) - ${centre}).abs() / ${factor}  # the bilinear kernel`,
        "weight = (line[:, None] * line)[None, None]",
        `output = F.conv_transpose2d(x, weight, stride=${stride}, padding=${padding})[0, 0]`,
        `difference = ${interpolated}[0, 0] - output`,
        `print("difference", round(difference[${y}, ${x}].item(), 4))`,
      ]),
    'print("size", *output.shape)',
    `print("value", round(output[${y}, ${x}].item(), 4))`,
    "",
  ].join("\n");
}
