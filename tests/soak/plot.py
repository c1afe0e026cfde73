"""A bar a second as SVG, with what was done when."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 320, 60, 40, 60


def bars(title: str, values: Sequence[int], marks: Sequence[tuple[float, str]]) -> str:
    """`marks`: (second, what)."""
    across, high = (WIDTH - LEFT - 10) / len(values), HEIGHT - TOP - BOTTOM
    most = max(values)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - high * value / most

    parts = [f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>']
    parts += [
        f'<rect x="{LEFT + n * across:.1f}" y="{y(value):.1f}" width="{across * 0.8:.1f}" '
        f'height="{high * value / most:.1f}" fill="#2563eb"/>'
        for n, value in enumerate(values)
        if value
    ]
    for value in (0, most / 2, most):
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#9ca3af"/>')
    for second in range(0, len(values), 10):
        parts.append(f'<text x="{LEFT + second * across:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{second} s</text>')
    for at, what in marks:
        x = LEFT + at * across
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{HEIGHT - BOTTOM}" stroke="#dc2626"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 16}" text-anchor="middle" fill="#dc2626">{escape(what)}</text>')
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    head = f'<svg {box} font-family="sans-serif" font-size="12">'
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, background, *parts, "</svg>", ""])
