// Many networks at once for Python's tests: what the page adds up, and the code it copies.
import { percent, share, toPyTorch, totals, unpack } from "../../seglib/widgets/js/core/architecture.js";

export const sums = (pages) => pages.map((page) => totals(unpack(page)));

export const copied = (page, id) => {
  const network = unpack(page);
  const row = network.rows.find((one) => one.id === id);
  return { row: { ...row, readBy: undefined }, share: percent(share(row, network, "parameters")), code: toPyTorch(network, row) };
};
