"""The matrices of engine/kernels/winograd.h, derived and checked in exact arithmetic.

    python3 -m tools.reference.winograd            prints them, and checks them
    python3 -m tools.reference.winograd --errors   also what other points would cost

F(4, 3) by Toom and Cook: with points p, Y = A^T [(G g) * (B^T d)] is the correlation of six inputs
with three taps. The check is that identity on all pairs of unit vectors, which by linearity is all.
Errors are those of single precision, sums of channels included, beside exact ones: relative L2 of
random 6x6 tiles, filters and 128 channels. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import random
import struct
from fractions import Fraction
from itertools import product

Matrix = list[list[Fraction]]

OUTPUTS, TAPS, INPUTS = 4, 3, 6
ENGINE = [Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2), Fraction(0)]
TEXTBOOK = [Fraction(p) for p in (1, -1, 2, -2, 0)]
OTHERS = {
    "1/2, 1": [Fraction(1, 2), Fraction(-1, 2), Fraction(1), Fraction(-1), Fraction(0)],
    "1, 3/2": [Fraction(1), Fraction(-1), Fraction(3, 2), Fraction(-3, 2), Fraction(0)],
    "5/8, 3/2": [Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2), Fraction(0)],
    "3/4, 5/4": [Fraction(3, 4), Fraction(-3, 4), Fraction(5, 4), Fraction(-5, 4), Fraction(0)],
    "1, 2 (textbook)": TEXTBOOK,
}


def times_root(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """Coefficients, lowest first, times (x - root)."""
    shifted = [Fraction(0), *polynomial]
    return [high - root * low for high, low in zip(shifted, [*polynomial, Fraction(0)])]


def matrices(points: list[Fraction]) -> tuple[Matrix, Matrix, Matrix]:
    """A^T, G and B^T for the points and infinity, which comes last."""
    a = [[p**k for p in points] + [Fraction(int(k == OUTPUTS - 1))] for k in range(OUTPUTS)]
    g, b = [], []
    for i, p in enumerate(points):
        scale, polynomial = Fraction(1), [Fraction(1)]
        for j, other in enumerate(points):
            if i != j:
                scale *= p - other
                polynomial = times_root(polynomial, other)
        g.append([p**k / scale for k in range(TAPS)])
        b.append([*polynomial, Fraction(0)])
    polynomial = [Fraction(1)]
    for p in points:
        polynomial = times_root(polynomial, p)
    return a, [*g, [Fraction(0), Fraction(0), Fraction(1)]], [*b, polynomial]


def apply(matrix: Matrix, vector: list[Fraction]) -> list[Fraction]:
    return [sum((m * v for m, v in zip(row, vector)), Fraction(0)) for row in matrix]


def unit(n: int, i: int) -> list[Fraction]:
    return [Fraction(int(i == k)) for k in range(n)]


def check(points: list[Fraction]) -> None:
    """The identity; and that A and B are exact in single precision."""
    a, g, b = matrices(points)
    for i, j in product(range(INPUTS), range(TAPS)):
        u, v = apply(g, unit(TAPS, j)), apply(b, unit(INPUTS, i))
        out = apply(a, [x * y for x, y in zip(u, v)])
        assert out == [Fraction(int(k + j == i)) for k in range(OUTPUTS)], (i, j)


def single(x: float) -> float:
    return float(struct.unpack("f", struct.pack("f", x))[0])


def is_single(x: Fraction) -> bool:
    return Fraction(single(float(x))) == x


def square(matrix: Matrix, values: list[list[float]], rounds: bool) -> list[list[float]]:
    """matrix values matrix^T; where asked, every sum of two and every product is rounded."""
    step = single if rounds else float
    for _ in range(2):
        rows = []
        for row in matrix:
            out = [0.0] * len(values[0])
            for m, value in zip(row, values):
                if m:
                    out = [step(o + step(float(m)) * v) for o, v in zip(out, value)]
            rows.append(out)
        values = [list(column) for column in zip(*rows)]
    return values


def error(points: list[Fraction], n_channels: int, n_tiles: int) -> float:
    """Of sums in single precision, beside the direct ones in double."""
    draw = random.Random(1)
    a, g, b = matrices(points)
    wrong = size = 0.0
    for _ in range(n_tiles):
        sums = [[0.0] * INPUTS for _ in range(INPUTS)]
        exact = [[0.0] * OUTPUTS for _ in range(OUTPUTS)]
        for _ in range(n_channels):
            d = [[single(draw.uniform(-1, 1)) for _ in range(INPUTS)] for _ in range(INPUTS)]
            w = [[single(draw.uniform(-1, 1)) for _ in range(TAPS)] for _ in range(TAPS)]
            u, v = square(g, w, True), square(b, d, True)
            for y, x in product(range(INPUTS), range(INPUTS)):
                sums[y][x] = single(sums[y][x] + u[y][x] * v[y][x])
            for y, x in product(range(OUTPUTS), range(OUTPUTS)):
                for ky, kx in product(range(TAPS), range(TAPS)):
                    exact[y][x] += d[y + ky][x + kx] * w[ky][kx]
        out = square(a, sums, True)
        for y, x in product(range(OUTPUTS), range(OUTPUTS)):
            wrong += (out[y][x] - exact[y][x]) ** 2
            size += exact[y][x] ** 2
    return float((wrong / size) ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--errors", action="store_true")
    arguments = parser.parse_args()
    for points in [ENGINE, *OTHERS.values()]:
        check(points)
    a, g, b = matrices(ENGINE)
    assert all(is_single(x) for row in [*a, *b] for x in row)
    for name, matrix in (("A^T", a), ("G", g), ("B^T", b)):
        print(name)
        for row in matrix:
            print("  " + " ".join(f"{x!s:>9}" for x in row))
    if arguments.errors:
        for name, points in {"3/4, 3/2 (ours)": ENGINE, **OTHERS}.items():
            print(f"{name:18} {error(points, 128, 40):.2e}")


if __name__ == "__main__":
    main()
