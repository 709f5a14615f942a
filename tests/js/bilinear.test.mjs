// core/bilinear.js against F.interpolate and ConvTranspose2d (tests/fixtures/bilinear.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { enlarge, GRIDS, layer, METHODS, N, outputSize, pixel, refusal, source } from "../../seglib/widgets/js/core/bilinear.js";
import { tent } from "../../seglib/widgets/js/core/transposed_convolution.js";

const { cases, kernels } = JSON.parse(readFileSync(new URL("../fixtures/bilinear.json", import.meta.url)));
const close = (got, wanted, why) => assert.ok(Math.abs(got - wanted) < 2e-9, `${why}: ${got} is not ${wanted}`);

for (const { scale, grid, method, size, output, layer: steps } of cases)
  test(`${method} by ${scale} on ${grid} is PyTorch's, pixel by pixel`, () => {
    assert.equal(refusal(grid, method), null);
    assert.equal(outputSize(grid, scale), size);
    if (steps) assert.deepEqual(layer(grid, scale), steps);
    enlarge(grid, method, scale).forEach((value, i) => close(value, output[i], i));
    for (let i = 0; i < size * size; i++) {
      const { neighbours, partX, partY } = pixel(grid, method, scale, Math.floor(i / size), i % size);
      close(neighbours.reduce((sum, n) => sum + n.weight, 0), 1, "weights of four neighbours");
      close(neighbours.reduce((sum, n) => sum + n.weight * n.value, 0), output[i], "their sum");
      assert.ok(partX >= 0 && partX <= 1 && partY >= 0 && partY <= 1);
    }
  });

test("every pair of grid and method is there, or refused", () => {
  for (const grid of GRIDS)
    for (const method of METHODS) assert.equal(cases.some((one) => one.grid === grid && one.method === method), refusal(grid, method) === null);
});

test("with corners aligned the first and the last pixel lie on the corners", () => {
  for (const grid of GRIDS.slice(1)) for (const scale of [2, 3, 4]) {
    assert.equal(source(grid, scale, 0), 0);
    close(source(grid, scale, outputSize(grid, scale) - 1), N - 1, grid);
  }
});

test("the kernels are FCN's", () => {
  kernels.forEach((rows, i) => {
    const line = tent(i + 1);
    line.forEach((a, r) => line.forEach((b, c) => assert.ok(Math.abs(rows[r][c] - a * b) < 1e-6)));
  });
});
