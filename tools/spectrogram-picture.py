#!/usr/bin/python3
"""Draw the spectrogram of an audio file as a PNG with axes: the pictures in README and docs.

    tools/spectrogram-picture.py TAKE.wav docs/images/take.png

Time runs to the right, frequency upwards on a mel scale, colour is level in dB below the loudest
cell. Reads what libsndfile reads. Needs numpy (Debian: python3-numpy) and libsndfile.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 92, 112, 16, 40  # pixels
TEXT_SCALE = 2

# The picture holds palette indices: shades 0..N_SHADES-1 from silence to the maximum (few of them,
# so that the file stays small), then the colours of lines and text.
N_SHADES = 96
GRID, INK = N_SHADES, N_SHADES + 1
LINE_COLOURS = ((70, 74, 88), (200, 204, 214))

# Equally spaced over the shades; linear in between.
COLOUR_STOPS = (
    (13, 14, 20),
    (38, 24, 74),
    (96, 30, 112),
    (168, 48, 104),
    (226, 88, 70),
    (248, 156, 56),
    (252, 236, 160),
)

# 5x7 glyphs, one row a number, bit 4 = left.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "-": (0, 0, 0, 31, 0, 0, 0),
    "k": (16, 16, 18, 20, 24, 20, 18),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "z": (0, 0, 31, 2, 4, 8, 31),
    "s": (0, 0, 14, 16, 14, 1, 30),
    "d": (1, 1, 13, 19, 17, 19, 13),
    "B": (30, 17, 17, 30, 17, 17, 30),
    " ": (0, 0, 0, 0, 0, 0, 0),
}


class SndfileInfo(ctypes.Structure):
    """SF_INFO of sndfile.h."""

    _fields_ = (
        ("frames", ctypes.c_int64),
        ("samplerate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    )


def read_audio(path: Path) -> tuple[np.ndarray, int]:
    """Samples as [frames, channels] float32 and the rate in Hz."""
    name = ctypes.util.find_library("sndfile") or "libsndfile.so.1"
    lib = ctypes.CDLL(name)
    lib.sf_open.restype = ctypes.c_void_p
    lib.sf_open.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(SndfileInfo))
    lib.sf_readf_float.restype = ctypes.c_int64
    lib.sf_readf_float.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    lib.sf_close.argtypes = (ctypes.c_void_p,)
    lib.sf_strerror.restype = ctypes.c_char_p
    lib.sf_strerror.argtypes = (ctypes.c_void_p,)
    info = SndfileInfo()
    handle = lib.sf_open(str(path).encode(), 0x10, ctypes.byref(info))  # SFM_READ
    if not handle:
        raise SystemExit(f"{path}: {lib.sf_strerror(None).decode()}")
    samples = np.zeros((info.frames, info.channels), dtype=np.float32)
    n_read = lib.sf_readf_float(handle, samples.ctypes.data, info.frames)
    lib.sf_close(handle)
    if n_read < 1:
        raise SystemExit(f"{path}: holds no sound")
    return samples[:n_read], int(info.samplerate)


def mel_from_hz(hz: np.ndarray) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + hz / 700.0)  # HTK


def hz_from_mel(mel: np.ndarray) -> np.ndarray:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def power_spectra(samples: np.ndarray, n_columns: int, n_fft: int) -> np.ndarray:
    """Power [n_columns, n_fft / 2 + 1], mean of the channels, columns equally spaced in time."""
    n_frames = samples.shape[0]
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, ((n_fft // 2, n_fft), (0, 0)))
    spectra = np.zeros((n_columns, n_fft // 2 + 1))
    for i in range(n_columns):
        start = int((i + 0.5) * n_frames / n_columns)
        block = padded[start : start + n_fft] * window[:, None]
        spectra[i] = np.mean(np.abs(np.fft.rfft(block, axis=0)) ** 2, axis=1)
    return spectra


def levels_on_mel(spectra: np.ndarray, rate_hz: int, top_hz: float, n_rows: int) -> np.ndarray:
    """dB below the loudest cell [n_rows, n_columns], row 0 = top_hz. Each row takes the loudest bin
    it covers, or interpolates where it is narrower than one."""
    n_bins = spectra.shape[1]
    edges_hz = hz_from_mel(np.linspace(mel_from_hz(np.array(top_hz)), 0.0, n_rows + 1))
    edges = edges_hz * 2.0 * (n_bins - 1) / rate_hz
    rows = np.zeros((n_rows, spectra.shape[0]))
    for i in range(n_rows):
        low, high = edges[i + 1], edges[i]
        first, last = int(np.ceil(low)), int(np.floor(high))
        if last >= first:
            rows[i] = spectra[:, first : last + 1].max(axis=1)
        else:
            below = int(np.floor(low))
            part = (low + high) / 2 - below
            rows[i] = spectra[:, below] * (1 - part) + spectra[:, below + 1] * part
    peak = rows.max()
    if peak <= 0:
        raise SystemExit("the file is silent: there is nothing to draw")
    return 10.0 * np.log10(np.maximum(rows / peak, 1e-30))


def palette() -> bytes:
    """RGB triples of all indices."""
    at = np.linspace(0.0, 1.0, len(COLOUR_STOPS))
    shades = np.linspace(0.0, 1.0, N_SHADES)
    planes = [np.interp(shades, at, [stop[i] for stop in COLOUR_STOPS]) for i in range(3)]
    colours = np.rint(np.stack(planes, axis=-1)).astype(np.uint8)
    table: bytes = colours.tobytes()
    return table + bytes(value for colour in LINE_COLOURS for value in colour)


def shade_index(shade: np.ndarray) -> np.ndarray:
    """Palette index of shades, clipped to 0..1."""
    return np.rint(np.clip(shade, 0.0, 1.0) * (N_SHADES - 1)).astype(np.uint8)


def draw_text(image: np.ndarray, text: str, x: int, y: int) -> None:
    """Top left corner of `text` at (x, y)."""
    for i, letter in enumerate(text):
        for row, bits in enumerate(GLYPHS[letter]):
            for column in range(5):
                if bits & (16 >> column):
                    left = x + (i * 6 + column) * TEXT_SCALE
                    top = y + row * TEXT_SCALE
                    image[top : top + TEXT_SCALE, left : left + TEXT_SCALE] = INK


def text_width(text: str) -> int:
    return (len(text) * 6 - 1) * TEXT_SCALE


def time_step(duration_s: float) -> float:
    """Distance of the time marks: 4 to 10 of them."""
    for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0):
        if duration_s / step <= 10:
            return step
    return 60.0


def draw_axes(image: np.ndarray, duration_s: float, top_hz: float, range_db: float) -> None:
    height, width = image.shape[0], image.shape[1]
    left, right = MARGIN_LEFT, width - MARGIN_RIGHT
    top, bottom = MARGIN_TOP, height - MARGIN_BOTTOM
    step = time_step(duration_s)
    for i in range(int(duration_s / step + 1e-6) + 1):
        x = left + round(i * step / duration_s * (right - left - 1))
        label = f"{i * step:g} s"
        image[bottom : bottom + 6, x] = INK
        draw_text(image, label, x - text_width(label) // 2, bottom + 12)
    for hz in (100, 500, 1000, 2000, 4000, 8000, 16000):
        if hz >= top_hz:
            break
        part = float(mel_from_hz(np.array(hz)) / mel_from_hz(np.array(top_hz)))
        y = bottom - 1 - round(part * (bottom - top - 1))
        label = f"{hz} Hz" if hz < 1000 else f"{hz // 1000} kHz"
        image[y, left - 6 : left] = INK
        draw_text(image, label, left - 10 - text_width(label), y - 7)
    bar = shade_index(np.linspace(1.0, 0.0, bottom - top))
    image[top:bottom, right + 12 : right + 24] = bar[:, None]
    for part in (0.0, 0.5, 1.0):
        label = f"-{part * range_db:g} dB" if part else "0 dB"
        y = top + round(part * (bottom - top - 1))
        draw_text(image, label, right + 30, min(max(y - 7, top), bottom - 14))
    image[[top - 1, bottom], left:right] = GRID
    image[top:bottom, [left - 1, right]] = GRID


def write_png(path: Path, image: np.ndarray) -> None:
    """8 bit palette PNG without row filters."""
    height, width = image.shape
    rows = np.hstack([np.zeros((height, 1), dtype=np.uint8), image])

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", palette())
    data += chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def size_of(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT")
    if not (320 <= int(width) <= 8192 and 160 <= int(height) <= 4096):
        raise argparse.ArgumentTypeError(f"'{text}' is not within 320x160 and 8192x4096")
    return int(width), int(height)


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw a spectrogram with axes as a PNG.")
    parser.add_argument("audio", type=Path, help="audio file")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--size", type=size_of, default=(1000, 420), help="default 1000x420")
    parser.add_argument("--range", type=float, default=80.0, dest="range_db", help="dB shown")
    parser.add_argument("--top", type=float, default=16000.0, dest="top_hz", help="top in Hz")
    options = parser.parse_args()
    width, height = options.size
    samples, rate_hz = read_audio(options.audio)
    top_hz = min(options.top_hz, rate_hz / 2)
    n_columns = width - MARGIN_LEFT - MARGIN_RIGHT
    n_rows = height - MARGIN_TOP - MARGIN_BOTTOM
    spectra = power_spectra(samples, n_columns, n_fft=4096)
    levels = levels_on_mel(spectra, rate_hz, top_hz, n_rows)
    image = np.zeros((height, width), dtype=np.uint8)
    plot = shade_index(1.0 + levels / options.range_db)
    image[MARGIN_TOP : height - MARGIN_BOTTOM, MARGIN_LEFT : width - MARGIN_RIGHT] = plot
    draw_axes(image, samples.shape[0] / rate_hz, top_hz, options.range_db)
    write_png(options.picture, image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
