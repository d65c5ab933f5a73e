"""A film of digits on paper: turned, lit unevenly, noisy, as a camera would have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.dsplet.live.strokes import written

WIDTH, HEIGHT, FRAMES = 640, 480, 6
DEGREES = 4


def paper(text: str, hand: str = "plain", ground: int = 205, ink: int = 45) -> np.ndarray:
    """Grey levels, uint8 (HEIGHT, WIDTH): ink on paper, or chalk on a board."""
    sheet = Image.new("L", (WIDTH, HEIGHT), ground)
    pen = ImageDraw.Draw(sheet)
    for stroke in written(text, hand, 70, 180, 110):
        pen.line(stroke, fill=ink, width=11, joint="curve")
    turned = sheet.rotate(DEGREES, Image.Resampling.BICUBIC, fillcolor=ground)
    light = np.linspace(0.55, 1.1, WIDTH)[None, :] * np.linspace(1, 0.8, HEIGHT)[:, None]
    noise = np.random.default_rng(1992).normal(0, 5, (HEIGHT, WIDTH))
    return (np.asarray(turned) * light + noise).clip(0, 255).astype(np.uint8)


def film(path: Path, picture: np.ndarray) -> Path:
    """Some frames of it, as YUV4MPEG2 4:2:0 (as mjpegtools' yuv4mpeg(5) has it)."""
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    frame = b"FRAME\n" + picture.tobytes() + grey
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n".encode()
                     + frame * FRAMES)
    return path
