// core/crf.js against seglib.crf's exact mean field (tests/fixtures/crf.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { appearance, decode, encode, evidence, finish, heard, smoothness, softmax, step, used, voices } from "../../seglib/widgets/js/core/crf.js";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/crf.json", import.meta.url)));
const close = (got, wanted, tolerance, about) => {
  assert.equal(got.length, wanted.length);
  got.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < tolerance, `${about}, ${i}: ${value} is not ${wanted[i]}`));
};

cases.forEach((one, index) => {
  const { width, height, settings, pixels, looked } = one;
  const rgb = one.rgb === "coffee" ? cases[index - 1].rgb : one.rgb;
  const [w1, sigmaXy, sigmaRgb, w2, sigma] = settings;
  const name = `${width} x ${height} with ${settings.join(", ")}`;
  const { map } = decode(one.scribbles, width * height);
  const kernels = {
    appearance: finish(appearance(rgb, width, height, sigmaXy, sigmaRgb, new Float32Array((width * height) ** 2))),
    smoothness: smoothness(width, height, sigma),
  };

  test(`${name}: scribbles are read as Python reads them`, () => {
    if (one.map) assert.deepEqual([...map], one.map);
    assert.deepEqual(used(map), one.labels);
    assert.equal(encode(map), one.scribbles);
  });

  test(`${name}: a pixel hears the others as loudly as seglib.crf's exact kernels say`, () => {
    const row = heard(rgb, width, kernels, sigmaXy, sigmaRgb, sigma, looked);
    for (const kernel of ["appearance", "smoothness"]) close(pixels.map((j) => row[kernel][j]), one.heard[kernel], 1e-6, kernel);
  });

  test(`${name}: every iteration is seglib.crf's, exactly computed`, () => {
    const logits = evidence(map);
    let q = softmax(logits);
    for (let t = 0; t <= 20; t++) {
      if (t) q = finish(step(kernels, { appearance: w1, smoothness: w2 }, logits, q));
      // float32 holds the matrix here, float64 in Python
      if (t in one.q) close(q.flatMap((plane) => pixels.map((i) => plane[i])), one.q[t], 1e-5, `iteration ${t}`);
    }
  });

  test(`${name}: messages of a pixel add up to its update`, () => {
    const logits = evidence(map);
    const before = softmax(logits);
    const after = finish(step(kernels, { appearance: w1, smoothness: w2 }, logits, before));
    const row = heard(rgb, width, kernels, sigmaXy, sigmaRgb, sigma, looked);
    const sums = logits.map((plane, l) => plane[looked] + before[l].reduce((sum, q, j) => sum + q * (w1 * row.appearance[j] + w2 * row.smoothness[j]), 0));
    close(softmax(sums.map((sum) => [sum])).map(([q]) => q), after.map((plane) => plane[looked]), 1e-6, "pixel");
  });
});

test("scribbles that are none are refused with a reason", () => {
  for (const bad of ["x", "3d", "a", "-1a", "3", 7, null]) assert.match(decode(bad, 20).why, /runs/);
  assert.match(decode("19.2a", 20).why, /21 pixels/);
  assert.deepEqual([...decode("", 3).map], [0, 0, 0]);
  assert.equal(encode(new Uint8Array(5)), "");
  assert.equal(encode(Uint8Array.of(0, 1, 1, 3, 0)), "1.2a1c");
});

test("voices counts the strongest that make up a share", () => {
  assert.equal(voices([0.5, 0.3, 0.1, 0.1], 0.5), 1);
  assert.equal(voices([0.1, 0.5, 0.3, 0.1], 0.75), 2);
  assert.equal(voices([0, 0], 0.9), 0);
});
