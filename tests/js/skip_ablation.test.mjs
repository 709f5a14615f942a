// core/skip_ablation.js against label maps and scores of the network itself.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cut, offOf, scores, setOf, toPyTorch } from "../../seglib/widgets/js/core/skip_ablation.js";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/skip_ablation.json", import.meta.url)));
const close = (got, wanted) => assert.ok(Math.abs(got - wanted) <= 1e-9, `${got} is not ${wanted}`);

fixture.cases.forEach(({ truth, predicted, right, iou }, i) =>
  test(`scores of map ${i} equal the metrics'`, () => {
    const found = scores(Uint8Array.from(predicted), Uint8Array.from(truth), fixture.classes);
    close(found.right, right);
    close(found.iou, iou);
  }));

test("switches are bits, the finest the lowest", () => {
  assert.deepEqual([setOf([false, false, false, false]), setOf([true, false, false, false]), setOf([false, false, true, true])], [0, 1, 12]);
  assert.deepEqual([offOf(15), offOf(0), offOf(6)], [[], ["d0c", "d1c", "d2c", "d3c"], ["d0c", "d3c"]]);
});

test("a map is cut out of its row and column of the sheet", () => {
  const sheet = Uint8Array.from({ length: 4 * 6 }, (_, i) => i); // two rows of three maps of 2 x 2
  assert.deepEqual([...cut(sheet, 6, 2, 2, 1)], [16, 17, 22, 23]);
  assert.deepEqual([...cut(sheet, 6, 2, 0, 0)], [0, 1, 6, 7]);
});

test("code names what is off, and asks for means only where they are used", () => {
  const state = { scene: 53, size: 128, scenes: 200, references: 64 };
  assert.match(toPyTorch({ ...state, off: ["d0c", "d2c"], kind: "mean" }), /\["d0c", "d2c"\], kind="mean", means=means/);
  assert.doesNotMatch(toPyTorch({ ...state, off: [], kind: "mean" }), /channel_means/);
  assert.match(toPyTorch({ ...state, off: ["d3c"], kind: "other" }), /scenes\[52\]/);
  assert.match(toPyTorch({ ...state, scene: 0, off: ["d3c"], kind: "other" }), /scenes\[199\]/);
});
