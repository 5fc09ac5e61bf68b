#!/usr/bin/python3
"""Reference values for engine/base/math.c: correctly rounded exp, log, sin and cos by mpmath.

Writes tests/data/vectors/math.bin and math.json. The binary holds, for each function in the order
of the JSON's "functions", N pairs (x, y) of little-endian float64.
"""

import hashlib
import json
import platform
import random
import struct
from pathlib import Path

import mpmath

COUNT = 400
VECTORS = Path(__file__).resolve().parents[2] / "tests" / "data" / "vectors"


def points(name: str, rng: random.Random) -> list[float]:
    """Random arguments over the range that the header promises, and the awkward ones."""
    if name == "exp":
        special = [0.0, 1.0, -1.0, 709.78, -708.39, -745.1, -740.0, 1e-300, 0.34657359027997264]
        return special + [rng.uniform(-745, 709.7) for _ in range(COUNT - len(special))]
    if name == "log":
        special = [1.0, 2.0, 0.5, 1.4142135623730951, 1.4142135623730950, 5e-324, 2.2e-308, 1.7e308]
        special += [1 + 2.0**-k for k in range(1, 53)] + [1 - 2.0**-k for k in range(1, 53)]
        special += [rng.uniform(0.5, 2) for _ in range(150)]
        return special + [10 ** rng.uniform(-300, 300) for _ in range(COUNT - len(special))]
    special = [0.0, 1e-300, 1e-9, 0.785398163397448, 1.5707963267948966, 3.141592653589793]
    special += [k * 1.5707963267948966 for k in range(2, 40)] + [63661.97723675813, 99999.5]
    return special + [rng.uniform(-1e5, 1e5) for _ in range(COUNT - len(special))]


def main() -> None:
    """Write both files."""
    mpmath.mp.prec = 400
    rng = random.Random(20261122)
    functions = ["exp", "log", "sin", "cos"]
    data = b""
    for name in functions:
        reference = getattr(mpmath, name)
        for x in points(name, rng):
            data += struct.pack("<dd", x, float(reference(mpmath.mpf(x))))
    VECTORS.mkdir(parents=True, exist_ok=True)
    (VECTORS / "math.bin").write_bytes(data)
    about = {
        "script": "tools/golden/math_vectors.py",
        "libraries": {"python": platform.python_version(), "mpmath": mpmath.__version__},
        "functions": functions,
        "pairs_per_function": COUNT,
        "layout": "little-endian float64 x, y",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (VECTORS / "math.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
