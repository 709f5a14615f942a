"""Still pictures of small numbers in cells, as `js/ui/number_grid.js` draws them on light paper."""

from PIL import Image, ImageDraw, ImageFont

from seglib.widgets.field_picture import INK, LINE, PAPER, QUIET, thinned

RIM = 20


def brief(value: float, digits: int) -> str:
    """A number as short as it can be said, with so many decimals at most."""
    return f"{round(value, digits):g}"


class NumberPicture:
    """A sheet to which grids of numbers are added from left to right, their tops in line."""

    def __init__(self) -> None:
        self.sheet = Image.new("RGB", (2000, 1000), PAPER)
        self.draw = ImageDraw.Draw(self.sheet)
        self.right = RIM
        self.bottom = 0.0

    def image(self) -> Image.Image:
        """The sheet as far as it is used."""
        return self.sheet.crop((0, 0, round(self.right) + RIM, round(self.bottom) + RIM))

    def text(self, text: str, x: float, y: float, size: float, *, colour: str = INK, anchor: str = "mm") -> None:
        """Write a word."""
        self.draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)

    def grid(self, title: str, rows: list[list[float]], colour: str, *, side: float) -> tuple[float, float, float]:
        """Add a grid with a side of at most `side`.

        Returns:
            Its left, its top, and the width of a cell.
        """
        high, wide = len(rows), len(rows[0])
        cell = min(side / high, side / wide, 72)
        left, top = self.right + (0 if self.right == RIM else 3 * RIM), 56
        most = max(max(map(max, rows)), 1e-9)
        digits = 2 if cell > 56 else 1
        size = min(30, cell * 0.5, 1.6 * cell / max(len(brief(value, digits)) for row in rows for value in row))
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                x, y = left + c * cell, top + r * cell
                self.draw.rectangle((x, y, x + cell, y + cell), fill=thinned(colour, 0.05 + 0.5 * value / most))
                self.draw.rectangle((x, y, x + cell, y + cell), outline=LINE)
                if size >= 9:
                    self.text(brief(value, digits), x + cell / 2, y + cell / 2, size)
        self.draw.rectangle((left, top, left + wide * cell, top + high * cell), outline=colour, width=4)
        self.text(title, left, 30, 24, colour=QUIET, anchor="lm")
        self.right = left + max(wide * cell, self.draw.textlength(title, font=ImageFont.load_default(24)))
        self.bottom = max(self.bottom, top + high * cell)
        return left, top, cell
