// A network as blocks, and what they cost. No page in here: node replays it against `models.describe`.

export const KINDS = ["conv", "deconv", "pool", "unpool", "upsample", "concat", "sum", "crop", "pointwise", "other"];
export const MEASURES = ["parameters", "macs", "memory", "field"];
const WEDGE = 3; // widths of blocks that change the resolution ...
const THIN = 1.5; // ... and of those that join or crop

/** The network as `network_graph.to_page` wrote it, with every row, block and stage an object of its own. */
export function unpack(page) {
  const word = (name, i) => page.words[name][page[name][i]];
  const rows = page.id.map((id, i) => ({
    number: i, id, label: id.replace(/#\d+$/, ""), time: Number(id.match(/#(\d+)$/)?.[1] ?? 1), // which of its calls
    type: word("type", i), shape: word("shape", i), kernel: word("kernel", i), sees: word("sees", i), jump: word("jump", i),
    kind: KINDS[page.kind[i]], up: page.up.includes(i),
    trainable: page.trainable[i], frozen: page.frozen[i], parameters: page.trainable[i] + page.frozen[i],
    macs: page.macs[i], memory: page.memory[i], field: tallest(word("sees", i)),
    reads: (page.reads[i] ?? [[i - 1]]).map(([row, switches]) => ({ row, switches: Boolean(switches) })),
  }));
  let next = 0;
  const blocks = page.blocks.map(([leader, length], number) => {
    const own = rows.slice(next, (next += length));
    own.forEach((row) => (row.block = number));
    return { number, leader: rows[leader], rows: own, ...Object.fromEntries(MEASURES.map((name) => [name, amount(own, name)])) };
  });
  const stages = page.stages.map((first, number) => ({ number, first, end: page.stages[number + 1] ?? blocks.length }));
  stages.forEach((stage) => blocks.slice(stage.first, stage.end).forEach((block) => (block.stage = stage.number)));
  rows.forEach((row) => (row.readBy = []));
  rows.forEach((row) => row.reads.forEach((read) => rows[read.row]?.readBy.push(row.number)));
  const skips = page.skips.map(([from, to, how]) => ({ from, to, how }));
  // the last layer with weights gives the scores
  const score = blocks.findLast(({ leader }) => leader.kind === "conv" || leader.kind === "deconv")?.number;
  return { title: page.title, code: page.code, input: page.input, output: page.output, rows, blocks, stages, skips, score };
}

/** The larger of a field's heights; Infinity where a unit sees the whole image. */
const tallest = (sees) => (sees.length === 0 ? 0 : sees[0] === -1 ? Infinity : sees[1] ?? sees[0]);

/** What rows cost together; of fields the widest. */
export const amount = (rows, measure) =>
  measure === "field" ? Math.max(...rows.map((row) => row.field)) : rows.reduce((sum, row) => sum + row[measure], 0);

/** Sums over the network, as in the header. */
export function totals(network) {
  const sums = Object.fromEntries(["trainable", "frozen", "parameters", "macs", "memory"].map((name) => [name, amount(network.rows, name)]));
  return { ...sums, ...network.output };
}

/** A row's part of the network's total; of fields that of the output's. */
export const share = (row, network, measure) => row[measure] / (amount(network.rows, measure) || 1);

/** How wide a block is, before the picture is fitted: the cube root of its channels, or narrow without weights. */
export function breadth({ leader: { kind, up, shape } }) {
  if (kind === "conv" || kind === "deconv") return Math.max(up ? WEDGE : THIN, Math.cbrt(shape[0] ?? 1));
  return kind === "pool" || up ? WEDGE : THIN;
}

/** The order along the long axis: for every place the number of each network's block, or null where it has none. */
export function order(networks, pairs) {
  if (networks.length === 1) return networks[0].blocks.map((_, i) => [i]);
  const places = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...pairs, networks.map(({ blocks }) => blocks.length)]) {
    while (i < a) places.push([i++, null]);
    while (j < b) places.push([null, j++]);
    places.push([i++, j++]);
  }
  places.pop();
  return places;
}

/** Columns that fill `width`: each has the blocks of its place, its left edge and its width; gaps only where there is room. */
export function columns(networks, pairs, width) {
  const places = order(networks, pairs);
  const wide = places.map((place) => Math.max(...place.map((block, n) => (block == null ? 0 : breadth(networks[n].blocks[block])))));
  const gap = Math.min(2, (0.25 * width) / places.length);
  const scale = (width - gap * places.length) / wide.reduce((a, b) => a + b, 0);
  let left = 0;
  return places.map((blocks, i) => {
    const column = { blocks, left: left + gap / 2, width: wide[i] * scale };
    left += column.width + gap;
    return column;
  });
}

