// ArchitectureViewer: a network as a picture to walk through, overview, stage, layer; or two of them in step.
import { MEASURES, breadth, columnAt, columns, counterpart, heights, levels, mostRows, percent, sees, shape, share, short, sources, strengths, tall, toPyTorch, totals, unpack, whole } from "./core/architecture.js";
import { actions, announcer, button, card, h, hatch, legend, once, picture, slider } from "./ui/kit.js";
import { FAMILY } from "./ui/paint.js";

const SETTINGS = ["layer", "network", "colour"];
const COLOURS = [["kind", "Kind"], ["parameters", "Parameters"], ["macs", "MACs"], ["memory", "Memory"], ["field", "Field"]];
const UNITS = { parameters: "parameters", macs: "multiply-accumulates", memory: "bytes of outputs" };
const [SLOT, LABELS, LANE] = [84, 24, 46]; // px: a layer of the stage; the line of resolutions; the bars
const JOINED = { switches: "switches", concat: "concatenation", sum: "sum", skip: "skip" };

const amountText = (measure, value, row) =>
  measure === "field" ? sees(row.sees) : measure === "memory" ? `${short(value)}B`.replace(/(\d)B/, "$1 B") : short(value);

async function render({ model, el }) {
  const networks = model.get("networks").map(unpack);
  const pairs = model.get("pairs");
  const both = networks.length > 1;
  const most = mostRows(networks);
  const sums = networks.map(totals);
  const rises = networks.map(({ skips }) => levels(skips));
  const get = (name) => model.get(name);
  const redraw = once(paint);
  const frame = card(el, { label: `Architecture of ${networks.map(({ title }) => title).join(" and ")}`, redraw: () => ((drawnKey = ""), redraw()) });
  const ear = announcer();

  // What is chosen -------------------------------------------------------------------------------------------------
  /** The network and the row that the settings name. A link may name what is not there. */
  function chosen() {
    const wanted = networks[get("network")] ? get("network") : 0;
    for (const [layer, first] of [[get("layer"), wanted], [model.get("defaults").layer, model.get("defaults").network]])
      for (const n of [first, 1 - first]) {
        const row = networks[n]?.rows.find(({ id }) => id === layer);
        if (row) return { n, row, block: networks[n].blocks[row.block] };
      }
    return { n: 0, row: networks[0].rows[0], block: networks[0].blocks[0] };
  }
  function choose(n, row) {
    model.set("network", n);
    model.set("layer", row.id);
    model.save_changes();
    redraw();
    return true;
  }
  const chooseBlock = (n, block) => choose(n, networks[n].blocks[block].leader);
  const colour = () => (COLOURS.some(([name]) => name === get("colour")) ? get("colour") : "kind");
  let all = columns(networks, pairs, 600); // the order; the picture places them anew for its own width
  const columnOf = (n, block) => all.findIndex(({ blocks }) => blocks[n] === block);

  /** The next column that the network has, or the nearest to it. */
  function step(by) {
    const { n, block } = chosen();
    const next = block.number + by;
    return networks[n].blocks[next] ? chooseBlock(n, next) : true;
  }
  function stageStep(by) {
    const { n, block } = chosen();
    const stage = networks[n].stages[block.stage + by];
    return stage ? chooseBlock(n, stage.first) : true;
  }
  /** The other network, at this place or the nearest one that it has. */
  function cross() {
    const { n, block } = chosen();
    const at = columnOf(n, block.number);
    const near = all.map(({ blocks }, i) => [blocks[1 - n], Math.abs(i - at)]).filter(([other]) => other != null);
    return chooseBlock(1 - n, near.reduce((a, b) => (b[1] < a[1] ? b : a))[0]);
  }

  // The overview -----------------------------------------------------------------------------------------------------
  let room = null; // heights of its parts
  let drawnKey = "";
  const overview = picture({
    label: "", aspect: 2, draw, caption: "",
    onkey(key) {
      if (key === "ArrowLeft") return step(-1);
      if (key === "ArrowRight") return step(1);
      if (key === "PageUp") return stageStep(-1);
      if (key === "PageDown") return stageStep(1);
      if (key === "Home") return chooseBlock(chosen().n, 0);
      if (key === "End") return chooseBlock(chosen().n, networks[chosen().n].blocks.length - 1);
      if (both && (key === "ArrowUp" || key === "ArrowDown")) return cross();
      return false;
    },
    onpoint({ x, y, kind }) {
      if (kind !== "drag" || !room) return;
      const column = all[columnAt(all, x * room.width)];
      const wanted = both && y * room.height > room.each ? 1 : 0;
      const n = column.blocks[wanted] == null ? 1 - wanted : wanted;
      chooseBlock(n, column.blocks[n]);
    },
  });

  const bandOf = (n) => ({ top: n * room.each + room.arcs, middle: n * room.each + room.arcs + room.band / 2 });

  function draw(context, width, height) {
    const arcs = networks.some(({ skips }) => skips.length) ? Math.min(64, 34 + width / 24) : 26;
    const band = Math.max(84, Math.min(150, width * 0.19));
    const lane = colour() === "kind" ? 0 : LANE;
    const each = arcs + band + LABELS + lane + 6;
    room = { width, arcs, band, lane, each, height: each * networks.length };
    if (Math.abs(room.height - height) > 0.5) return overview.shape(width / room.height);
    all = columns(networks, pairs, width);
    const { n: nowN, block } = chosen();
    const now = columnOf(nowN, block.number);
    const strong = lane ? strengths(networks, colour()) : null;
    networks.forEach((network, n) => {
      const { top, middle } = bandOf(n);
      context.fillStyle = frame.colour("line");
      context.fillRect(0, middle - 0.5, width, 1);
      drawArcs(context, network, n, top, width, block);
      for (const [i, column] of all.entries()) if (column.blocks[n] != null) drawBlock(context, network, column, n, middle, strong, i === now);
      drawLabels(context, network, n, top);
      if (lane) drawLane(context, network, n, top, strong);
      drawMark(context, n, all[now], top, middle);
      context.font = `600 12px ${FAMILY}`;
      context.fillStyle = frame.colour("ink");
      if (both) write(context, network.title, 0, n * each + 12, "left");
    });
  }

  function write(context, text, x, y, align = "center") {
    context.textAlign = align;
    const halo = frame.colour("paper");
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = halo;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  function drawArcs(context, network, n, top, width, block) {
    const at = (number) => {
      const { left, width: wide } = all[columnOf(n, number)];
      return left + wide / 2;
    };
    for (const [{ from, to, how }, level] of rises[n]) {
      const [a, b] = [at(from), at(to)];
      const mine = chosen().n === n && (from === block.number || to === block.number);
      const rise = 4 + level * (room.arcs - 22);
      context.beginPath();
      context.setLineDash(how === "switches" ? [2, 3] : how === "concat" ? [] : [7, 3]);
      context.lineWidth = mine ? 2.5 : 1.5;
      context.strokeStyle = frame.colour(mine ? "accent" : "quiet");
      const low = (number) => bandOf(n).middle - (tall(heights(network, number)[1], most) * room.band) / 2;
      const peak = top - rise;
      const soft = Math.min(16, (b - a) / 2);
      context.moveTo(a, low(from));
      context.lineTo(a, peak + soft);
      context.quadraticCurveTo(a, peak, a + soft, peak);
      context.lineTo(b - soft, peak);
      context.quadraticCurveTo(b, peak, b, peak + soft);
      context.lineTo(b, low(to) - 5);
      context.stroke();
      context.setLineDash([]);
      context.beginPath(); // an arrow: where it goes
      context.moveTo(b, low(to) - 1);
      context.lineTo(b - 3.5, low(to) - 7);
      context.lineTo(b + 3.5, low(to) - 7);
      context.fillStyle = context.strokeStyle;
      context.fill();
    }
  }

  /** Colour and second cue of a block. */
  function look(network, { leader, number }) {
    if (number === network.score) return ["prediction", "fill"];
    if (leader.kind === "conv") return [leader.up ? "output" : "kernel", "fill"];
    if (leader.kind === "deconv") return [leader.up ? "output" : "kernel", "hatch"];
    if (leader.kind === "pool") return ["unseen", "fill"];
    if (leader.kind === "unpool") return ["output", "dots"];
    if (leader.up) return ["output", "fill"];
    return [leader.kind === "concat" || leader.kind === "sum" ? "ink" : "quiet", "fill"];
  }

  function outline(network, block, { left, width }, middle) {
    const [before, after] = heights(network, block.number).map((rows) => (tall(rows, most) * room.band) / 2);
    const wedge = block.leader.up || block.leader.kind === "pool";
    const first = wedge ? before : after;
    const path = new Path2D();
    path.moveTo(left, middle - first);
    path.lineTo(left + width, middle - after);
    path.lineTo(left + width, middle + after);
    path.lineTo(left, middle + first);
    path.closePath();
    return { path, reach: Math.max(first, after) };
  }

  function drawBlock(context, network, column, n, middle, strong, marked) {
    const block = network.blocks[column.blocks[n]];
    const { path, reach } = outline(network, block, column, middle);
    const [name, cue] = look(network, block);
    const strength = strong?.[n][block.number];
    if (strength === 0) {
      context.fillStyle = frame.colour("paper");
      context.fill(path);
      context.strokeStyle = frame.colour("line");
      context.lineWidth = Math.min(1, column.width / 3);
      context.stroke(path);
    } else {
      context.globalAlpha = strong ? 0.16 + 0.84 * strength : 1;
      context.fillStyle = frame.colour(strong ? "accent" : name);
      context.fill(path);
      context.globalAlpha = 1;
      if (!strong && cue !== "fill" && column.width > 3) {
        context.save();
        context.clip(path);
        const ink = frame.root.dataset.dark === "true" ? "rgb(0 0 0 / 0.6)" : "rgb(255 255 255 / 0.75)";
        if (cue === "hatch") hatch(context, column.left, middle - reach, column.width, 2 * reach, ink, 5);
        else {
          context.fillStyle = ink;
          for (let y = middle - reach + 3; y < middle + reach; y += 5) for (let x = column.left + 2; x < column.left + column.width; x += 4) context.fillRect(x, y, 1.5, 1.5);
        }
        context.restore();
      }
    }
    if (marked) {
      context.strokeStyle = frame.colour("ink");
      context.lineWidth = 2;
      context.stroke(path);
    }
  }

  /** Rows of the maps, under each stage that has room for the number. */
  function drawLabels(context, network, n, top) {
    context.font = `11px ${FAMILY}`;
    context.fillStyle = frame.colour("quiet");
    let free = -Infinity;
    let said = null;
    for (const { first, end } of network.stages) {
      // its pooling is the step to the next stage
      const own = network.blocks.slice(first, end).filter(({ leader }) => leader.kind !== "pool" || end - first === 1);
      const rows = Math.min(...own.map(({ number }) => heights(network, number)[1]));
      const [a, b] = [all[columnOf(n, first)], all[columnOf(n, end - 1)]];
      const x = (a.left + b.left + b.width) / 2;
      const half = context.measureText(rows).width / 2;
      if (rows === said || x - half < free) continue;
      context.textAlign = "center";
      context.fillText(rows, Math.max(half, Math.min(room.width - half, x)), top + room.band + 20);
      free = x + half + 4;
      said = rows;
    }
  }

  function drawLane(context, network, n, top, strong) {
    const base = top + room.band + LABELS + room.lane - 2;
    context.fillStyle = frame.colour("line");
    context.fillRect(0, base, room.width, 1);
    context.fillStyle = frame.colour("accent");
    for (const { blocks, left, width } of all) {
      const strength = blocks[n] == null ? 0 : strong[n][blocks[n]];
      if (strength) context.fillRect(left, base - Math.max(1, strength * (room.lane - 8)), Math.max(1, width), Math.max(1, strength * (room.lane - 8)));
    }
  }

  function drawMark(context, n, column, top, middle) {
    const x = column.left + column.width / 2;
    context.fillStyle = frame.colour("accent");
    context.beginPath();
    context.moveTo(x, top + room.band + 1);
    context.lineTo(x - 5, top + room.band + 8);
    context.lineTo(x + 5, top + room.band + 8);
    if (column.blocks[n] != null) return context.fill();
    context.setLineDash([4, 3]);
    context.strokeStyle = frame.colour("accent");
    context.lineWidth = 1.5;
    const wide = Math.max(8, column.width);
    context.strokeRect(x - wide / 2, middle - 20, wide, 40);
    context.setLineDash([]);
    context.font = `600 11px ${FAMILY}`;
    const text = n ? "removed here" : "not here";
    const half = context.measureText(text).width / 2 + 2;
    write(context, text, Math.max(half, Math.min(room.width - half, x)), middle + 36);
  }

  // Controls and numbers -------------------------------------------------------------------------------------------------
  const views = COLOURS.map(([name, text]) => button(text, () => (model.set("colour", name), model.save_changes(), redraw()), { "data-view": name }));
  const header = h("table", { class: "seg-sums" },
    h("thead", {}, h("tr", {}, ...["", "Parameters", "MACs", "Memory", "Sees"].map((text) => (text ? h("th", { scope: "col" }, text) : h("td", {}))))),
    h("tbody", {}, ...networks.map(({ title, input }, n) => h("tr", {},
      h("th", { scope: "row" }, title),
      h("td", { "data-total": `parameters-${n}`, title: whole(sums[n].parameters) }, short(sums[n].parameters)),
      h("td", { "data-total": `macs-${n}`, title: whole(sums[n].macs) }, short(sums[n].macs)),
      h("td", { "data-total": `memory-${n}`, title: `${whole(sums[n].memory)} bytes` }, `${short(sums[n].memory)}B`),
      h("td", { "data-total": `sees-${n}` }, sees(sums[n].sees))))));
  const about = h("p", { class: "seg-about" },
    `For one image of ${shape(networks[0].input)}. Memory: all outputs, in single precision.`);
  let marks = h("ul");
  const layerSlider = slider({
    label: "Layer", min: 0, max: all.length - 1,
    format(i) {
      const { n } = chosen();
      const at = all[i]?.blocks ?? [0];
      const own = at[n] ?? at[1 - n];
      return networks[at[n] == null ? 1 - n : n].blocks[own].leader.id;
    },
    oninput(i) {
      const { n } = chosen();
      const own = all[i].blocks[n] == null ? 1 - n : n;
      chooseBlock(own, all[i].blocks[own]);
    },
  });
  const stageTitle = h("p", { class: "seg-stage-title" });
  const strip = h("div", { class: "seg-strip", role: "group" });
  let scrolled = 0; // where the strip stands: to ask it while painting would cost a layout
  const scroller = h("div", { class: "seg-scroller", onscroll: () => (scrolled = scroller.scrollLeft) }, strip);
  const parts = h("p", { class: "seg-links", "data-part": "parts" });
  const links = h("p", { class: "seg-links", "data-part": "links" });
  const detail = h("table", { class: "seg-detail" });
  const foot = actions({
    code: () => toPyTorch(networks[chosen().n], chosen().row),
    onreset() {
      for (const name of SETTINGS) model.set(name, get("defaults")[name]);
      model.save_changes();
      redraw();
    },
  });

  /** A layer's name as a button that leads there. */
  const lead = (n, row) => button(row.id, () => choose(n, row), { class: "seg-link" });

  function slab(network, block, strength) {
    const [before, after] = heights(network, block.number).map((rows) => tall(rows, most) * 100);
    const wedge = block.leader.up || block.leader.kind === "pool";
    const full = wedge ? Math.max(before, after) : after;
    const cut = (part) => (100 - (100 * part) / full) / 2;
    const [a, b] = [cut(wedge ? before : after), cut(after)];
    const [name, cue] = look(network, block);
    const shown = strength == null ? `--swatch: var(--seg-${name})` : `--swatch: var(--seg-accent); opacity: ${strength ? 0.16 + 0.84 * strength : 1}`;
    const look_ = strength == null ? cue : strength ? "fill" : "none";
    return h("span", { class: "seg-slab", "aria-hidden": "true" },
      h("span", { "data-cue": look_, style: `${shown}; width: ${Math.min(52, Math.max(5, 3 * breadth(block)))}px; height: ${full}%; clip-path: polygon(0 ${a}%, 100% ${b}%, 100% ${100 - b}%, 0 ${100 - a}%)` }));
  }

  /** Arcs between the layers of one stage that are not neighbours. */
  function inner(network, n, range) {
    const place = new Map(range.map(({ blocks }, i) => [blocks[n], i]));
    const found = new Map();
    for (const { blocks } of range) {
      const block = network.blocks[blocks[n]];
      for (const row of block?.rows ?? []) for (const read of row.reads) {
        const source = network.rows[read.row]?.block;
        if (place.has(source) && block.number - source > 1) found.set(`${source} ${block.number}`, [place.get(source), place.get(block.number)]);
      }
    }
    if (!found.size) return null;
    const svg = (tag, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      return element;
    };
    const lines = svg("svg", { class: "seg-inner", width: range.length * SLOT, height: 30, "aria-hidden": "true" });
    for (const [a, b] of found.values()) {
      const [x0, x1] = [(a + 0.5) * SLOT, (b + 0.5) * SLOT];
      const peak = 30 - Math.min(28, 6 + 4 * (b - a));
      lines.append(svg("path", { d: `M${x0} 30 C${x0} ${peak - 6} ${x1} ${peak - 6} ${x1} 30` }));
    }
    return lines;
  }

  let stripKey = "";
  let buttons = [];
  function fillStrip({ n, block }) {
    const network = networks[n];
    const stage = network.stages[block.stage];
    const key = `${n} ${stage.number} ${colour()}`;
    if (key !== stripKey) {
      stripKey = key;
      if (scrolled) scroller.scrollLeft = scrolled = 0;
      const [first, last] = [columnOf(n, stage.first), columnOf(n, stage.end - 1)];
      const range = all.slice(first, last + 1);
      const strong = colour() === "kind" ? null : strengths(networks, colour());
      buttons = [];
      strip.style.setProperty("--columns", range.length);
      strip.replaceChildren(...networks.flatMap((one, i) => {
        const arcs = inner(one, i, range);
        const cells = range.map(({ blocks }, k) => {
          if (blocks[i] == null) return h("span", { class: "seg-gap" }, i ? "removed" : "");
          const own = one.blocks[blocks[i]];
          const what = colour() === "kind" ? shape(own.leader.shape.slice(0, 2)) : amountText(colour(), own[colour()], own.leader);
          const cell = button("", () => choose(i, own.leader), { class: "seg-block", "data-network": i, "data-block": own.number });
          cell.append(slab(one, own, strong?.[i][own.number]), h("span", { class: "seg-name" }, own.leader.id), h("span", { class: "seg-what" }, what));
          buttons.push([cell, i, own.number, k]);
          return cell;
        });
        return [both ? h("span", { class: "seg-whose" }, one.title) : null, arcs, ...cells].filter(Boolean);
      }));
      const names = [network.blocks[stage.first], network.blocks[stage.end - 1]].map(({ leader }) => leader.id);
      stageTitle.textContent = `Stage ${stage.number + 1} of ${network.stages.length}${both ? ` of ${network.title}` : ""}: ${names[0] === names[1] ? names[0] : `${names[0]} to ${names[1]}`}`;
      strip.setAttribute("aria-label", stageTitle.textContent);
    }
    const other = counterpart(pairs, n, block.number);
    for (const [cell, i, number, k] of buttons) {
      const pressed = i === n ? number === block.number : number === other;
      if (cell.getAttribute("aria-pressed") !== String(i === n && pressed)) cell.setAttribute("aria-pressed", i === n && pressed);
      cell.toggleAttribute("data-counterpart", i !== n && pressed);
      if (i === n && pressed) {
        const [left, right, wide] = [k * SLOT - 12, (k + 1) * SLOT + 12, room?.width ?? SLOT];
        if (left < scrolled || right > scrolled + wide) scroller.scrollLeft = scrolled = Math.max(0, left < scrolled ? left : right - wide);
      }
    }
  }

  const partOf = (row, n, measure) => `${percent(share(row, networks[n], measure))} of all`;
  /** The numbers of a row, in words: [name, readout, text]. */
  function numbers(n, row) {
    const source = row.reads.filter((read) => !read.switches).map((read) => (read.row < 0 ? networks[n].input : networks[n].rows[read.row].shape));
    const frozen = row.frozen ? `, ${row.trainable ? `${whole(row.frozen)} of them` : "all"} frozen` : "";
    return {
      type: row.kernel ? `${row.type}, ${row.kernel}` : row.type,
      input: source.length ? source.map(shape).join(" and ") : "nothing",
      output: shape(row.shape),
      parameters: row.parameters ? `${whole(row.parameters)}${frozen} (${partOf(row, n, "parameters")})` : "none",
      macs: row.macs ? `${whole(row.macs)} (${partOf(row, n, "macs")})` : "none",
      memory: row.memory ? `${whole(row.memory)} bytes (${partOf(row, n, "memory")})` : "none of its own: in place, or a view",
      sees: row.sees.length ? `${sees(row.sees)}, one unit every ${row.jump} px` : "nothing",
    };
  }
  const HEADS = { type: "Type", input: "Reads", output: "Gives", parameters: "Parameters", macs: "MACs", memory: "Memory", sees: "Sees" };

  function fillDetail({ n, row, block }) {
    const other = both ? counterpart(pairs, n, block.number) : null;
    const shown = networks.map((network, i) => (i === n ? row : other == null ? null : network.blocks[other].rows.find((one) => one.type === row.type && row !== block.leader) ?? network.blocks[other].leader));
    const values = shown.map((one, i) => one && numbers(i, one));
    const missing = (i) => (i ? "removed here" : `not in ${networks[0].title}`);
    detail.replaceChildren(
      h("thead", {}, h("tr", {}, h("td", {}), ...networks.map((network, i) =>
        h("th", { scope: "col", "data-readout": `name-${i}` }, both ? h("span", { class: "seg-whose" }, network.title) : "", shown[i] ? shown[i].id : missing(i))))),
      h("tbody", {}, ...Object.entries(HEADS).map(([name, text]) =>
        h("tr", {}, h("th", { scope: "row" }, text), ...values.map((one, i) => h("td", { "data-readout": `${name}-${i}` }, one ? one[name] : "–"))))));
    parts.replaceChildren(...(block.rows.length > 1 ? ["In this block: ", ...block.rows.map((one) => {
      const part = lead(n, one);
      part.setAttribute("aria-pressed", one === row);
      return part;
    })] : []));
    const network = networks[n];
    const reads = sources(network, row).flatMap(({ row: from, how }, i) => [i ? ", " : "", from < 0 ? "the image" : lead(n, network.rows[from]), how ? ` (${how})` : ""]);
    const by = row.readBy.flatMap((to, i) => [i ? ", " : "", lead(n, network.rows[to])]);
    links.replaceChildren("Reads ", ...(reads.length ? reads : ["nothing"]), "; read by ", ...(by.length ? by : ["nobody: the output"]), ".");
    return { shown, values, missing };
  }

  function fillLegend() {
    const leaders = networks.flatMap(({ blocks }) => blocks);
    const has = (test) => leaders.some(({ leader }) => test(leader));
    const entries = colour() === "kind"
      ? [has((l) => l.kind === "conv") && ["kernel", "fill", "convolution"], has((l) => l.kind === "deconv" && !l.up) && ["kernel", "hatch", "deconvolution, stride 1"],
        has((l) => l.kind === "pool") && ["unseen", "fill", "pooling: narrows"], has((l) => l.up && l.kind === "unpool") && ["output", "dots", "unpooling: widens"],
        has((l) => l.up && l.kind === "deconv") && ["output", "hatch", "transposed convolution: widens"], has((l) => l.up && l.kind === "upsample") && ["output", "fill", "interpolation: widens"],
        has((l) => l.kind === "concat" || l.kind === "sum") && ["ink", "fill", "concatenation or sum"], ["prediction", "fill", "scores"]]
      : [["accent", "fill", colour() === "field" ? "the stronger and the higher, the more it sees" : `the stronger and the higher, the more ${UNITS[colour()]}`],
        colour() !== "field" && ["line", "line", "none"]];
    const hows = [...new Set(networks.flatMap(({ skips }) => skips.map(({ how }) => how)))];
    const arcs = hows.map((how) => ["quiet", how === "switches" ? "dotted" : how === "concat" ? "arc" : "dashed", JOINED[how]]);
    const fresh = legend([...entries.filter(Boolean), ...arcs]);
    marks.replaceWith(fresh);
    marks = fresh;
  }

  frame.root.append(
    h("style", {}, STYLE),
    h("div", { class: "seg-wide" }, header), about,
    h("div", { class: "seg-views", role: "group", "aria-label": "Colour by" }, ...views),
    overview.element, marks,
    h("div", { class: "seg-controls seg-layer" }, layerSlider.element),
    stageTitle, scroller, parts, detail, links, foot.element, ear.element);

  // Paint ------------------------------------------------------------------------------------------------------------------
  let viewKey = "";
  function paint() {
    const now = chosen();
    if (viewKey !== colour()) {
      viewKey = colour();
      views.forEach((view) => view.setAttribute("aria-pressed", view.dataset.view === viewKey));
      fillLegend();
    }
    overview.redraw();
    layerSlider.set(columnOf(now.n, now.block.number));
    fillStrip(now);
    const key = `${now.n} ${now.row.id}`;
    if (key !== drawnKey) {
      drawnKey = key;
      const { shown, values, missing } = fillDetail(now);
      const tell = (i) => (shown[i] ? `${shown[i].id}, ${values[i].type}: ${values[i].input} to ${values[i].output}, parameters ${values[i].parameters}, MACs ${values[i].macs}, sees ${values[i].sees}` : missing(i));
      const told = both ? networks.map(({ title }, i) => `${title}: ${tell(i)}.`).join(" ") : `${tell(0)}.`;
      overview.label(`${networks.map(({ title, blocks, stages }) => `${title}, ${blocks.length} blocks in ${stages.length} stages`).join("; ")}. ${told} Left and right arrows move by layers, Page Up and Page Down by stages${both ? ", up and down from one network to the other" : ""}.`);
      overview.caption(`Height: rows of the map (square root). Width: channels (cube root). Numbers: rows. Press a block, or use ← → for layers${both ? ", ↑ ↓ for the other network" : ""}.`);
      ear.say(told);
    }
    foot.status(networks[now.n].code ? "All numbers are those of models.describe; no kernel needed." : "");
    foot.stale();
  }

  const watched = [...SETTINGS, "networks"].map((name) => `change:${name}`);
  watched.forEach((event) => model.on(event, redraw));
  redraw();
  return () => {
    watched.forEach((event) => model.off(event, redraw));
    [overview, foot, ear, frame].forEach((part) => part.dispose());
  };
}

const STYLE = `
  .seglib .seg-wide { overflow-x: auto; }
  .seglib table { border-collapse: collapse; width: 100%; margin: 0; font-size: 0.875rem; display: table; border: 0; }
  .seglib table :is(th, td) { padding: 0.2rem 0.5rem 0.2rem 0 !important; border: 0; text-align: start; font-size: inherit !important; white-space: normal !important; vertical-align: top; font-weight: 400; background: none; color: inherit; }
  .seglib .seg-sums td:not(:last-child) { white-space: nowrap !important; }
  .seglib .seg-legend { margin: 0.5rem 0 0.75rem !important; }
  .seglib .seg-sums tbody th { font-weight: 600; }
  .seglib .seg-sums thead { color: var(--seg-quiet); font-size: 0.8125rem; }
  .seglib .seg-sums :is(th, td):last-child { padding-inline-end: 0 !important; }
  .seglib .seg-about { margin: 0.25rem 0 0.75rem; color: var(--seg-quiet); font-size: 0.8125rem; }
  .seglib .seg-views { display: flex; flex-wrap: wrap; margin: 0 0 0.5rem; padding-left: 1px; }
  .seglib .seg-views button { flex: 1 1 auto; border-radius: 0; margin: 0 0 -1px -1px; padding-inline: 0.4rem; }
  .seglib figure canvas { background: none; border-radius: 0; cursor: pointer; }
  .seglib .seg-layer { margin: 0; }
  .seglib .seg-stage-title { margin: 0.5rem 0 0.25rem; font-weight: 600; }
  .seglib .seg-scroller { overflow-x: auto; border-radius: 0.375rem; background: var(--seg-tint); position: relative; }
  .seglib .seg-strip { display: grid; grid-template-columns: repeat(var(--columns), ${SLOT}px); width: max-content; padding: 0.375rem 0; }
  .seglib .seg-strip > .seg-whose { grid-column: 1 / -1; position: sticky; left: 0; width: max-content; padding-inline: 0.5rem; }
  .seglib .seg-whose { display: block; color: var(--seg-quiet); font-size: 0.75rem; font-weight: 400; }
  .seglib .seg-inner { grid-column: 1 / -1; display: block; fill: none; stroke: var(--seg-quiet); stroke-opacity: 0.55; }
  .seglib .seg-strip > button { display: flex; flex-direction: column; align-items: center; gap: 0.125rem; padding: 0.25rem 2px; border: 2px solid transparent; background: none; min-width: 0; color: inherit; line-height: 1.2; }
  .seglib .seg-strip > button:hover { border-color: var(--seg-line); }
  .seglib .seg-strip > button[aria-pressed="true"] { border-color: var(--seg-accent); background: var(--seg-paper); color: inherit; }
  .seglib .seg-strip > button[data-counterpart] { border: 2px dashed var(--seg-accent); }
  .seglib .seg-slab { display: flex; align-items: center; height: 72px; }
  .seglib .seg-slab > span { background: var(--swatch); }
  .seglib .seg-slab > [data-cue="hatch"], .seglib .seg-swatch[data-cue="hatch"] { background: repeating-linear-gradient(135deg, var(--swatch) 0 3px, transparent 3px 5px); }
  .seglib .seg-slab > [data-cue="dots"], .seglib .seg-swatch[data-cue="dots"] { background: radial-gradient(circle, var(--seg-paper) 1px, transparent 1.4px) 0 0 / 5px 5px, var(--swatch); }
  .seglib .seg-slab > [data-cue="none"] { background: var(--seg-line); }
  .seglib .seg-swatch:is([data-cue="dotted"], [data-cue="arc"], [data-cue="dashed"]) { border-width: 2px 0 0; border-radius: 0; height: 0; width: 1.25rem; }
  .seglib .seg-swatch[data-cue="dotted"] { border-style: dotted; }
  .seglib .seg-swatch[data-cue="dashed"] { border-style: dashed; }
  .seglib .seg-name { font-size: 0.75rem; font-weight: 600; overflow-wrap: anywhere; }
  .seglib .seg-what { font-size: 0.6875rem; color: var(--seg-quiet); }
  .seglib .seg-gap { align-self: center; text-align: center; font-size: 0.6875rem; color: var(--seg-quiet); margin: 4px; padding: 1.5rem 0; border: 1px dashed var(--seg-quiet); border-radius: 0.25rem; }
  .seglib .seg-gap:empty { visibility: hidden; }
  .seglib .seg-links { margin: 0.5rem 0 0; font-size: 0.875rem; }
  .seglib .seg-links:empty { display: none; }
  .seglib .seg-link { padding: 0 0.375rem; min-height: 1.5rem; margin: 1px; font-size: 0.8125rem; }
  .seglib .seg-detail { margin-top: 0.5rem; table-layout: fixed; }
  .seglib .seg-detail tr > :first-child { width: 6.5rem; color: var(--seg-quiet); }
  .seglib .seg-detail thead { font-size: 1rem; }
  .seglib .seg-detail thead th { font-weight: 600; overflow-wrap: anywhere; }
  .seglib .seg-detail tbody tr { border-top: 1px solid var(--seg-line); }
  @media (pointer: coarse) { .seglib .seg-link { min-height: 2.75rem; min-width: 2.75rem; } }
  @container (max-width: 26rem) { .seglib .seg-detail tr > :first-child { width: 4.75rem; } .seglib table { font-size: 0.8125rem; } .seglib .seg-views button { font-size: 0.8125rem; padding-inline: 0.2rem; } .seglib .seg-sums thead { font-size: 0.75rem; } }`;

export default { render };
