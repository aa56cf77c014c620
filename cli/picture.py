"""The demo's federation as a picture for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

BOX = 24
GAP = 3


def federation_picture() -> str:
    """Hub above, nodes below: messages go up to the topic and down to every other queue, payloads straight across."""
    from fedml_infra.operations.demo.organisations import ADMINISTRATOR, FEDERATION, ORGANISATIONS

    width = len(ORGANISATIONS) * BOX + (len(ORGANISATIONS) - 1) * GAP
    hub = _box([f"topic {FEDERATION}", f"{ADMINISTRATOR.account} {ADMINISTRATOR.region}"], 2 * BOX)
    nodes = [
        _box([each.name, f"{each.account}", each.region, f"queue {FEDERATION}_{each.pid}", f"s3 {each.bucket}"], BOX)
        for each in ORGANISATIONS
    ]
    lines = [line.center(width).rstrip() for line in hub]
    lines += _arrows(width)
    lines += [(" " * GAP).join(row) for row in zip(*nodes, strict=True)]
    return "\n".join(lines)


def _box(texts: Sequence[str], width: int) -> list[str]:
    inside = width - 2
    return [f"┌{'─' * inside}┐", *(f"│{text[:inside].center(inside)}│" for text in texts), f"└{'─' * inside}┘"]


def _arrows(width: int) -> list[str]:
    """One pair of arrows above each node: its message up, the others' messages down."""
    columns = range(BOX // 2, width, BOX + GAP)
    rows = []
    for symbols in ("▲ │", "│ ▼"):
        row = [" "] * width
        for column in columns:
            row[column - 1 : column + 2] = symbols
        rows.append("".join(row).rstrip())
    return rows
