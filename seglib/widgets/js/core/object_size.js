// One drawn object, and what a network makes of it. No DOM in here: node replays it against PyTorch's answers.

export const MARK = { none: 0, right: 1, missed: 2, misnamed: 3, false: 4 };
const f = Math.fround; // the scenes are drawn in single precision

/** Signed distance from a shape's outline, negative inside: `seglib.data.scenes.distance`, rounded as NumPy rounds it. */
export function distance(kind, radius, x, y) {
  if (kind === "disc") return f(f(Math.hypot(x, y)) - f(radius));
  if (kind === "square") return f(Math.max(Math.abs(x), Math.abs(y)) - f((radius * Math.sqrt(Math.PI)) / 2));
  if (kind === "triangle") {
    const slanted = f(f(Math.abs(x) * f(Math.sqrt(3) / 2)) + f(y * f(0.5)));
    return f(Math.max(slanted, -y) - f(radius * Math.sqrt(Math.PI / Math.sqrt(27))));
  }
  const half = (radius * Math.sqrt(Math.PI / 5)) / 2; // a cross is five squares
  const [across, along] = [Math.min(Math.abs(x), Math.abs(y)), Math.max(Math.abs(x), Math.abs(y))];
  return Math.max(f(across - f(half)), f(along - f(3 * half)));
}

/** The scene's labels, and of each pixel the share that the object covers, for one object at (x, y). */
export function cover({ kind, radius, x, y, angle }, side, label) {
  const truth = new Uint8Array(side * side);
  const share = new Float32Array(side * side);
  const [cosine, sine] = [f(Math.cos(angle)), f(Math.sin(angle))];
  const [dx, dy] = [f(0.5 - x), f(0.5 - y)];
  for (let row = 0, at = 0; row < side; row++) {
    const v = f(row + dy);
    for (let column = 0; column < side; column++, at++) {
      const u = f(column + dx);
      const outside = distance(kind, radius, f(f(cosine * u) + f(sine * v)), f(f(cosine * v) - f(sine * u)));
      share[at] = Math.max(0, Math.min(1, f(0.5 - outside)));
      if (outside <= 0) truth[at] = label;
    }
  }
  return { truth, share };
}

/**
 * A prediction held against the truth, pixel by pixel: marks as in MARK; IoU of the object (right over its pixels and
 * those elsewhere that are called its name, as seglib.metrics.IoUBySize); how many of its pixels are called what.
 */
export function compare(predicted, truth, label) {
  const marks = new Uint8Array(truth.length);
  const called = new Int32Array(256);
  let [pixels, right, stolen, outside] = [0, 0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    const says = predicted[i];
    if (truth[i] === label) {
      pixels++;
      called[says]++;
      if (says === label) right++;
      marks[i] = says === label ? MARK.right : says === 0 ? MARK.missed : MARK.misnamed;
    } else if (says !== 0) {
      marks[i] = MARK.false;
      outside++;
      if (says === label) stolen++;
    }
  }
  return { marks, called, pixels, right, outside, iou: right / (pixels + stolen) };
}

/** Runs of one mark, row by row, as [x, y, length]: a shape to fill. */
export function runs(marks, mark, side) {
  const found = [];
  for (let row = 0; row < side; row++)
    for (let x = 0; x < side; x++) {
      if (marks[row * side + x] !== mark) continue;
      const start = x;
      while (x < side && marks[row * side + x] === mark) x++;
      found.push([start, row, x - start]);
    }
  return found;
}

/** The edges between pixels of the object and others, as [x1, y1, x2, y2]; the picture's frame is none. */
export function outline(truth, side) {
  const edges = [];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const inside = truth[y * side + x] > 0;
      if (x + 1 < side && inside !== truth[y * side + x + 1] > 0) edges.push([x + 1, y, x + 1, y + 1]);
      if (y + 1 < side && inside !== truth[(y + 1) * side + x] > 0) edges.push([x, y + 1, x + 1, y + 1]);
    }
  return edges;
}

/** The part of the picture in view, a square: all of it, or for a small object a half or a quarter of it around its centre. */
export function glass(radius, { x, y }, side) {
  const length = radius > 10 ? side : radius > 4 ? side / 2 : side / 4;
  const from = (at) => Math.max(0, Math.min(side - length, Math.round(at - length / 2)));
  return { left: from(x), top: from(y), length, zoom: side / length };
}

/** Where a size lies on a logarithmic axis from 0 to 1. */
export const place = (radius, radii) => Math.log(radius / radii[0]) / Math.log(radii.at(-1) / radii[0]);

/** The step of the slider whose size lies nearest to a place on that axis. */
export const nearest = (share, radii) =>
  radii.reduce((best, radius, i) => (Math.abs(place(radius, radii) - share) < Math.abs(place(radii[best], radii) - share) ? i : best), 0);

/** Python text that draws exactly the scene now shown, runs the networks and prints the IoU now shown. */
export function toPyTorch({ kind, radius, x, y, angle, seed, size, networks }) {
  return [
    "import torch",
    "",
    "from seglib import models",
    "from seglib.data import Shape, draw, normalise",
    "",
    `shape = Shape("${kind}", x=${x}, y=${y}, radius=${radius}, angle=${angle})`,
    `scene = draw([shape], size=(${size}, ${size}), seed=${seed})`,
    "truth = scene.target == shape.label  # H W",
    `for name in (${networks.map((name) => `"${name}"`).join(", ")}):`,
    '    network = models.create(name, weights="scenes").eval()',
    "    with torch.inference_mode():",
    "        logits = network(normalise(scene.image[None]))  # 1 K H W",
    "    found = logits.argmax(1)[0] == shape.label",
    "    iou = (found & truth).sum() / (found | truth).sum()",
    '    print(name, f"{iou:.2f}")',
    "",
  ].join("\n");
}
