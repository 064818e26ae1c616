"""Pictures put together from parts: for what is no graph, such as tables, strips and curves. `byhand.drawing` draws graphs."""

import base64
import io
import re
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from .drawing import Svg


def words(x: float, y: float, text: str, kind: str = "t", fill: str | None = None, anchor: str | None = None) -> str:
    """A text at a place; a number below 0 has a real minus sign.

    kind    classes of player.css: "t" small, "l" as large as a label, "v" a value; "e" begins at x, "w" ends there
    fill    a role of the palette, in place of ink
    anchor  "start" or "end", in place of the middle
    """
    if re.fullmatch(r"-[\d.]+", text):
        text = text.replace("-", "−")
    style = (f"fill:var(--bh-{fill});stroke:none;" if fill else "") + (f"text-anchor:{anchor}" if anchor else "")
    styled = f' style="{style}"' if style else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}"{styled}>{escape(text)}</text>'


def pixels(x: float, y: float, width: float, height: float, image: np.ndarray) -> str:
    """A small image, (rows, columns) or (rows, columns, 3) of numbers from 0 to 255, embedded and enlarged to the size that is given."""
    kept = io.BytesIO()
    Image.fromarray(np.uint8(image)).save(kept, "PNG", optimize=True)
    data = base64.b64encode(kept.getvalue()).decode()
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>'
    )


def picture(parts: Sequence[str], width: int, height: int, describe: str, least: float = 0.62) -> Svg:
    """The parts as one picture, with its description; on a narrow page it shrinks to the share `least` of its width."""
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(describe)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width:{width}px;min-width:{least * width:.0f}px">{"".join(parts)}</svg>'
    )
