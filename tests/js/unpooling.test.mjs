// core/unpooling.js against what PyTorch said (tests/fixtures/unpooling.py wrote the JSON).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PARTS, WAYS, describe, linked, parse, pooledSize, problem, resized, short, unitsOf, work } from "../../seglib/widgets/js/core/unpooling.js";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/unpooling.json", import.meta.url)));
const title = ({ name, size, pool, stride }) => `${name} ${size} x ${size}, pool ${pool}, stride ${stride}`;
const side = ({ size, pool, stride }) => pooledSize(size, pool, stride);

for (const one of cases)
  test(`${title(one)}: maxima, switches and the four ways back are PyTorch's`, () => {
    const shown = work(one);
    assert.deepEqual(shown.maxima, one.maxima);
    assert.deepEqual(shown.switches, one.switches);
    for (const way of WAYS)
      one[way].forEach((value, place) => assert.ok(Math.abs(shown.results[way][place] - value) < 2e-6, `${way} ${place}: ${shown.results[way][place]} is not ${value}`));
  });

test("what is linked to a cell is what it is made of, in every grid", () => {
  for (const one of cases.filter((_, i) => i % 5 === 0)) {
    const shown = work(one);
    const count = (part) => (part === "pooled" ? side(one) ** 2 : one.size ** 2);
    for (const part of PARTS)
      for (let place = 0; place < count(part); place++) {
        const units = unitsOf(part, place, shown);
        const marks = linked(units, shown);
        assert.deepEqual([...marks.pooled.keys()].sort(), [...units].sort());
        for (const unit of units) {
          assert.ok(marks.switches.has(shown.switches[unit]));
          assert.ok(marks.input.has(shown.switches[unit]), "a maximum lies in its window");
          assert.ok(marks.unpooled.has(shown.switches[unit]));
        }
        // changing the value of a unit changes just the cells that are said to be made of it
        if (units.length === 1 && one.decoder.length) {
          const after = work({ ...one, decoder: one.decoder.map((value, unit) => value + (unit === units[0] ? 50 : 0)) });
          for (const way of ["zeros", "nearest", "bilinear"])
            shown.results[way].forEach((value, at) => assert.equal(Math.abs(after.results[way][at] - value) > 1e-9, marks[way].has(at)));
        }
        assert.match(describe({ part, place, values: one.values }, shown), /^.{20,}\.$/s);
      }
  }
});

test("weights of a bilinear cell add up to one", () => {
  for (const one of cases)
    for (const from of work(one).sources.bilinear) assert.ok(Math.abs(from.reduce((sum, [, weight]) => sum + weight, 0) - 1) < 1e-12);
});

test("the words tell a maximum from a tie, from the rest, from a cell without window and from a shared switch", () => {
  const grid = (rows) => rows.flat();
  const tied = { size: 4, pool: 2, stride: 2, decoder: [], values: grid([[5, 5, 0, 0], [1, 1, 0, 0], [0, 0, 9, 0], [0, 0, 0, 0]]) };
  const say = (settings, part, place) => describe({ part, place, values: settings.values }, work(settings));
  assert.match(say(tied, "input", 0), /largest in the window of unit \(0, 0\).*puts 5 back/);
  assert.match(say(tied, "input", 1), /As large as.*row 0, column 0 comes first/);
  assert.match(say(tied, "input", 4), /forgets it/);
  assert.match(say({ ...tied, pool: 3, stride: 3 }, "input", 15), /No window reads this cell/);
  assert.match(say({ ...tied, decoder: [2, 3, 4, 6] }, "pooled", 3), /maximum was 9.*value is 6.*not the old maximum/);
  assert.match(say({ ...tied, decoder: [2, 3, 4, 6] }, "unpooled", 10), /^Unpooled, row 2, column 2: 6\. .*9, is gone/);
  const shared = { ...tied, pool: 3, stride: 1 };
  assert.match(say(shared, "unpooled", 10), /share this switch and write the same value/);
  assert.match(say({ ...shared, decoder: [1, 2, 3, 4] }, "unpooled", 10), /: 4\. .*write 1, 2, 3 and 4\. .*On one thread PyTorch leaves the last/);
  assert.deepEqual(work(shared).fought, [10]);
});

test("what is typed becomes a whole number or a reason", () => {
  for (const [text, value] of [["7", 7], [" 12 ", 12], ["-3", -3], ["−3", -3], ["+4", 4], ["-0", 0], ["007", 7], ["99", 99], ["-99", -99]])
    assert.deepEqual(parse(text), { value });
  for (const [text, words] of [["", "empty"], ["  ", "empty"], ["nan", "NaN"], ["NaN", "NaN"], ["2.5", "2.5"], ["abc", "abc"], ["1e3", "1e3"], ["100", "out of range"], ["-100", "out of range"], ["--1", "--1"], ["Infinity", "Infinity"]])
    assert.ok(parse(text).why.includes(words), `${text}: ${parse(text).why}`);
  assert.ok(!Object.is(parse("-0").value, -0));
});

test("numbers are short", () => {
  assert.deepEqual([7, -3, 2.5, 2.005, 0.125, -0.0001, 1.999].map((value) => short(value)), ["7", "−3", "2.5", "2", "0.13", "0", "2"]);
});

test("settings that do not fit together are named", () => {
  const fine = { size: 4, pool: 2, stride: 2, values: Array(16).fill(0), decoder: [], part: "pooled", x: 1, y: 1 };
  assert.equal(problem(fine), null);
  assert.match(problem({ ...fine, values: Array(36).fill(0) }), /36 values do not fill a grid of 4 × 4/);
  assert.match(problem({ ...fine, decoder: [1] }), /1 decoder values do not fill a pooled map of 2 × 2/);
  assert.match(problem({ ...fine, x: 2 }), /column 2 is not in a grid of 2 × 2/);
});

test("a grid grows with zeros and shrinks to its upper left part", () => {
  assert.deepEqual(resized([1, 2, 3, 4], 2, 3), [1, 2, 0, 3, 4, 0, 0, 0, 0]);
  assert.deepEqual(resized([1, 2, 0, 3, 4, 0, 0, 0, 0], 3, 2), [1, 2, 3, 4]);
});
