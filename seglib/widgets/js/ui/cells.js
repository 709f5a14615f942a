// Grids of numbered cells on a canvas: shades, numbers, rings, frames and arrows.

import { outline } from "./paint.js";

/** Where a cell lies: `grid` is { left, top, cell, width } with the width in cells. */
export const corner = ({ left, top, cell, width }, place) => [left + (place % width) * cell, top + Math.floor(place / width) * cell];
export const middle = (grid, place) => corner(grid, place).map((length) => length + grid.cell / 2);

/** The shades of a grid, `share(place)` from 0 to 1, with thin lines between the cells. */
export function shades(context, grid, count, share, colour, strongest, line) {
  const gap = grid.cell >= 16 ? 1 : 0.5;
  const [x0, y0] = corner(grid, 0);
  context.fillStyle = line;
  context.fillRect(x0, y0, grid.width * grid.cell, (count / grid.width) * grid.cell);
  for (const [paint, alpha] of [[colour.paper, () => 1], [colour.fill, (place) => strongest * share(place)]])
    for (let place = 0; place < count; place++) {
      const [x, y] = corner(grid, place);
      context.globalAlpha = alpha(place);
      context.fillStyle = paint;
      context.fillRect(x + gap / 2, y + gap / 2, grid.cell - gap, grid.cell - gap);
    }
  context.globalAlpha = 1;
}

/** The frame around a block of cells: `rows` x `columns` from `place` on. `inset` moves it inwards. */
export function frame(context, grid, place, [rows, columns], paint, line, { inset = 0, dash, under } = {}) {
  const [x, y] = corner(grid, place);
  const block = [x + inset, y + inset, columns * grid.cell - 2 * inset, rows * grid.cell - 2 * inset];
  outline(context, block, paint, { line, dash, under });
}

/** The ring around a maximum. */
export function ring(context, grid, place, paint, line, fill = null) {
  context.beginPath();
  context.arc(...middle(grid, place), grid.cell * 0.4, 0, 2 * Math.PI);
  if (fill) {
    context.fillStyle = fill;
    context.fill();
  }
  context.lineWidth = line;
  context.strokeStyle = paint;
  context.stroke();
}

/** A small triangle in a cell's upper right corner: something is to be said about it. */
export function flag(context, grid, place, paint) {
  const [x, y] = corner(grid, place);
  const side = Math.max(5, grid.cell * 0.22);
  context.fillStyle = paint;
  context.beginPath();
  context.moveTo(x + grid.cell - side - 1, y + 1);
  context.lineTo(x + grid.cell - 1, y + 1);
  context.lineTo(x + grid.cell - 1, y + side + 1);
  context.fill();
}

/** A curved arrow; it leaves and arrives along the longer way, sideways or downwards. */
export function arrow(context, [x0, y0], [x1, y1], paint, line, alpha = 1) {
  const down = Math.abs(y1 - y0) > 1.5 * Math.abs(x1 - x0);
  const head = 3 + 2.2 * line;
  const [ex, ey] = down ? [x1, y1 - head] : [x1 - head, y1];
  const bend = down ? (ey - y0) / 2 : (ex - x0) / 2;
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = paint;
  context.lineWidth = line;
  context.beginPath();
  context.moveTo(x0, y0);
  if (down) context.bezierCurveTo(x0, y0 + bend, ex, ey - bend, ex, ey);
  else context.bezierCurveTo(x0 + bend, y0, ex - bend, ey, ex, ey);
  context.stroke();
  context.beginPath();
  context.moveTo(x1, y1);
  for (const side of [-1, 1]) context.lineTo(...(down ? [x1 + side * head * 0.55, ey] : [ex, y1 + side * head * 0.55]));
  context.fill();
  context.globalAlpha = 1;
}
