"""Digits as somebody's hand writes them: strokes in a box of 1 x 1, y downwards, in two hands."""

from __future__ import annotations

from math import cos, radians, sin

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, rx: float, ry: float, start: int, end: int) -> Stroke:
    """From one angle to another, in degrees: 0 is to the right, 90 is down."""
    steps = max(2, abs(end - start) // 15)
    angles = [radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * cos(a), y + ry * sin(a)) for a in angles]


PLAIN: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.33, 0.48, -90, 270)],
    "1": [[(0.5, 0.02), (0.5, 0.98)]],
    "2": [arc(0.5, 0.28, 0.32, 0.26, -170, 30) + [(0.55, 0.62), (0.16, 0.97), (0.86, 0.97)]],
    "3": [arc(0.45, 0.26, 0.33, 0.24, -150, 80) + arc(0.45, 0.73, 0.36, 0.25, -80, 150)],
    "4": [[(0.3, 0.03), (0.16, 0.55), (0.86, 0.55)], [(0.68, 0.2), (0.62, 0.98)]],
    "5": [[(0.8, 0.03), (0.27, 0.03), (0.22, 0.45)] + arc(0.46, 0.68, 0.34, 0.29, -120, 140)],
    "6": [[(0.66, 0.03), (0.36, 0.32)] + arc(0.48, 0.7, 0.28, 0.27, -150, 215)],
    "7": [[(0.14, 0.04), (0.84, 0.04), (0.42, 0.98)]],
    "8": [arc(0.5, 0.26, 0.26, 0.23, 60, -240) + arc(0.5, 0.73, 0.31, 0.25, -60, 240)],
    "9": [arc(0.48, 0.3, 0.28, 0.27, -20, -340) + [(0.74, 0.35), (0.66, 0.98)]],
}
OTHER: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.42, 0.44, -70, 300)],
    "1": [[(0.62, 0.03), (0.38, 0.97)]],
    "2": [arc(0.48, 0.27, 0.34, 0.25, -200, 40) + arc(0.3, 0.84, 0.16, 0.11, -20, -350)
          + [(0.62, 0.9), (0.9, 0.92)]],
    "3": [[(0.18, 0.04), (0.8, 0.06), (0.45, 0.4)] + arc(0.46, 0.7, 0.34, 0.28, -90, 150)],
    "4": [[(0.2, 0.04), (0.18, 0.5), (0.8, 0.48)], [(0.78, 0.03), (0.76, 0.97)]],
    "5": [[(0.28, 0.06), (0.24, 0.42)] + arc(0.45, 0.68, 0.33, 0.28, -120, 130),
          [(0.28, 0.06), (0.82, 0.03)]],
    "6": [arc(0.72, 0.5, 0.5, 0.47, -100, -180) + arc(0.5, 0.7, 0.28, 0.26, 170, -190)],
    "7": [[(0.14, 0.12), (0.2, 0.05), (0.86, 0.05)] + [(0.6, 0.4), (0.45, 0.98)]],
    "8": [[(0.76, 0.14)] + arc(0.5, 0.25, 0.27, 0.22, -30, -200) + [(0.7, 0.62)]
          + arc(0.49, 0.75, 0.27, 0.22, -20, 200) + [(0.74, 0.2)]],
    "9": [arc(0.46, 0.27, 0.3, 0.25, -10, -350) + arc(0.28, 0.42, 0.49, 0.55, -15, 75)],
}
HANDS = {"plain": PLAIN, "other": OTHER}



def written(text: str, hand: str, left: float, top: float, height: float, gap: float = 0.25
            ) -> list[Stroke]:
    """The strokes of several digits side by side, each 0.7 as wide as it is high."""
    wide, strokes = 0.7 * height, []
    for i, digit in enumerate(text):
        x = left + i * wide * (1 + gap)
        strokes += [[(x + wide * u, top + height * v) for u, v in stroke]
                    for stroke in HANDS[hand][digit]]
    return strokes
