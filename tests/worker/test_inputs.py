#!/usr/bin/env python3
"""What takes begin with: uploads, takes, names, and what happens when they are gone. TIMBRE_BIN
names the program, TIMBRE_TESTS_DIR the tests' data. Prints TAP."""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import sys
import tempfile
import threading
import wave
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from contract import Answer, Client
from kill_process import Worker

TINY = Path(os.environ["TIMBRE_TESTS_DIR"]) / "models" / "tiny"
FINAL = ("succeeded", "failed", "cancelled")
CLIENT: Client
INPUTS: Path


def tone(hz: float, seconds: float = 1.5) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        n = int(44100 * seconds)
        samples = (int(9000 * math.sin(2 * math.pi * hz * i / 44100)) for i in range(n))
        file.writeframes(b"".join(struct.pack("<h", x) for x in samples))
    return out.getvalue()


def upload(sound: bytes) -> Any:
    answer = CLIENT.call("POST", "/inputs", sound, Content_Type="audio/wav")
    assert answer.status in (200, 201), answer.body
    return answer.json


def ask(init: str, **fields: Any) -> Answer:
    sent = {"prompt": "rain", "seed": 5, "steps": 3, "strength": 0.7, "init": init} | fields
    return CLIENT.call("POST", "/generate", sent, Prefer="wait=60")


def make(init: str, **fields: Any) -> Any:
    """The recipe's request of a take, and the SHA-256 of its sound."""
    answer = ask(init, **fields)
    assert answer.status == 200 and answer.json["state"] == "succeeded", answer.json
    recipe = CLIENT.call("GET", f"/artifacts/{answer.json['job_id']}/recipe").json
    return recipe["request"], recipe["pcm"]["sha256"], answer.json["job_id"]


def an_upload_serves_by_id_and_by_content() -> None:
    sound = tone(330)
    known = upload(sound)
    by_sha, one, _ = make(known["sha256"])  # before anything else used it
    by_id, two, _ = make(known["input_id"])
    assert by_id["init"] == by_sha["init"] == hashlib.sha256(sound).hexdigest()
    assert one == two
    assert by_id["duration_seconds"] == 1.5, "as long as the sound"
    _, other, _ = make(upload(tone(550))["input_id"])
    assert other != one


def a_take_serves_by_id_number_and_last() -> None:
    _, _, job = make(upload(tone(440))["input_id"])
    number = CLIENT.call("GET", f"/artifacts/{job}").json["number"]
    by_id, one, _ = make(job)
    by_number, two, last = make(f"#{number}")
    assert by_id["init"] == by_number["init"] and one == two
    by_last, _, _ = make("last")
    assert by_last["init"] == CLIENT.call("GET", f"/artifacts/{last}").json["sha256"]


def a_name_serves() -> None:
    request, _, _ = make("og_beat", mask="mask_top_third_95")
    assert request["init"] == "og_beat" and request["mask"] == "mask_top_third_95"


def what_is_not_there_is_refused_by_name() -> None:
    for wrong in ("/etc/passwd", "../inputs/x", "f" * 64, "#99999", "og_beat.png", "nothing"):
        answer = ask(wrong)
        assert answer.status == 400 and answer.param == "init", (wrong, answer.body)
    assert ask("og_beat", mask="/etc/passwd").param == "mask"
    answer = ask(upload(tone(200, 0.4))["input_id"])
    assert answer.status == 400 and answer.param == "init", answer.body
    answer = ask(upload(tone(210))["input_id"], duration_seconds=9)
    assert answer.status == 400 and answer.param == "duration_seconds", answer.body


def a_damaged_file_is_refused() -> None:
    sound = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(40)
    answer = ask(upload(sound)["input_id"])
    assert answer.status in (400, 422), answer.body


def a_take_in_the_trash_is_refused() -> None:
    _, _, job = make(upload(tone(620))["input_id"])
    assert CLIENT.call("DELETE", f"/artifacts/{job}").status == 200
    answer = ask(job)
    assert answer.status == 400 and "trash" in answer.json["error"]["message"], answer.body


def an_input_that_goes_while_it_waits_fails_its_job_alone() -> None:
    first = CLIENT.call("POST", "/generate", {"prompt": "slow", "steps": 20, "duration_seconds": 5})
    sound = tone(700)
    sent = {"prompt": "rain", "steps": 3, "init": upload(sound)["input_id"]}
    waiting = CLIENT.call("POST", "/generate", sent)
    assert waiting.status == 202, waiting.body
    (INPUTS / hashlib.sha256(sound).hexdigest()).unlink()
    assert CLIENT.wait(first.json["job_id"], *FINAL)["state"] == "succeeded"
    status = CLIENT.wait(waiting.json["job_id"], *FINAL)
    assert status["state"] == "failed", status
    assert status["error"]["code"] == "not_found" and "init" in status["error"]["message"], status
    make(upload(tone(710))["input_id"])


def uploads_at_once_of_the_same_bytes_are_one_file() -> None:
    sound = tone(810)
    threads = [threading.Thread(target=lambda: make(upload(sound)["input_id"])) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    names = [path.name for path in INPUTS.iterdir()]
    assert names.count(hashlib.sha256(sound).hexdigest()) == 1
    assert not [name for name in names if name.startswith(".part")], names


CASES = [
    an_upload_serves_by_id_and_by_content,
    a_take_serves_by_id_number_and_last,
    a_name_serves,
    what_is_not_there_is_refused_by_name,
    a_damaged_file_is_refused,
    a_take_in_the_trash_is_refused,
    an_input_that_goes_while_it_waits_fails_its_job_alone,
    uploads_at_once_of_the_same_bytes_are_one_file,
]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="timbre-inputs-") as folder:
        worker = Worker(Path(folder), ("--model", str(TINY)))
        worker.start()
        try:
            worker.wait_until_ready()
            CLIENT = Client(worker.port)
            INPUTS = next(Path(folder).rglob("inputs"))
            tap.run([(each.__name__, each) for each in CASES], n_at_once=1)
        finally:
            if not worker.has_ended():
                worker.kill()
