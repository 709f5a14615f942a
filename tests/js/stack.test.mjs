// core/stack.js against what PyTorch said (tests/fixtures/stack.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { KINDS, THRESHOLD, box, effective, geometry, nearestUnit, outputSize, problem, span, touched, waysDown } from "../../seglib/widgets/js/core/stack.js";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/stack.json", import.meta.url)));

const runs = (counts) => {
  const found = [];
  counts.forEach((count, at) => {
    if (!count) return;
    if (found.at(-1)?.[1] === at) found.at(-1)[1] = at + 1;
    else found.push([at, at + 1]);
  });
  return found;
};

for (const { title, layers, in_channels, input, sizes, weights, units, illegal } of cases) {
  const shown = geometry(layers, input, in_channels);

  test(`${title}: sizes, weights and the first illegal layer are PyTorch's`, () => {
    assert.deepEqual(shown.layers.map(({ size }) => size), sizes);
    assert.deepEqual(shown.layers.map((layer) => layer.weights), weights);
    assert.equal(shown.illegal?.index ?? null, illegal);
    if (illegal !== null) assert.ok(shown.illegal.why.length > 20);
  });

  for (const { index, x, y, box: seen, field, jump, touched: sets, ways } of units)
    test(`${title}: unit (${x}, ${y}) of layer ${index} sees what autograd reaches`, () => {
      const layer = shown.layers[index];
      assert.deepEqual(box(shown.layers, index, { x, y }), seen);
      assert.equal(layer.field, field);
      assert.equal(layer.jump, jump);
      // pixel centres are whole numbers, so the middle of the half-open box is half a pixel further
      assert.equal(layer.start + x * layer.jump, (seen[1] + seen[3] - 1) / 2);
      for (const [name, axis, unit] of [["y", 0, y], ["x", 1, x]]) {
        const counts = waysDown(shown.layers, index, unit, axis, input);
        assert.deepEqual(counts.map((level) => runs(level)), sets[name]);
        const [first, expected] = ways[name];
        assert.deepEqual([...counts[0].slice(first, first + expected.length)], expected);
      }
    });
}

test("the effective field counts pixels above 4.55 % of the centre of the root-mean-square gradient", () => {
  const [y, x] = [Float64Array.of(1, 4, 9, 4, 0), Float64Array.of(0, 2, 1000, 0, 1)];
  const above = (level) => {
    let pixels = 0;
    for (const a of y) for (const b of x) if (Math.sqrt(a * b) > THRESHOLD * Math.sqrt(level)) pixels++;
    return { pixels, size: Math.sqrt(pixels) };
  };
  assert.deepEqual(effective(y, x, { y: 2, x: 2 }), above(9000));
  assert.deepEqual(effective(y, x, { y: 2.5, x: 1 }), above(18), "between pixels the larger neighbour counts");
  assert.deepEqual(effective(y, x, { y: -7, x: 9 }), above(1), "off the map the nearest pixel counts");
  assert.deepEqual(effective(y, x, { y: 2, x: 3 }), above(9000), "where nothing reaches the centre, the peak counts");
  assert.deepEqual(effective(new Float64Array(3), x, { y: 1, x: 1 }), { pixels: 0, size: 0 });
});

test("a stack of n 3 x 3 convolutions has Luo et al.'s bell: standard deviation sqrt(n (k^2 - 1) / 12)", () => {
  for (const n of [5, 10, 20, 40]) {
    const stack = Array.from({ length: n }, (_, i) => ({ name: `conv${i}`, kind: "conv", kernel: 3, padding: "same" }));
    const { layers } = geometry(stack, [121, 121]);
    const counts = waysDown(layers, n - 1, 60, 1, [121, 121])[0];
    const total = counts.reduce((sum, count) => sum + count, 0);
    const variance = counts.reduce((sum, count, i) => sum + (count * (i - 60) ** 2) / total, 0);
    assert.ok(Math.abs(Math.sqrt(variance) - Math.sqrt((n * 8) / 12)) < 1e-9);
    assert.equal(touched(counts), 2 * n + 1);
  }
});

test("the unit nearest to its own centre is itself", () => {
  for (const { layers, input, in_channels } of cases)
    for (const layer of geometry(layers, input, in_channels).layers)
      for (const [axis, size] of layer.size.entries())
        for (let unit = 0; unit < size; unit += 7) assert.equal(nearestUnit(layer, layer.start + unit * layer.jump, axis), unit);
});

test("an illegal layer is refused in words", () => {
  const fine = { name: "conv1", kind: "conv", kernel: 3 };
  assert.equal(problem(fine), null);
  for (const [change, word] of [
    [{ name: 'x")' }, "name"], [{ name: "" }, "name"], [{ kind: "attention" }, "attention"], [{ kernel: 0 }, "kernel 0"], [{ kernel: 2.5 }, "kernel 2.5"],
    [{ kernel: undefined, kind: "max pool" }, null], [{ stride: 9 }, "stride 9"], [{ dilation: "2" }, "dilation 2"], [{ padding: -1 }, "padding -1"],
    [{ kind: "average pool", dilation: 2 }, "dilation"], [{ kind: "max pool", padding: 2 }, "at most half"], [{ channels: 0 }, "channels"], [{ ceil: true }, "round"],
  ]) {
    const why = problem({ ...fine, ...change });
    if (word) assert.ok(why?.includes(word), `${JSON.stringify(change)}: ${why}`);
  }
  const { layers, illegal } = geometry([fine, fine], [9, 9]);
  assert.equal(layers.length, 1);
  assert.match(illegal.why, /two layers/);
});

test("half the span as padding keeps the size wherever the span is odd", () => {
  for (const kind of KINDS)
    for (let kernel = 1; kernel <= 11; kernel++)
      for (let dilation = 1; dilation <= (kind === "conv" ? 24 : 1); dilation++) {
        const layer = { kind, kernel, dilation, padding: "same" };
        assert.equal(outputSize(300, layer), span(layer) % 2 ? 300 : 299);
      }
});
