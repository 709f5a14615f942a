// The arithmetic of max pooling with switches and of four ways back. No DOM in here: node replays it against PyTorch.
// A grid is a list in reading order; cells and units are named (y, x), counted from 0.

export const LIMITS = { size: [4, 8], pool: [2, 3], stride: [1, 3], value: [-99, 99] };
export const WAYS = ["unpooled", "zeros", "nearest", "bilinear"];
export const PARTS = ["input", "pooled", ...WAYS];
export const TEMPLATE = 8; // side of the grids that presets are cut from

export const pooledSize = (size, pool, stride) => Math.floor((size - pool) / stride) + 1;

/** Values and switches as F.max_pool2d gives them: the first of equal values, in reading order. */
export function maxPool(values, size, pool, stride) {
  const side = pooledSize(size, pool, stride);
  const maxima = [];
  const switches = [];
  for (let unit = 0; unit < side * side; unit++) {
    let best = -1;
    for (const place of cellsOf(unit, { size, pool, stride, side })) if (best < 0 || values[place] > values[best]) best = place;
    switches.push(best);
    maxima.push(values[best]);
  }
  return { side, maxima, switches };
}

/** The places of a unit's window, in reading order. */
export function cellsOf(unit, { size, pool, stride, side }) {
  const [top, left] = [Math.floor(unit / side) * stride, (unit % side) * stride];
  return Array.from({ length: pool * pool }, (_, i) => (top + Math.floor(i / pool)) * size + left + (i % pool));
}

/** Where the value of a unit goes when zeros are inserted: its window's upper left corner. */
const cornerOf = (unit, { size, stride, side }) => Math.floor(unit / side) * stride * size + (unit % side) * stride;

/** For each place along one axis, the units it is made of and their weights, as F.interpolate has them (align_corners=False). */
export function axis(side, size, mode) {
  return Array.from({ length: size }, (_, i) => {
    // here PyTorch always counts in single precision
    if (mode === "nearest") return [[Math.min(side - 1, Math.floor(Math.fround(i * Math.fround(side / size)))), 1]];
    const at = Math.max(0, ((i + 0.5) * side) / size - 0.5);
    const low = Math.min(side - 1, Math.floor(at));
    const share = Math.min(1, at - low);
    return low === side - 1 || share === 0 ? [[low, 1]] : [[low, 1 - share], [low + 1, share]];
  });
}

/**
 * Everything the figure shows. An empty `decoder` stands for the maxima. `sources.unpooled[place]` and so on are lists of
 * [unit, weight]: what a cell of a result is made of. `writers[place]` are all units that write there, in their order.
 */
export function work({ size, pool, stride, values, decoder }) {
  const { side, maxima, switches } = maxPool(values, size, pool, stride);
  const shape = { size, pool, stride, side };
  const given = decoder.length ? decoder : maxima;
  const places = () => Array.from({ length: size * size }, () => []);
  const writers = places();
  const windows = places();
  const sources = { unpooled: places(), zeros: places(), nearest: places(), bilinear: places() };
  given.forEach((_, unit) => {
    writers[switches[unit]].push(unit);
    sources.unpooled[switches[unit]] = [[unit, 1]]; // the last one to write stays, as on one thread of PyTorch's CPU
    sources.zeros[cornerOf(unit, shape)] = [[unit, 1]];
    for (const place of cellsOf(unit, shape)) windows[place].push(unit);
  });
  for (const mode of ["nearest", "bilinear"]) {
    const along = axis(side, size, mode);
    sources[mode] = sources[mode].map((_, place) =>
      along[Math.floor(place / size)].flatMap(([y, down]) => along[place % size].map(([x, across]) => [y * side + x, down * across])));
  }
  const results = Object.fromEntries(WAYS.map((way) => [way, sources[way].map((from) => from.reduce((sum, [unit, weight]) => sum + weight * given[unit], 0))]));
  const fought = writers.flatMap((units, place) => (units.length > 1 ? [place] : []));
  return { ...shape, maxima, switches, decoder: given, writers, windows, sources, results, fought };
}

/** The units that a cell of any of the six grids has to do with. */
export function unitsOf(part, place, { writers, windows, sources }) {
  if (part === "pooled") return [place];
  if (part === "input") return writers[place].length ? writers[place] : windows[place];
  if (part === "unpooled" && writers[place].length) return writers[place];
  return sources[part][place].length ? sources[part][place].map(([unit]) => unit) : windows[place];
}

