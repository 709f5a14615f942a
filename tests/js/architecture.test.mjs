// ArchitectureViewer's arithmetic against models.describe (tests/fixtures/architecture.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { MEASURES, amount, columnAt, columns, counterpart, heights, levels, mostRows, order, percent, sees, share, short, sources, strengths, tall, toPyTorch, totals, unpack } from "../../seglib/widgets/js/core/architecture.js";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/architecture.json", import.meta.url)));
const close = (a, b, tolerance) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

for (const [name, { networks: pages, pairs, facts }] of Object.entries(fixture)) {
  const networks = pages.map(unpack);

  test(`${name}: totals and every row are describe's`, () => {
    networks.forEach((network, n) => {
      const { parameters, stride, ...sums } = totals(network);
      assert.deepEqual(sums, facts[n].totals);
      assert.equal(parameters, sums.trainable + sums.frozen);
      assert.ok(stride);
      assert.equal(network.rows.length, facts[n].rows.length);
      network.rows.forEach((row, i) => {
        for (const [property, value] of Object.entries(facts[n].rows[i])) assert.deepEqual(row[property], value, `${row.id}: ${property}`);
      });
    });
  });

  test(`${name}: every row is in one block, every block in one stage`, () => {
    for (const { rows, blocks, stages } of networks) {
      assert.deepEqual(blocks.flatMap((block) => block.rows), rows);
      assert.deepEqual(stages.map(({ first }) => first), [0, ...stages.slice(0, -1).map(({ end }) => end)]);
      assert.equal(stages.at(-1).end, blocks.length);
      for (const block of blocks) assert.ok(block.rows.includes(block.leader));
      for (const measure of MEASURES.slice(0, 3)) assert.equal(blocks.reduce((sum, block) => sum + block[measure], 0), amount(rows, measure));
    }
  });

  test(`${name}: shares add up to one`, () => {
    for (const network of networks)
      for (const measure of MEASURES.slice(0, 3)) close(network.rows.reduce((sum, row) => sum + share(row, network, measure), 0), 1, 1e-9);
  });

  test(`${name}: columns hold every block once, in order, and fill the width`, () => {
    const places = order(networks, pairs);
    networks.forEach(({ blocks }, n) => assert.deepEqual(places.map((place) => place[n]).filter((block) => block != null), blocks.map(({ number }) => number)));
    for (const width of [300, 326, 700]) {
      const all = columns(networks, pairs, width);
      all.forEach(({ left, width: wide }, i) => {
        assert.ok(wide > 0 && left >= 0 && left + wide <= width + 1e-9);
        if (i) assert.ok(left >= all[i - 1].left + all[i - 1].width - 1e-9);
        assert.equal(columnAt(all, left + wide / 2), i);
      });
      assert.equal(columnAt(all, width + 5), all.length - 1);
    }
  });

  test(`${name}: counterparts lead back`, () => {
    if (networks.length < 2) return;
    for (const block of networks[0].blocks) {
      const other = counterpart(pairs, 0, block.number);
      if (other != null) assert.equal(counterpart(pairs, 1, other), block.number);
    }
  });

  test(`${name}: the dearest block is the strongest, and what costs nothing is 0`, () => {
    for (const measure of MEASURES) {
      const values = strengths(networks, measure);
      assert.equal(Math.max(...values.flat()), 1);
      networks.forEach(({ blocks }, n) => blocks.forEach((block, i) => assert.equal(values[n][i] === 0, block[measure] === 0)));
    }
  });

  test(`${name}: reads and read by are two sides of one edge`, () => {
    for (const { rows } of networks)
      for (const row of rows) for (const { row: from } of row.reads) if (from >= 0) assert.ok(rows[from].readBy.includes(row.number));
  });
}

const [deconvnet, segnet] = fixture["deconvnet against segnet"].networks.map(unpack);
const pairs = fixture["deconvnet against segnet"].pairs;
const block = (network, label) => network.blocks.find(({ leader }) => leader.label === label);

test("fc6 and fc7 of DeconvNet have no counterpart in SegNet; conv1_1 has, and deconv5_1 by its place", () => {
  for (const label of ["fc6", "fc7", "fc6_deconv"]) assert.equal(counterpart(pairs, 0, block(deconvnet, label).number), null);
  for (const [one, other] of [["conv1_1", "conv1_1"], ["deconv5_1", "conv5_3_D"], ["seg_score_voc", "conv1_1_D"]])
    assert.equal(counterpart(pairs, 0, block(deconvnet, one).number), block(segnet, other).number);
});

test("fc6 and fc6_deconv have four fifths of DeconvNet's parameters", () => {
  const part = ["fc6", "fc6_deconv"].reduce((sum, label) => sum + share(block(deconvnet, label).leader, deconvnet, "parameters"), 0);
  close(part, 0.816, 0.001);
});

test("a block widens or narrows between the map it reads and the map it gives", () => {
  assert.deepEqual(heights(deconvnet, block(deconvnet, "pool1").number), [224, 112]);
  assert.deepEqual(heights(deconvnet, block(deconvnet, "unpool5").number), [7, 14]);
  assert.deepEqual(heights(deconvnet, block(deconvnet, "conv1_1").number), [224, 224]);
  assert.equal(mostRows([deconvnet, segnet]), 224);
  assert.equal(tall(224, 224), 1);
  close(tall(56, 224), 0.5, 1e-12);
  assert.equal(tall(0, 224), 0.06);
});

test("longer skips are drawn higher", () => {
  const rises = levels(deconvnet.skips);
  const sorted = [...deconvnet.skips].sort((a, b) => a.to - a.from - (b.to - b.from));
  sorted.slice(1).forEach((skip, i) => assert.ok(rises.get(skip) > rises.get(sorted[i])));
  assert.equal(rises.get(sorted.at(-1)), 1);
});

test("an unpooling reads activations and switches", () => {
  assert.deepEqual(sources(deconvnet, block(deconvnet, "unpool5").leader).map(({ how }) => how), ["", "its switches"]);
});

test("numbers in words", () => {
  assert.deepEqual([0, 999, 1000, 999_600, 251_805_653, 32.7e9].map(short), ["0", "999", "1 k", "1 M", "252 M", "32.7 G"]);
  assert.deepEqual([0, 0.0001, 0.004, 0.0994, 0.408].map((part) => percent(part).replaceAll("\u00a0", " ")), ["0 %", "< 0.1 %", "0.4 %", "9.9 %", "41 %"]);
  assert.deepEqual([[], [404], [436, 468], [10, 20, 5], [-1], [-1, 40]].map(sees), ["none", "404 px", "436 or 468 px", "10 to 20 px", "the whole image", "the whole image, or less"]);
});

test("copied code names the layer and which of its calls", () => {
  const dense = unpack(fixture["fc_densenet56, narrow"].networks[0]);
  const third = dense.rows.find(({ id }) => id === "db1.cat#3");
  assert.match(toPyTorch(dense, third), /row\.label == "db1\.cat"\]\[2\]/);
  assert.match(toPyTorch(dense, third), /models\.create\('fc_densenet56', num_classes=11, in_channels=3, width=0\.25\)/);
  assert.match(toPyTorch({ ...dense, code: null }, third), /your own module/);
});
