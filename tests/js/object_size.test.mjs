// core/object_size.js: the runs, masks and marks of ObjectSizeExplorer.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MARK, compare, cover, glass, nearest, outline, place, runs } from "../../seglib/widgets/js/core/object_size.js";

const { side, kinds, radii, cases } = JSON.parse(readFileSync(new URL("../fixtures/object_size.json", import.meta.url)));
const labels = (lengths) => {
  const map = new Uint8Array(side * side);
  for (let i = 0, at = 0; i < lengths.length; at += lengths[i + 1], i += 2) map.fill(lengths[i], at, at + lengths[i + 1]);
  return map;
};

for (const one of cases) {
  const label = kinds.indexOf(one.kind) + 1;
  const name = `${one.kind} of ${one.radius} px`;

  test(`${name} is drawn as Python draws it, labels and colours`, () => {
    const { truth, share } = cover(one, side, label);
    assert.deepEqual(truth, labels(one.truth));
    const [background, paint, image] = one.green;
    image.forEach((value, i) => {
      const got = background[i] + share[one.row * side + 3 * i] * (paint[i] - background[i]);
      assert.ok(Math.abs(got - value) < 2e-3, `column ${3 * i}: ${got} is not ${value}`);
    });
  });

  test(`${name}: a prediction is judged as seglib.metrics judges it`, () => {
    const [truth, predicted] = [labels(one.truth), labels(one.predicted)];
    const found = compare(predicted, truth, label);
    assert.deepEqual([found.pixels, found.right], [one.pixels, one.right]);
    assert.ok(Math.abs(found.iou - one.iou) < 1e-8);
    const count = (mark) => found.marks.reduce((n, value) => n + (value === mark), 0);
    assert.equal(count(MARK.right) + count(MARK.missed) + count(MARK.misnamed), one.pixels);
    assert.equal(count(MARK.false), found.outside);
    assert.equal(found.called.reduce((a, b) => a + b), one.pixels);
    assert.equal(found.called[0], count(MARK.missed));
    for (const mark of Object.values(MARK))
      assert.equal(runs(found.marks, mark, side).reduce((sum, [, , length]) => sum + length, 0), count(mark));
  });
}

test("an outline has an edge wherever neighbours differ, and none at the frame", () => {
  const square = new Uint8Array(side * side);
  for (let y = 3; y < 6; y++) square.fill(2, y * side + 10, y * side + 14);
  const edges = outline(square, side);
  assert.equal(edges.length, 2 * (3 + 4));
  assert.ok(edges.every(([x1, y1, x2, y2]) => Math.abs(x1 - x2) + Math.abs(y1 - y2) === 1));
  assert.deepEqual(outline(new Uint8Array(side * side).fill(1), side), []);
});

test("sizes lie on a logarithmic axis, and a place on it leads back to its size", () => {
  assert.equal(place(2, radii), 0);
  assert.equal(place(128, radii), 1);
  assert.equal(place(16, radii), 0.5);
  radii.forEach((radius, i) => assert.equal(nearest(place(radius, radii) + 0.01, radii), i));
  assert.deepEqual([nearest(-3, radii), nearest(7, radii)], [0, radii.length - 1]);
});

test("the part in view holds the object and lies in the picture", () => {
  for (const radius of radii)
    for (const at of [{ x: 40, y: 88 }, { x: 3, y: 127 }]) {
      const { left, top, length, zoom } = glass(radius, at, side);
      assert.equal(length * zoom, side);
      assert.ok(left >= 0 && top >= 0 && left + length <= side && top + length <= side);
      if (zoom > 1) assert.ok(2.6 * radius < length); // a triangle reaches furthest, 1.56 radii
    }
});