/** Everything linked to those units: per grid a Map from place to strength (1, or the weight with which it is blended). */
export function linked(units, shown) {
  const chosen = new Set(units);
  const marks = { input: new Map(), switches: new Set(), pooled: new Map() };
  for (const unit of units) {
    marks.pooled.set(unit, 1);
    marks.switches.add(shown.switches[unit]);
    for (const place of cellsOf(unit, shown)) marks.input.set(place, 1);
  }
  for (const way of WAYS) {
    marks[way] = new Map();
    shown.sources[way].forEach((from, place) => {
      const weight = from.reduce((sum, [unit, share]) => sum + (chosen.has(unit) ? share : 0), 0);
      if (weight > 0) marks[way].set(place, weight);
    });
    if (way === "unpooled") marks.switches.forEach((place) => marks.unpooled.set(place, 1)); // also where another unit wrote last
  }
  return marks;
}

/** A number in words short enough for a cell: a true minus, at most `digits` decimals, no zeros behind them. */
export const short = (value, digits = 2) => String(Number(value.toFixed(digits)) || 0).replace("-", "−");

const at = (place, width) => `row ${Math.floor(place / width)}, column ${place % width}`;
const name = (unit, side) => `(${Math.floor(unit / side)}, ${unit % side})`;
const list = (items) => (items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`);

/** The chosen cell and what it is linked to, in two or three sentences. */
export function describe({ part, place, values }, shown) {
  const { size, side, maxima, switches, decoder, writers, windows, sources, results } = shown;
  const unit = (number) => `unit ${name(number, side)}`;
  if (part === "pooled") {
    const changed = decoder[place] !== maxima[place];
    const where = `${at(switches[place], size)} of the input, so its switch is ${switches[place]}`;
    if (changed) return `Unit ${name(place, side)}: the maximum was ${short(maxima[place])}, at ${where}. The decoder's value is ${short(decoder[place])}: that is what goes back to the switch, not the old maximum.`;
    return `Unit ${name(place, side)}: the maximum ${short(maxima[place])}, at ${where}. Unpooling puts the unit's value back there.`;
  }
  if (part === "input") {
    const head = `Input, ${at(place, size)}: ${short(values[place])}.`;
    if (!windows[place].length) return `${head} No window reads this cell, so nothing comes back here from a switch.`;
    if (writers[place].length) {
      const units = writers[place];
      const goes = [...new Set(units.map((number) => short(decoder[number])))];
      return `${head} The largest in the window of ${list(units.map(unit))}, so the switch points here. Unpooling puts ${list(goes)} back.`;
    }
    const tied = windows[place].find((number) => maxima[number] === values[place]);
    if (tied !== undefined) return `${head} As large as the maximum of ${unit(tied)}, but ${at(switches[tied], size)} comes first, and the switch points there. Here unpooling leaves 0.`;
    return `${head} Not the largest in ${windows[place].length > 1 ? "any of its windows" : `the window of ${unit(windows[place][0])}`}: pooling forgets it, and unpooling leaves 0 here.`;
  }
  const head = `${{ unpooled: "Unpooled", zeros: "Zero insertion", nearest: "Nearest", bilinear: "Bilinear" }[part]}, ${at(place, size)}: ${short(results[part][place])}.`;
  const from = sources[part][place];
  if (part === "unpooled" && writers[place].length > 1) {
    const all = writers[place].map((number) => short(decoder[number]));
    const who = `Units ${list(writers[place].map((number) => name(number, side)))} share this switch`;
    if (new Set(all).size === 1) return `${head} ${who} and write the same value, so the order does not matter.`;
    return `${head} ${who} and write ${list(all)}. On one thread PyTorch leaves the last; on several, or on a GPU, any may stay.`;
  }
  if (part === "unpooled") {
    if (!from.length) return `${head} No switch points here.`;
    const number = from[0][0];
    const was = decoder[number] === maxima[number] ? "" : ` The maximum that stood here, ${short(maxima[number])}, is gone.`;
    return `${head} The switch of ${unit(number)} points here, so its value comes here.${was}`;
  }
  if (part === "zeros") return from.length ? `${head} The upper left corner of the window of ${unit(from[0][0])}, whose value comes here wherever its maximum was.` : `${head} Not the upper left corner of a window, so nothing comes here.`;
  if (part === "nearest") return `${head} A copy of ${unit(from[0][0])}.`;
  if (from.length === 1) return `${head} As at the rim: ${unit(from[0][0])} alone.`;
  return `${head} Blended: ${from.map(([number, weight]) => `${short(weight, 3)} × ${short(decoder[number])}`).join(" + ")}.`;
}

