// The static page's model, and settings that live in the page's address.
import assert from "node:assert/strict";
import { test } from "node:test";
import { legal, readLink, staticModel, writeLink } from "../../seglib/widgets/js/host.js";

const settings = {
  rate: { type: "integer", min: 1, max: 12 },
  filter: { values: ["edges", "blur"] },
  rates: { items: { type: "integer", min: 1, max: 16 }, min: 1, max: 7 },
  heat: { type: "boolean" },
};
const defaults = { rate: 2, filter: "edges", rates: [2, 2, 2], heat: true };

test("settings go into the address and come back", () => {
  const state = { ...defaults, rate: 5, rates: [1, 2, 5], filter: "blur", heat: false };
  const hash = writeLink("", "dilation", settings, defaults, (name) => state[name]);
  assert.deepEqual(readLink(hash, "dilation", settings), { values: { rate: 5, rates: [1, 2, 5], filter: "blur", heat: false }, refused: [] });
});

test("defaults leave no trace, and another widget's settings stay", () => {
  assert.equal(writeLink("", "dilation", settings, defaults, (name) => defaults[name]), "");
  const other = writeLink("#other.rate=3&dilation.rate=9", "dilation", settings, defaults, (name) => defaults[name]);
  assert.equal(other, "#other.rate=3");
});

test("a jump to a heading is not mistaken for settings", () => {
  assert.deepEqual(readLink("#why-holes", "dilation", settings).values, {});
  const hash = writeLink("#why-holes", "dilation", settings, defaults, (name) => (name === "rate" ? 3 : defaults[name]));
  assert.equal(hash, "#dilation.rate=3");
});

test("illegal values in a link are refused by name, not used", () => {
  for (const bad of ["99", "0", "2.5", '"2"', "null", "nonsense", "NaN"]) {
    const { values, refused } = readLink(`#dilation.rate=${encodeURIComponent(bad)}`, "dilation", settings);
    assert.deepEqual(values, {});
    assert.equal(refused.length, 1);
  }
  assert.ok(!legal([1, 99], settings.rates));
  assert.ok(!legal([], settings.rates));
  assert.ok(!legal([1, 1, 1, 1, 1, 1, 1, 1], settings.rates));
});

test("the model without a kernel tells of changes, once each, and can be left", () => {
  const model = staticModel({ rate: 2 });
  const heard = [];
  const listener = () => heard.push(model.get("rate"));
  model.on("change:rate", listener);
  model.set("rate", 3);
  model.set("rate", 3);
  model.off("change:rate", listener);
  model.set("rate", 4);
  assert.deepEqual(heard, [3]);
});
