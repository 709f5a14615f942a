// What several pictures on a canvas share: text that costs no layout, and the line around a block.

export const FAMILY = "ui-sans-serif, system-ui, sans-serif";

const stamps = new Map();

/**
 * Text as a small picture, made once; `x` is its left end, middle or right end, `y` its middle. Returns its width.
 * Writing on a canvas of the page makes the browser lay the page out first, in the middle of a drag; a canvas of nowhere
 * has no page.
 */
export function stamp(context, text, x, y, colour, font, align = "center") {
  const scale = context.getTransform().a;
  const name = [text, colour, font, scale].join();
  if (stamps.size > 900) stamps.clear();
  if (!stamps.has(name)) {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.font = font;
    const [width, height] = [Math.ceil(pen.measureText(text).width) + 2, Math.ceil(Number(font.match(/([\d.]+)px/)[1]) * 1.5)];
    [pen.canvas.width, pen.canvas.height] = [Math.ceil(width * scale), Math.ceil(height * scale)];
    pen.scale(scale, scale);
    pen.font = font;
    pen.textBaseline = "middle";
    pen.fillStyle = colour;
    pen.fillText(text, 1, height / 2);
    stamps.set(name, { canvas: pen.canvas, width, height });
  }
  const { canvas, width, height } = stamps.get(name);
  const left = x + (align === "left" ? -1 : align === "right" ? 1 - width : -width / 2);
  const whole = (length) => Math.round(length * scale) / scale; // on whole pixels of the screen, or it blurs
  context.drawImage(canvas, whole(left), whole(y - height / 2), canvas.width / scale, canvas.height / scale);
  return width;
}

/** A line around [x, y, width, height]; `under`, a colour, is a wider one below it that keeps it visible on every tint. */
export function outline(context, block, paint, { line = 2.5, dash = [], under = null } = {}) {
  for (const [width, style, gaps] of [[line + 2.5, under, []], [line, paint, dash]]) {
    if (!style) continue;
    context.setLineDash(gaps);
    context.lineWidth = width;
    context.strokeStyle = style;
    context.strokeRect(...block);
  }
  context.setLineDash([]);
}
