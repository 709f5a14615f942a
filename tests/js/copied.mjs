// Many stacks at once for Python's tests: what the page shows of one unit, and the code it copies.
import { KINDS, LIMITS, box, effective, geometry, touched, toPyTorch, waysDown } from "../../seglib/widgets/js/core/stack.js";

export const shown = (cases) =>
  cases.map(({ layers: stack, input: inputSize, in_channels: inChannels, index, x, y }) => {
    const { layers } = geometry(stack, inputSize, inChannels);
    const { field, jump, start, size, weights } = layers[index];
    const ways = { y: waysDown(layers, index, y, 0, inputSize)[0], x: waysDown(layers, index, x, 1, inputSize)[0] };
    return {
      field, jump, size, weights,
      code: toPyTorch(layers, { inputSize, inChannels, index, x, y }),
      box: box(layers, index, { x, y }),
      pixels: touched(ways.y) * touched(ways.x),
      ways: { y: [...ways.y], x: [...ways.x] },
      effective: effective(ways.y, ways.x, { y: start + y * jump, x: start + x * jump }).size,
    };
  });

export const rules = () => ({ kinds: KINDS, limits: LIMITS });

/** Which stacks cannot be built, in words, or null. */
export const verdicts = (cases) => cases.map(({ layers, input }) => geometry(layers, input).illegal?.why ?? null);
