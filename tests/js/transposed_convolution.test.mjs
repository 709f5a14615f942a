// core/transposed_convolution.js against ConvTranspose2d (tests/fixtures/transposed_convolution.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { convolve, counts, cut, kernelWeights, LIMITS, matrix, multiply, paint, problem, refusal, stuffedAt, tapOf, writers } from "../../seglib/widgets/js/core/transposed_convolution.js";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/transposed_convolution.json", import.meta.url)));
const same = (got, wanted, why) => {
  assert.equal(got.length, wanted.length, why);
  got.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-9, `${why}: ${value} is not ${wanted[i]}`));
};
const ways = (given) => ({ stamps: cut(given, paint(given)), zeros: convolve(given), matrix: multiply(matrix(given), given.values) });

test("every setting of the sliders is there, and is refused where PyTorch refuses it, in PyTorch's words", () => {
  assert.equal(fixture.every.length, Object.values(LIMITS).reduce((product, [low, high]) => product * (high - low + 1), 1));
  for (const entry of fixture.every) {
    const layer = Object.fromEntries(fixture.names.map((name, i) => [name, entry[i]]));
    const refused = Array.isArray(entry[5]) && entry[5].map((index) => fixture.words[index]);
    ["grid", "row"].forEach((dims, i) => {
      const said = refusal({ ...layer, dims });
      if (!refused) assert.equal(said, null, JSON.stringify(layer));
      else assert.ok(said?.includes(`“${refused[i]}”`), `${said} does not quote ${refused[i]}`);
    });
  }
});

test("the three views give PyTorch's numbers for every legal setting, and count its writers", () => {
  for (const entry of fixture.every.filter((one) => typeof one[5] === "number")) {
    const layer = Object.fromEntries(fixture.names.map((name, i) => [name, entry[i]]));
    const [height, width, check, written] = entry.slice(5);
    const given = problem({ ...layer, dims: "grid", weights: "numbers", values: "numbers" });
    assert.deepEqual([given.y.m, given.x.m], [height, width]);
    for (const [name, output] of Object.entries(ways(given)))
      assert.equal(output.reduce((sum, value, o) => sum + value * (o + 1), 0), check, `${name} of ${JSON.stringify(layer)}`);
    const row = problem({ ...layer, dims: "row", weights: "ones", values: "ones" });
    assert.equal(counts(row).join(""), written, JSON.stringify(layer));
  }
});

for (const { settings, shape, output } of fixture.shown)
  test(`number by number: ${Object.values(settings).join(" ")}`, () => {
    const given = problem(settings);
    assert.deepEqual([given.y.m, given.x.m], shape);
    for (const [name, got] of Object.entries(ways(given))) same(got, output, name);
    output.forEach((value, o) => same([writers(given, o).reduce((sum, one) => sum + one.value * one.weight, 0)], [value], "writers"));
    same(counts(given), output.map((_, o) => writers(given, o).length), "counts");
  });

test("an input's column holds the whole kernel where nothing is cut away", () => {
  const given = problem({ size: 3, kernel: 3, stride: 2, padding: 0, output_padding: 0, dims: "grid", weights: "numbers", values: "numbers" });
  for (let i = 0; i < 9; i++) {
    const taps = Array.from({ length: 49 }, (_, o) => tapOf(given, o, i)).filter((tap) => tap >= 0);
    assert.deepEqual(taps, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  }
});

test("the stuffed input has every value once, zeros between, and a rim", () => {
  const given = problem({ size: 3, kernel: 3, stride: 2, padding: 0, output_padding: 0, dims: "row", weights: "ones", values: "numbers" });
  assert.deepEqual(Array.from({ length: 9 }, (_, c) => stuffedAt(given, 0, c)), [-2, -2, 0, -1, 1, -1, 2, -2, -2]);
});

test("some stamps painted are some of the sum", () => {
  const given = problem({ size: 3, kernel: 3, stride: 2, padding: 0, output_padding: 0, dims: "row", weights: "numbers", values: "numbers" });
  assert.deepEqual([...paint(given, 1)], [2, 4, 6, 0, 0, 0, 0]);
  assert.deepEqual([...paint(given, 2)], [2, 4, 7, 2, 3, 0, 0]);
  assert.deepEqual([...paint(given)], [2, 4, 7, 2, 6, 6, 9]);
});

test("the bilinear kernel is FCN's", () => {
  const weights = (k) => [...kernelWeights("bilinear", { y: { k: 1 }, x: { k } })];
  assert.deepEqual(weights(4), [0.25, 0.75, 0.75, 0.25]);
  assert.deepEqual(weights(3), [0.5, 1, 0.5]);
});