/** The column over a place on the long axis. */
export function columnAt(all, x) {
  const index = all.findIndex(({ left, width }) => x < left + width);
  return index < 0 ? all.length - 1 : index;
}

/** Share of the band that a map of so many rows takes: the square root, or a small map would vanish. */
export const tall = (rows, most) => Math.max(0.06, Math.sqrt(rows / most));

const rowsOf = (shape) => (shape.length === 3 ? shape[1] : 1);

/** Rows of the maps that a block reads and gives out. */
export function heights(network, block) {
  const { leader, rows } = network.blocks[block];
  const source = rows[0].reads.find((read) => !read.switches);
  const before = source == null ? rowsOf(leader.shape) : source.row < 0 ? network.input[1] : rowsOf(network.rows[source.row].shape);
  return [before, rowsOf(leader.shape)];
}

/** The most rows that any map has. */
export const mostRows = (networks) =>
  Math.max(...networks.flatMap((network) => [network.input[1], ...network.rows.map(({ shape }) => rowsOf(shape))]));

/** What a block costs against the dearest one of all networks shown; 1 where it sees the whole image. */
export function strengths(networks, measure) {
  const values = networks.map(({ blocks }) => blocks.map((block) => block[measure]));
  const most = Math.max(...values.flat().filter(Number.isFinite)) || 1;
  return values.map((list) => list.map((value) => (value === Infinity ? 1 : value / most)));
}

/** How high each skip is drawn, from 0 to 1: the longer, the higher, so that none hides another. */
export function levels(skips) {
  const sorted = [...skips].sort((a, b) => a.to - a.from - (b.to - b.from));
  return new Map(sorted.map((skip, i) => [skip, (i + 1) / sorted.length]));
}

/** The counterpart of a block in the other network, or null where there is none. */
export function counterpart(pairs, network, block) {
  const pair = pairs.find((one) => one[network] === block);
  return pair ? pair[1 - network] : null;
}

// Words --------------------------------------------------------------------------------------------------------------

/** Three digits and a unit: 251.8 M as "252 M". */
export function short(number) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
    if (number >= 0.9995 * size) return `${Number((number / size).toPrecision(3))} ${unit}`;
  return String(number);
}

export const whole = (number) => number.toLocaleString("en");

export const percent = (part) =>
  part === 0 ? "0\u00a0%" : part < 0.0005 ? "<\u00a00.1\u00a0%" : `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)}\u00a0%`;

export const shape = (sizes) => (sizes.length ? sizes.join(" × ") : "none");

/** "404 px", "756 or 788 px", "the whole image". */
export function sees(list) {
  if (list.length === 0) return "none";
  const say = (height) => (height === -1 ? "the whole image" : `${height} px`);
  if (list.length === 1) return say(list[0]);
  return list[0] === -1 ? `the whole image, or less` : `${list[0]} ${list.length > 2 ? "to" : "or"} ${list[1]} px`;
}

/** What a row reads, in words a reader can follow: [{ row, how }]; row -1 is the image. */
export const sources = (network, row) =>
  row.reads.map((read) => ({ row: read.row, how: read.switches ? "its switches" : row.kind === "concat" ? "concatenated" : row.kind === "sum" ? "joined" : "" }));

/** Python text that builds the network and prints the numbers now shown. */
export function toPyTorch(network, row) {
  const [channels, height, width] = network.input;
  const build = network.code
    ? ['with torch.device("meta"):  # shapes without memory; leave this out to get weights', `    model = ${network.code}`]
    : ["model = ...  # your own module stands here"];
  return [
    "import torch",
    "",
    "from seglib import models",
    "",
    ...build,
    `network = models.describe(model, in_channels=${channels}, input_size=(${height}, ${width}))`,
    `row = [row for row in network if row.label == "${row.label}"][${row.time - 1}]`,
    'print("layer", row.label, row.type)',
    'print("output", *row.shape)',
    'print("parameters", row.trainable + row.frozen, "of", network.trainable + network.frozen)',
    'print("macs", row.macs, "of", network.macs)',
    'print("memory", row.memory, "of", network.memory)',
    'print("sees", *sorted({size[0] for size in row.sizes}))',
    'print("jump", row.jump[0])',
    "",
  ].join("\n");
}
