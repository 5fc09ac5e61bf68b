"""What riffusion's server makes of request bodies, and how it writes its answer.

    python3 -m venv VENV && VENV/bin/pip install dacite==1.6.0
    VENV/bin/python -m tools.reference.inference_bodies

Writes tests/data/inference_bodies.json (what json.loads and dacite 1.6.0 make of each body: values,
dacite's error, or the name of an exception that the server does not catch) and
inference_replies.json (answers, and repr() of floats). Python 3.10 or later: before, Optional[str]
is printed otherwise.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

import dacite

DATA = Path(__file__).resolve().parents[2] / "tests/data"


# As riffusion/datatypes.py has them; dacite 1.6.0 knows no `str | None`.
@dataclass(frozen=True)
class PromptInput:
    prompt: str
    seed: int
    negative_prompt: Optional[str] = None  # noqa: UP007
    denoising: float = 0.75
    guidance: float = 7.0


@dataclass(frozen=True)
class InferenceInput:
    start: PromptInput
    end: PromptInput
    alpha: float
    num_inference_steps: int = 50
    seed_image_id: str = "og_beat"
    mask_image_id: Optional[str] = None  # noqa: UP007


ONE: dict[str, Any] = {"prompt": "funky synth solo", "seed": 42}
ALL: dict[str, Any] = {"start": ONE, "end": {"prompt": "techno", "seed": 43}, "alpha": 0.25}
LEFT_OUT = object()
WRONG: list[Any] = [
    None, True, False, 0, -1, 7, 42.0, 0.5, -0.0, 1e16, 1e-5, 5e-324, 123456789012345.6, 2**63 - 1,
    -(2**63), "", "x", "7", 'a "quoted" text', "two\nlines\t", "Gr\u00fc\u00dfe \U0001f3b5", [], {},
    ["x"], [1, 2.5, None, True, "it's"], {"a": 1, "b": {"c": ["d", 'e"', "f'\"g"]}},
    ["\u00e9\u0301", "\x07\x7f\x85\u00a0\u00ad\u2028\ue000\ufeff", "\U0001f3b5\U000e0001",
     "a\\b\r\n\t"],
    {"it's": "so", "": False, "\u2003": []}, [[[[[[[]]]]]]],
]  # fmt: skip
LONG: list[Any] = [
    "y" * 319, "y" * 320, "y" * 321, "\u00e9" * 161, "z" + "\u20ac" * 120, ["w" * 50] * 9,
    {"\x01" * 90: 1},
]  # fmt: skip


def put(path: str, value: Any) -> dict[str, Any]:
    """ALL with another value at "alpha" or "start.seed"; LEFT_OUT: without it."""
    body: dict[str, Any] = json.loads(json.dumps(ALL))
    *folders, name = path.split(".")
    part = body[folders[0]] if folders else body
    part.pop(name, None)
    if value is not LEFT_OUT:
        part[name] = value
    return body


def objects() -> list[Any]:
    """Bodies that are JSON objects: each field with each kind of value, and several errors."""
    paths = [f"{part}.{name}" for part in ("start", "end") for name in PromptInput.__annotations__]
    paths += list(InferenceInput.__annotations__)
    found = [ALL, {}, {"start": {}}, {"end": {}}, {"start": {}, "end": {}, "alpha": 0}]
    found += [put(path, LEFT_OUT) for path in paths]
    for path in paths:
        few = WRONG if path in ("start.prompt", "end.seed", "alpha", "mask_image_id") else WRONG[:8]
        found += [put(path, value) for value in [*few, "x", ["x"], {"prompt": "p", "seed": 1}]]
    found += [put("end.seed", value) for value in LONG]
    # Of several errors the first in the order of the fields counts, whatever the order in the text.
    found += [
        {"alpha": "x", "end": 1, "start": {"guidance": "x", "seed": "x", "prompt": 1}},
        {"alpha": "x", "end": 1, "start": {"guidance": "x", "seed": "x", "prompt": "p"}},
        {"alpha": "x", "end": 1, "start": {"guidance": "x", "seed": 1, "prompt": "p"}},
        {"alpha": "x", "end": 1, "start": ONE},
        {"alpha": "x", "end": {"prompt": "p"}, "start": ONE},
        {"alpha": "x", "start": ONE},
        {"start": ONE, "end": ONE, "num_inference_steps": "x"},
        {"start": ONE, "end": ONE, "alpha": "x", "num_inference_steps": "x"},
        {"start": ONE, "end": ONE, "alpha": 1, "seed_image_id": 1, "num_inference_steps": 1.5},
        {"start": ONE, "end": ONE, "alpha": 1, "mask_image_id": 1, "seed_image_id": None},
        {"start": {**ONE, "denoising": "x", "negative_prompt": 1}, "end": ONE, "alpha": 1},
    ]
    # Unknown members, names in another case.
    found += [
        {**ALL, "worklet_input": {"alpha": "x"}, "Alpha": "x", "start.seed": "x"},
        {**ALL, "start": {**ONE, "alpha": "x", "promptInput": None}},
        {"start": ONE, "end": ONE, "Alpha": 1},
        {"start": ONE, "end": ONE, "alpha": 1, "numInferenceSteps": 30, "seedImageId": "x"},
        {"worklet_input": ALL},
    ]
    # What the web application sends.
    found.append({
        "alpha": 0, "num_inference_steps": 50, "seed_image_id": "og_beat", "mask_image_id": None,
        "start": {"prompt": "church bells on sunday", "seed": 51, "denoising": 0.75, "guidance": 7},
        "end": {"prompt": "church bells on sunday", "seed": 52, "denoising": 0.75, "guidance": 7},
    })  # fmt: skip
    return found


def texts() -> list[str]:
    """Bodies whose text matters."""
    whole = json.dumps(ALL)
    rest = '"end": {"prompt": "b", "seed": 2}, "alpha": 1'
    return [
        "", " ", "{", "}", "[]", "[{}]", "null", "true", "0", "1.5", '"start"', "start", "{'a': 1}",
        '{"start": }', whole + ",", whole + whole, whole + " x", whole[:-1],
        "\n\t " + whole + "\r\n",
        whole.replace(", ", ",\n"), "\ufeff" + whole, whole.replace("42", "042"),
        whole.replace("42", "+42"), whole.replace("42", "-0"), whole.replace("42", "42e0"),
        whole.replace("42", "4.2E1"), whole.replace("42", "42."), whole.replace("0.25", ".25"),
        whole.replace("0.25", "25e-2"), whole.replace("0.25", "-0"), whole.replace("0.25", "1E5"),
        whole.replace("funky", "f\tunky"), whole.replace("funky", "\\ud83c\\udfb5\\/\\u00e9"),
        '{"start": 1, "start": {"prompt": "a", "seed": 1, "seed": 7}, ' + rest + "}",
        '{"start": {"prompt": "a", "seed": 1}, "start": {"seed": 1}, ' + rest + "}",
        '{"start": [{"b": 1, "a": 2, "b": 3}], ' + rest + "}",
    ]  # fmt: skip


def outcome(body: str) -> dict[str, Any]:
    try:
        made = dacite.from_dict(InferenceInput, json.loads(body))
    except dacite.DaciteError as error:
        return {"body": body, "error": str(error)}
    except (ValueError, TypeError) as error:
        return {"body": body, "uncaught": type(error).__name__}
    values: dict[str, Any] = {}
    for name, value in asdict(made).items():
        inner = value.items() if isinstance(value, dict) else []
        values.update({f"{name}.{key}": inside for key, inside in inner} or {name: value})
    hints = {**InferenceInput.__annotations__, **PromptInput.__annotations__}
    for path, value in values.items():  # a bool is an int, and an int will do as a float
        hint = hints[path.split(".")[-1]]
        values[path] = int(value) if hint == "int" else float(value) if hint == "float" else value
    return {"body": body, "values": values}


def pattern(n: int) -> bytes:
    return bytes((i * i * 31 + i) & 255 for i in range(n))


def data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64," + base64.encodebytes(data).decode("utf-8")


def replies() -> dict[str, Any]:
    cases = []
    sizes = [(0, 0), (1, 2), (3, 4), (56, 57), (58, 113), (114, 115), (1000, 3001)]
    for i, (n_jpeg, n_audio) in enumerate(sizes):
        media_type = "audio/mpeg" if i % 2 == 0 else "audio/wav"
        duration_s = [5.11, 5.0, 0.0, 10.23, 1e-05, 0.1, 1 / 3][i]
        answer = {
            "image": data_uri("image/jpeg", pattern(n_jpeg)),
            "audio": data_uri(media_type, pattern(n_audio)),
            "duration_s": duration_s,
        }
        cases.append({"n_jpeg": n_jpeg, "n_audio": n_audio, "media_type": media_type,
                      "duration_s": duration_s.hex(), "text": json.dumps(answer)})  # fmt: skip
    numbers = [0.0, -0.0, 1.0, -1.5, 100.0, 0.0001, 0.00012345, 0.00001, 1e15, 1e16, 1e17, 1e22,
               1e23, 123456789012345680.0, 9007199254740993.0, 5e-324, 2.2250738585072014e-308,
               sys.float_info.max, 2.0**-44, 0.1 + 0.2, 5.1100000000000003]  # fmt: skip
    numbers += [2.0**i for i in range(-1074, 1024, 37)]
    draw = random.Random(1)
    numbers += [draw.uniform(0, 20) for _ in range(60)]
    numbers += [draw.uniform(-1, 1) * 10.0 ** draw.randint(-300, 300) for _ in range(60)]
    return {"replies": cases, "floats": [[x.hex(), repr(x)] for x in numbers]}


def write(name: str, value: Any) -> None:
    """One case a line."""
    if isinstance(value, list):
        text = "[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]\n"
    else:
        text = json.dumps(value, indent=1) + "\n"
    (DATA / name).write_text(text, encoding="ascii")


def main() -> None:
    bodies = [json.dumps(body, ensure_ascii=i % 2 == 0) for i, body in enumerate(objects())]
    bodies = list(dict.fromkeys(bodies + texts()))
    write("inference_bodies.json", [outcome(body) for body in bodies])
    write("inference_replies.json", replies())


if __name__ == "__main__":
    main()
