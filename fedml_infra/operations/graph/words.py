"""How wide a text is at most, and what of it fits.

The picture is set in the system's own font, which is not known here. Widths are those of DejaVu Sans, the widest of
those that it may be (`svg.FONT`), in thousandths of the size.
"""

from __future__ import annotations

ELLIPSIS = "…"
WIDTHS = {
    **dict.fromkeys("ijl'|.,:;I! /", 400),
    **dict.fromkeys("frt-()[]", 480),
    **dict.fromkeys("abcdeghknopqsuvxyz_0123456789", 640),
    **dict.fromkeys("ABCEFJKLPRSTUVXYZ", 740),
    **dict.fromkeys("DGHNOQ~+=<>", 840),
    **dict.fromkeys("mwMW@%…", 1000),
}
OTHER = 1000
"""Of any other character."""
BOLD = 1.12


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """The width in pixels that the text takes at most."""
    return sum(WIDTHS.get(sign, OTHER) for sign in text) / 1000 * size * (BOLD if bold else 1.0)


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text, its end replaced by an ellipsis where it is wider than `room` pixels."""
    if width_of(text, size, bold=bold) <= room:
        return text
    kept = text
    while kept and width_of(kept + ELLIPSIS, size, bold=bold) > room:
        kept = kept[:-1]
    return kept + ELLIPSIS


def shortened(text: str, columns: int) -> str:
    """The text in at most so many columns of a terminal."""
    return text if len(text) <= columns else text[: max(0, columns - 1)] + ELLIPSIS
