// core/dilation.js against PyTorch's convolution (tests/fixtures/dilation.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commonFactor, convolve, coverage, FILTERS, largestGap, pathCounts, span, taps } from "../../seglib/widgets/js/core/dilation.js";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/dilation.json", import.meta.url)));
const image = { ...fixture.image, data: Float64Array.from(fixture.image.data) };
const added = (list) => list.reduce((sum, { weight, pixel }) => sum + weight * (pixel ?? 0), 0);
const close = (got, wanted, tolerance) => assert.ok(Math.abs(got - wanted) <= tolerance, `${got} is not ${wanted}`);

for (const { filter, kernel, rate, weights, output } of fixture.layers)
  test(`${filter} ${kernel}x${kernel} rate ${rate} equals conv2d, everywhere and tap by tap`, () => {
    const mine = FILTERS[filter](kernel);
    mine.forEach((weight, i) => close(weight, weights[i], 1e-12));
    const picture = convolve(image, mine, kernel, rate);
    output.forEach((value, i) => {
      close(picture[i], value, 1e-6); // float32 sums
      close(added(taps(image, mine, kernel, rate, i % image.width, Math.floor(i / image.width))), value, 1e-8);
    });
  });

for (const { kernel, rates, counts } of fixture.stacks)
  test(`ways through rates ${rates} equal autograd's`, () => {
    assert.deepEqual([...pathCounts(kernel, rates)], counts);
    const { field, touched, pixels, share } = coverage(kernel, rates);
    const nonzero = counts.filter((count) => count > 0).length;
    assert.deepEqual([field, touched, pixels], [counts.length, nonzero ** 2, counts.length ** 2]);
    close(share, nonzero ** 2 / counts.length ** 2, 1e-12);
  });

test("span counts both ends", () => {
  assert.deepEqual([span(3, 1), span(3, 2), span(3, 12), span(7, 4)], [3, 5, 25, 25]);
});

test("hybrid dilated convolution: the paper's two examples, and rates with a common factor", () => {
  assert.equal(largestGap([1, 2, 5]), 2); // Wang et al. 2018: allowed for kernel 3
  assert.equal(largestGap([1, 2, 9]), 5); // not allowed
  assert.deepEqual([commonFactor([2, 2, 2]), commonFactor([2, 4, 8]), commonFactor([4, 6, 9]), commonFactor([5])], [2, 2, 1, 5]);
});