/** What a reader typed: { value }, or { why } it cannot be one. */
export function parse(text) {
  const typed = text.trim().replace(/^[−–]/, "-");
  const [low, high] = LIMITS.value;
  const wanted = `a whole number from −${-low} to ${high}`;
  if (typed === "") return { why: `An empty cell has nothing to compare: type ${wanted}.` };
  if (/^[+-]?nan$/i.test(typed)) return { why: `NaN would win every window that it is in, and tell nothing: type ${wanted}.` };
  if (!/^[+-]?\d+$/.test(typed)) return { why: `“${text.trim()}” is not ${wanted}.` };
  const value = Number(typed) || 0;
  return value < low || value > high ? { why: `${short(value)} is out of range: type ${wanted}.` } : { value };
}

/** Why settings do not fit together, in words, or null. A link may hold anything that is legal one by one. */
export function problem({ size, pool, stride, values, decoder, part, x, y }) {
  const side = pooledSize(size, pool, stride);
  if (values.length !== size * size) return `${values.length} values do not fill a grid of ${size} × ${size}`;
  if (decoder.length && decoder.length !== side * side) return `${decoder.length} decoder values do not fill a pooled map of ${side} × ${side}`;
  const most = part === "pooled" ? side : size;
  return x < most && y < most ? null : `row ${y}, column ${x} is not in a grid of ${most} × ${most}`;
}

/** The upper left part of a grid, or the grid with zeros to its right and below. */
export const resized = (values, from, to) =>
  Array.from({ length: to * to }, (_, i) => {
    const [y, x] = [Math.floor(i / to), i % to];
    return y < from && x < from ? values[y * from + x] : 0;
  });

const rows = (values, width) => {
  const lines = Array.from({ length: values.length / width }, (_, y) => `[${values.slice(y * width, (y + 1) * width).map((v) => `${v}.`).join(", ")}]`);
  return `[\n    ${lines.join(",\n    ")},\n]`;
};

/** Python text that pools the grid now shown, goes back in four ways, and prints the four results. */
export function toPyTorch({ size, pool, stride, values, decoder }) {
  const side = pooledSize(size, pool, stride);
  const step = stride > 1 ? `:${stride}` : "";
  const end = (side - 1) * stride + 1;
  const { writers, decoder: given } = work({ size, pool, stride, values, decoder });
  const races = writers.some((units) => new Set(units.map((unit) => given[unit])).size > 1);
  const back = decoder.length
    ? [`decoder = torch.tensor(${rows(decoder, side)})[None, None]  # what a decoder made of the maxima`]
    : ["decoder = maxima  # a network's decoder would have other values here; the switches stay"];
  return [
    "import torch",
    "import torch.nn.functional as F",
    "",
    ...(races ? ["torch.set_num_threads(1)  # units share a switch: on several threads, whichever writes last would stay"] : []),
    `image = torch.tensor(${rows(values, size)})[None, None]  # 1 1 H W`,
    `maxima, switches = F.max_pool2d(image, ${pool}, stride=${stride}, return_indices=True)`,
    ...back,
    "",
    "size = image.shape[2:]",
    `unpooled = F.max_unpool2d(decoder, switches, ${pool}, stride=${stride}, output_size=size)`,
    "zeros = torch.zeros_like(image)",
    `zeros[..., :${end}${step}, :${end}${step}] = decoder  # the upper left corner of each window`,
    'nearest = F.interpolate(decoder, size=size, mode="nearest")',
    'bilinear = F.interpolate(decoder, size=size, mode="bilinear", align_corners=False)',
    "",
    'grids = {"maxima": maxima, "switches": switches}',
    'grids |= {"unpooled": unpooled, "zeros": zeros, "nearest": nearest, "bilinear": bilinear}',
    "for name, grid in grids.items():",
    "    print(name)",
    "    for row in grid[0, 0].tolist():",
    '        print("  ", *(f"{value:6.4g}" for value in row))',
    "",
  ].join("\n");
}
