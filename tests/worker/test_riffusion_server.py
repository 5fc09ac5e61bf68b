#!/usr/bin/env python3
"""riffusion's own protocol as its web app speaks it, against a worker with the tiny model.
TIMBRE_BIN names the program, TIMBRE_TESTS_DIR the tests' data. Prints TAP."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from contract import Answer, Client
from kill_process import Worker

TINY = Path(os.environ["TIMBRE_TESTS_DIR"]) / "models" / "tiny"
CLIENT: Client
WORKER: Worker


def body(**changes: Any) -> dict[str, Any]:
    """What the web app sends, of few steps."""
    made: dict[str, Any] = {
        "alpha": 0,
        "num_inference_steps": 2,
        "seed_image_id": "og_beat",
        "mask_image_id": None,
        "start": {"prompt": "church bells", "seed": 42, "denoising": 0.75, "guidance": 7},
        "end": {"prompt": "electronic beats", "seed": 43, "denoising": 0.75, "guidance": 7},
    }
    return made | changes


def ask(sent: Any, **headers: str) -> Answer:
    return CLIENT.call("POST", "/run_inference/", sent, **headers)


def parts(answer: Answer) -> tuple[bytes, bytes, float]:
    assert answer.status == 200, answer.body[:300]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    made = json.loads(answer.body)
    assert list(made) == ["image", "audio", "duration_s"], list(made)
    image, audio = made["image"], made["audio"]
    assert image.startswith("data:image/jpeg;base64,") and image.endswith("\n")
    assert audio.startswith("data:audio/mpeg;base64,") and audio.endswith("\n")
    lines = image.split(",", 1)[1].splitlines()
    assert all(len(line) == 76 for line in lines[:-1])
    return (
        base64.decodebytes(image.split(",", 1)[1].encode()),
        base64.decodebytes(audio.split(",", 1)[1].encode()),
        made["duration_s"],
    )


def n_frames(mp3: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp3"
        path.write_bytes(mp3)
        shown = subprocess.run(
            [WORKER_PROGRAM, "show", "--json", str(path)], check=True, capture_output=True
        )
        return int(json.loads(shown.stdout)["frames"])


WORKER_PROGRAM = os.environ["TIMBRE_BIN"]


def a_clip_comes_as_picture_and_sound() -> None:
    jpeg, mp3, seconds = parts(ask(body()))
    assert seconds == 5.11, seconds
    assert jpeg[:3] == b"\xff\xd8\xff" and b"Exif" not in jpeg[:200]
    assert mp3[:3] == b"ID3" or mp3[0] == 0xFF
    listed = CLIENT.call("GET", "/artifacts").json["artifacts"]
    assert listed == [], "its take does not stay"


def clips_are_of_one_length_and_differ() -> None:
    made = [parts(ask(body(alpha=alpha))) for alpha in (0.25, 1, 0.25)]
    assert len({n_frames(mp3) for _, mp3, _ in made}) == 1
    assert made[0][0] != made[1][0]
    assert made[0][0] == made[2][0], "the same request is the same clip"


def the_clip_is_the_take_of_the_same_fields() -> None:
    """Its picture is what POST /generate paints."""
    jpeg, _, _ = parts(ask(body(alpha=0.25, mask_image_id="mask_top_third_75")))
    fields = {
        "prompt": "church bells",
        "prompt_b": "electronic beats",
        "seed": 42,
        "seed_b": 43,
        "strength": 0.75,
        "cfg_scale": 7,
        "alpha": 0.25,
        "steps": 2,
        "init": "og_beat",
        "mask": "mask_top_third_75",
    }
    answer = CLIENT.call("POST", "/generate", fields, Prefer="wait=60")
    assert answer.json["state"] == "succeeded", answer.json
    png = CLIENT.call("GET", f"/artifacts/{answer.json['job_id']}/spectrogram.png").body
    try:
        from PIL import Image, ImageChops
    except ImportError:  # where no package has it, such as with Homebrew's Python
        return
    ours = Image.open(io.BytesIO(png)).convert("RGB")
    theirs = Image.open(io.BytesIO(jpeg)).convert("RGB")
    assert ours.size == theirs.size == (512, 512)
    again = io.BytesIO()
    ours.save(again, "JPEG")
    same = Image.open(io.BytesIO(again.getvalue())).convert("RGB")
    assert ImageChops.difference(same, theirs).getbbox() is None
    CLIENT.call("DELETE", f"/artifacts/{answer.json['job_id']}")


def wrong_bodies_have_riffusions_words() -> None:
    rows: list[tuple[Any, str]] = [
        (body(seed_image_id="../../etc/passwd"), "Invalid seed image: ../../etc/passwd"),
        (body(seed_image_id="nothing"), "Invalid seed image: nothing"),
        (body(mask_image_id="mask_9"), "Invalid mask image: mask_9"),
        ({"start": {}}, 'missing value for field "start.prompt"'),
        (
            body(start={"prompt": "x", "seed": "x"}),
            'wrong value type for field "start.seed" - should be "int" instead of value "x" of '
            'type "str"',
        ),
        (body(alpha=2), "alpha 2 is not between 0 and 1"),
        (body(num_inference_steps=0), "steps 0 is not between 1 and 1000"),
    ]
    for sent, words in rows:
        answer = ask(sent)
        assert answer.status == 400, (sent, answer.status, answer.body)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert words in answer.body.decode(), (words, answer.body)
    for raw in (b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"null"):
        assert ask(raw, Content_Type="application/json").status == 400, raw


def the_type_of_the_body_is_not_looked_at() -> None:
    sent = json.dumps(body(seed_image_id="nothing")).encode()
    answer = ask(sent, Content_Type="text/plain")
    assert answer.status == 400 and answer.body == b"Invalid seed image: nothing"


def the_address_without_its_slash_leads_there() -> None:
    answer = CLIENT.call("POST", "/run_inference", body())
    assert answer.status == 308 and answer.headers["location"] == "/run_inference/"
    assert CLIENT.call("GET", "/run_inference/").status == 405


def pages_of_other_origins_may_not_ask() -> None:
    assert ask(body(), Origin="https://elsewhere.example").status == 403
    answer = ask({}, Origin="http://studio.example")
    assert answer.status == 400
    assert answer.headers["access-control-allow-origin"] == "http://studio.example"


CASES = [
    a_clip_comes_as_picture_and_sound,
    clips_are_of_one_length_and_differ,
    the_clip_is_the_take_of_the_same_fields,
    wrong_bodies_have_riffusions_words,
    the_type_of_the_body_is_not_looked_at,
    the_address_without_its_slash_leads_there,
    pages_of_other_origins_may_not_ask,
]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="timbre-riffusion-") as folder:
        WORKER = Worker(
            Path(folder), ("--model", str(TINY), "--allow-origin", "http://studio.example")
        )
        WORKER.start()
        try:
            WORKER.wait_until_ready()
            CLIENT = Client(WORKER.port)
            tap.run([(each.__name__, each) for each in CASES], n_at_once=1)
        finally:
            if not WORKER.has_ended():
                WORKER.kill()
