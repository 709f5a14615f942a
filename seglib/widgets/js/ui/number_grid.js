// Small real numbers in cells: the pictures of the widgets that show every number they add up.
import { hatch } from "./kit.js";
import { FAMILY, outline } from "./paint.js";

/** A number as short as it can be said: two decimals at most. */
export const brief = (value) => String(Number(value.toFixed(2))).replace("-", "−");

/** Where a grid of cells lies in a picture: as large as it fits, in the middle, no cell wider than `most`. */
export function place(width, height, rows, columns, most = 46, rim = 3) {
  const exact = Math.min((width - 2 * rim) / columns, (height - 2 * rim) / rows, most);
  const cell = exact > 12 ? Math.floor(exact) : exact; // whole pixels keep lines sharp
  const [left, top] = [Math.round((width - cell * columns) / 2), Math.round((height - cell * rows) / 2)];
  return { left, top, cell, wide: cell, high: cell, rows, columns };
}

/** The cell under a point given as shares of the picture, or null. */
export function cellAt(spot, { x, y }, width, height) {
  if (!spot) return null;
  const [row, column] = [Math.floor((y * height - spot.top) / spot.high), Math.floor((x * width - spot.left) / spot.wide)];
  return row >= 0 && column >= 0 && row < spot.rows && column < spot.columns ? [row, column] : null;
}

/**
 * Draw a grid. look(row, column) says how a cell looks: { tone: colour name, share: of it over the paper, text, note: a
 * second, smaller line, hatched, faint, bold, dx and dy: where in the cell the number stands }, or null for an empty one.
 * A `plain` grid has no lines between its cells.
 */
export function cells(context, spot, look, colour) {
  const { left, top, wide, high, rows, columns } = spot;
  const small = Math.min(wide, high);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colour("paper");
  context.fillRect(left, top, wide * columns, high * rows);
  const texts = [];
  let longest = 1;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const now = look(r, c);
      if (!now) continue;
      const [x, y] = [left + c * wide, top + r * high];
      if (now.share > 0) {
        context.globalAlpha = now.share;
        context.fillStyle = colour(now.tone);
        context.fillRect(x, y, wide + 0.3, high + 0.3);
        context.globalAlpha = 1;
      }
      if (now.hatched) {
        context.globalAlpha = 0.6;
        hatch(context, x, y, wide, high, colour("unseen"), 6);
        context.globalAlpha = 1;
      }
      if (now.text) {
        texts.push([now, x + (now.dx ?? 0.5) * wide, y + (now.dy ?? 0.5) * high]);
        longest = Math.max(longest, now.text.length);
      }
    }
  if (small >= 5 && !spot.plain) {
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    for (let r = 0; r <= rows; r++) context.moveTo(left, top + r * high), context.lineTo(left + columns * wide, top + r * high);
    for (let c = 0; c <= columns; c++) context.moveTo(left + c * wide, top), context.lineTo(left + c * wide, top + rows * high);
    context.stroke();
  }
  // one size for all numbers of a grid, so that a longer one does not look less important
  const size = Math.min(15, high * 0.5, (wide * 0.82) / (0.58 * longest));
  if (size < 7) return;
  for (const [now, x, y] of texts) {
    context.globalAlpha = now.faint ? 0.6 : 1;
    context.fillStyle = colour("ink");
    context.font = `${now.bold ? "600 " : ""}${size}px ${FAMILY}`;
    context.fillText(now.text, x, y + (now.note && high > 38 ? 6 : 0.5));
    if (now.note && high > 38) {
      context.font = `${Math.min(10.5, (wide * 0.94) / (0.52 * now.note.length))}px ${FAMILY}`;
      context.fillStyle = colour("quiet");
      context.fillText(now.note, x, y - 10);
    }
  }
  context.globalAlpha = 1;
}

/** A line around a block of cells; `paper`, a colour, under it keeps it visible on every tint. */
export function frameCells(context, { left, top, wide, high }, [row, column, rows, columns], paint, { line, dash, paper } = {}) {
  outline(context, [left + column * wide, top + row * high, columns * wide, rows * high], paint, { line, dash, under: paper });
}
