#!/usr/bin/env python3
"""The worker as its clients meet it: every answer is held to api/openapi.json. TIMBRE_BIN names the
program. Prints TAP."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from contract import DOCUMENT, Client, read_events
from kill_process import Worker


def worker(folder: Path, *arguments: str) -> Worker:
    made = Worker(folder, arguments)
    made.start()
    made.wait_until_ready()
    return made


FOLDER = tempfile.TemporaryDirectory(prefix="timbre-contract-")
WORKER = worker(Path(FOLDER.name) / "shared")
CLIENT = Client(WORKER.port)


# ---- generation ----


def a_take_from_prompt_to_sound() -> None:
    status = CLIENT.make("lo-fi piano", 1.0, seed=5)
    assert status["seed"] == 5 and status["progress"] == 1
    take = CLIENT.call("GET", f"/artifacts/{status['job_id']}").json
    sound = CLIENT.call("GET", take["metadata"]["audio_url"])
    assert sound.headers["content-type"] == "audio/wav"
    assert len(sound.body) == take["bytes"]
    assert hashlib.sha256(sound.body).hexdigest() == take["sha256"]
    assert Path(take["artifact_path"]).read_bytes() == sound.body
    sidecar = json.loads(Path(take["artifact_path"] + ".json").read_text(encoding="utf-8"))
    assert sidecar["id"] == status["job_id"], "the take has the id of its job"
    assert str(WORKER.output) in take["artifact_path"]


def the_first_contract_still_works() -> None:
    """Four endpoints, polling, nothing else."""
    health = CLIENT.call("GET", "/health").json
    assert {"status", "version", "default_model_id", "artifact_root"} <= set(health)
    asked = {
        "prompt": "drums",
        "negative_prompt": "voice",
        "seed": None,
        "duration_seconds": 1,
        "model_id": "sketch",
        "cfg_scale": 7,
        "scheduler": "euler_a",
    }
    job = CLIENT.call("POST", "/generate", asked).json["job_id"]
    for _ in range(600):
        status = CLIENT.call("GET", f"/status/{job}").json
        if status["state"] not in ("queued", "running"):
            break
        time.sleep(0.05)
    artifact = CLIENT.call("GET", f"/artifact/{job}").json
    assert artifact["metadata"]["extras"]["unused"] == ["cfg_scale", "scheduler"]
    assert artifact["metadata"]["seed"] == status["seed"] >= 0


def fields_are_used_or_refused_by_name() -> None:
    for body, param in (
        ({"prompt": "a", "bogus": 1}, "bogus"),
        ({"prompt": "a", "duration_seconds": 0.5}, "duration_seconds"),
        ({"prompt": "a", "duration_seconds": "5"}, "duration_seconds"),
        ({"prompt": "a", "seed": -1}, "seed"),
        ({"prompt": "a", "seed": 1.5}, "seed"),
        ({"prompt": "a", "priority": 11}, "priority"),
        ({"prompt": "a", "priority": "high"}, "priority"),
        ({"prompt": "a", "steps": 20}, "steps"),
        ({"prompt": "a", "output_format": "exe"}, "output_format"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({}, "prompt"),
    ):
        answer = CLIENT.call("POST", "/generate", body)
        assert (answer.status, answer.param) == (400, param), (body, answer.body)
    for model in ("/etc/passwd", "../x", "http://evil/x", "a/b/c", "no-such-model"):
        answer = CLIENT.call("POST", "/generate", {"prompt": "a", "model_id": model})
        assert (answer.status, answer.param) == (404, "model_id"), answer.body
    twice = CLIENT.call(
        "POST", "/generate", b'{"prompt":"a","prompt":"b"}', Content_Type="application/json"
    )
    assert twice.status == 400
    assert CLIENT.call("POST", "/generate", b"{}", Content_Type="text/plain").status == 415
    assert CLIENT.call("POST", "/generate", b"[1]", Content_Type="application/json").status == 400


def null_counts_as_absent_and_integers_as_numbers() -> None:
    status = CLIENT.make(seed=7.0, negative_prompt=None, loop=None, priority=None)
    assert status["seed"] == 7
    take = CLIENT.call("GET", f"/artifacts/{status['job_id']}").json
    assert take["metadata"]["duration_seconds"] == 1


def a_key_makes_one_job() -> None:
    body = {"prompt": "bells", "duration_seconds": 1}
    first = CLIENT.call("POST", "/generate", body, Idempotency_Key="k 1")
    again = CLIENT.call(
        "POST",
        "/generate",
        {"duration_seconds": 1, "prompt": "bells", "seed": None},
        Idempotency_Key="k 1",
    )
    assert (first.status, again.status) == (202, 200)
    assert first.json["job_id"] == again.json["job_id"]
    assert first.headers["location"] == again.headers["location"]
    other = CLIENT.call("POST", "/generate", {"prompt": "bells"}, Idempotency_Key="k 1")
    assert (other.status, other.code) == (422, "key_reused")


def the_examples_of_the_document_are_taken() -> None:
    n = 0
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            if example is None or "/pull" in path:
                continue
            if "run_inference" in path:  # what the sketch cannot do, which answers here
                assert CLIENT.call("POST", path, example).status == 503
                continue
            CLIENT.make()  # for those that need a take
            place = path.replace("{id}", "last").replace("{name}", "example")
            answer = CLIENT.call(method.upper(), place, example)
            assert answer.status < 300, (path, answer.body)
            n += 1
    assert n >= 4


# ---- jobs and events ----


def lists_come_in_pages() -> None:
    for _ in range(3):
        CLIENT.make()
    seen: list[str] = []
    after = ""
    while True:
        page = CLIENT.call("GET", f"/jobs?limit=2&state=succeeded{after}").json
        seen += [job["job_id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) >= 3
    assert CLIENT.call("GET", "/jobs?state=lost").param == "state"
    assert CLIENT.call("GET", "/jobs?limit=0").param == "limit"
    assert CLIENT.call("GET", "/jobs?nonsense=1").param == "nonsense"


def an_unchanged_status_costs_nothing() -> None:
    job = CLIENT.make()["job_id"]
    tag = CLIENT.call("GET", f"/jobs/{job}").headers["etag"]
    assert CLIENT.call("GET", f"/jobs/{job}", If_None_Match=tag).status == 304
    assert CLIENT.call("GET", f"/jobs/{job}", If_None_Match='"other"').status == 200


def events_end_with_the_job_and_agree_with_polling() -> None:
    job = CLIENT.call("POST", "/generate", {"prompt": "harp", "duration_seconds": 1}).json["job_id"]
    events = read_events(WORKER.port, f"/jobs/{job}/events")
    assert events[-1][0] == "end"
    states = [data["state"] for event, _, data in events if event == "status"]
    assert states[-1] == "succeeded"
    assert events[-2][2] == CLIENT.call("GET", f"/jobs/{job}").json


def events_of_all_jobs_resume() -> None:
    before = CLIENT.make()["job_id"]
    _, last, _ = read_events(WORKER.port, f"/jobs/{before}/events", 1)[0]
    job = CLIENT.make()["job_id"]
    seen = read_events(WORKER.port, "/events", 1, Last_Event_ID=last)
    assert seen[0][2]["job_id"] == job


# ---- takes ----


def parts_of_a_sound() -> None:
    job = CLIENT.make()["job_id"]
    url = f"/artifacts/{job}/audio"
    whole = CLIENT.call("GET", url).body
    for text, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=100-", 100, len(whole) - 1),
        ("bytes=-7", len(whole) - 7, len(whole) - 1),
    ):
        part = CLIENT.call("GET", url, Range=text)
        assert part.status == 206 and part.body == whole[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    beyond = CLIENT.call("GET", url, Range=f"bytes={len(whole)}-")
    assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{len(whole)}"
    tag = CLIENT.call("HEAD", url).headers["etag"]
    assert CLIENT.call("GET", url, If_None_Match=tag).status == 304
    assert CLIENT.call("GET", url, Range="bytes=0-9", If_Range='"old"').status == 200


def a_sound_as_another_file() -> None:
    job = CLIENT.make()["job_id"]
    marks = {"wav": b"RIFF", "flac": b"fLaC", "ogg": b"OggS", "opus": b"OggS", "mp3": b"ID3"}
    for form, mark in marks.items():
        sound = CLIENT.call("GET", f"/artifacts/{job}/audio?format={form}")
        assert sound.status == 200 and sound.body.startswith(mark), form
    assert CLIENT.call("GET", f"/artifacts/{job}/audio?format=exe").param == "format"


def pictures_peaks_and_recipe() -> None:
    job = CLIENT.make()["job_id"]
    picture = CLIENT.call("GET", f"/artifacts/{job}/spectrogram.png")
    assert picture.body.startswith(b"\x89PNG")
    assert CLIENT.call("GET", f"/artifacts/{job}/spectrogram.png").body == picture.body
    peaks = CLIENT.call("GET", f"/artifacts/{job}/peaks?n=16").json
    assert len(peaks["min"]) == len(peaks["max"]) == 16
    assert max(peaks["max"]) > 0.1 and min(peaks["min"]) < -0.1
    assert abs(peaks["duration_seconds"] - 1) < 1e-3
    recipe = CLIENT.call("GET", f"/artifacts/{job}/recipe").json
    assert recipe["request"]["prompt"] == "piano" and "pcm" in recipe


def titles_stars_and_search() -> None:
    first = CLIENT.make("Café über alles")["job_id"]
    second = CLIENT.make("trumpet")["job_id"]
    edited = CLIENT.call("PATCH", f"/artifacts/{first}", {"title": "Evening", "starred": True}).json
    assert (edited["title"], edited["starred"]) == ("Evening", True)

    def found(query: str) -> set[str]:
        return {
            each["job_id"] for each in CLIENT.call("GET", f"/artifacts?{query}").json["artifacts"]
        }

    assert found("q=cafe+UBER") == {first}
    assert found("q=evening&starred=true") == {first}
    assert second in found("starred=false") and first not in found("starred=false")
    assert CLIENT.call("PATCH", f"/artifacts/{first}", {"title": None}).json["title"] is None
    for body in ({}, {"star": True}, {"starred": 1}, {"title": "x" * 201}, {"title": "a\u0007"}):
        assert CLIENT.call("PATCH", f"/artifacts/{first}", body).status == 400, body


def trash_and_back() -> None:
    job = CLIENT.make("to be deleted")["job_id"]
    path = Path(CLIENT.call("GET", f"/artifacts/{job}").json["artifact_path"])
    gone = CLIENT.call("DELETE", f"/artifacts/{job}").json
    assert gone["state"] == "trashed" and not path.exists()
    assert Path(gone["artifact_path"]).exists()
    assert CLIENT.call("DELETE", f"/artifacts/{job}").json == gone, "twice is once"
    assert CLIENT.call("GET", f"/artifacts/{job}/audio").status == 410
    listed = CLIENT.call("GET", "/artifacts?trashed=true").json["artifacts"]
    assert job in [each["job_id"] for each in listed]
    path.write_bytes(b"somebody else's")
    back = CLIENT.call("POST", f"/artifacts/{job}/restore").json
    assert back["state"] == "present" and back["artifact_path"] != str(path)
    assert path.read_bytes() == b"somebody else's"
    assert CLIENT.call("GET", f"/artifacts/{job}/audio").status == 200


def a_file_that_was_moved_or_changed_is_gone() -> None:
    for change in ("moved", "longer", "other"):
        job = CLIENT.make()["job_id"]
        path = Path(CLIENT.call("GET", f"/artifacts/{job}").json["artifact_path"])
        assert CLIENT.call("GET", f"/artifacts/{job}/audio").status == 200
        bytes_before = path.read_bytes()
        if change == "moved":
            path.rename(path.with_suffix(".away"))
        elif change == "longer":
            path.write_bytes(bytes_before + b"x")
        else:
            path.write_bytes(bytes_before[:-1] + bytes([bytes_before[-1] ^ 1]))
        answer = CLIENT.call("GET", f"/artifacts/{job}/audio")
        assert (answer.status, answer.code) == (410, "gone"), change
        CLIENT.call("DELETE", f"/artifacts/{job}")
        if change != "moved":
            assert path.exists(), "what the user changed is theirs"


def takes_made_without_a_worker_come_in() -> None:
    import os
    import subprocess

    environment = WORKER.environment("")
    done = subprocess.run(
        [os.environ["TIMBRE_BIN"], "generate", "--no-worker", "-l", "1", "-q", "inbox song"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    for _ in range(100):
        found = CLIENT.call("GET", "/artifacts?q=inbox+song").json["artifacts"]
        if found:
            break
        time.sleep(0.1)
    assert found[0]["artifact_path"] == done.stdout.strip()
    assert CLIENT.call("GET", f"/artifacts/{found[0]['number']}/audio").status == 200
    assert not list((WORKER.data / "inbox").glob("*.json"))


# ---- presets, inputs, models, the rest ----


def presets() -> None:
    fields = {"prompt": "rain", "duration_seconds": 8.0}
    assert CLIENT.call("PUT", "/presets/evening", fields).status == 201
    assert CLIENT.call("PUT", "/presets/evening", fields).status == 200
    assert CLIENT.call("GET", "/presets/evening").json["request"] == fields
    assert "evening" in [p["name"] for p in CLIENT.call("GET", "/presets").json["presets"]]
    assert CLIENT.call("PUT", "/presets/evening", {"nonsense": 1}).status == 400
    assert CLIENT.call("PUT", "/presets/evening", {"model_id": "/etc/passwd"}).status == 400
    assert CLIENT.call("PUT", "/presets/.hidden", fields).status == 400
    assert CLIENT.call("DELETE", "/presets/evening").status == 204
    assert CLIENT.call("DELETE", "/presets/evening").status == 404


def inputs() -> None:
    job = CLIENT.make()["job_id"]
    sound = CLIENT.call("GET", f"/artifacts/{job}/audio").body
    first = CLIENT.call("POST", "/inputs", sound)
    again = CLIENT.call("POST", "/inputs", sound)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json and first.json["media_type"] == "audio/wav"
    assert (WORKER.data / "inputs" / first.json["input_id"]).read_bytes() == sound
    assert CLIENT.call("POST", "/inputs", b"#!/bin/sh\n").status == 415


def models() -> None:
    listed = CLIENT.call("GET", "/models").json["models"]
    assert [each["id"] for each in listed if each["is_default"]] == ["sketch"]
    refused = CLIENT.call("POST", "/models/riffusion-v1/pull")
    assert refused.status == 403 and "creativeml-openrail-m" in refused.body.decode()
    assert CLIENT.call("POST", "/models/warm", {"model_id": "sketch"}).status == 202
    assert CLIENT.call("POST", "/models/warm", {"model_id": "nothing"}).status == 404
    for _ in range(100):
        if CLIENT.call("GET", "/health").json["loaded_model_id"] == "sketch":
            return
        time.sleep(0.05)
    raise AssertionError("the sketch is not loaded")


def health_metrics_and_the_document() -> None:
    assert CLIENT.call("GET", "/openapi.json").json == DOCUMENT
    assert CLIENT.call("GET", "/readyz").json == {"ready": True}
    CLIENT.make()
    text = CLIENT.call("GET", "/metrics").body.decode()
    for name in (
        "timbre_jobs_total",
        "timbre_stage_seconds",
        "timbre_queue_depth",
        "timbre_http_request_seconds",
    ):
        assert f"\n# TYPE {name} " in "\n" + text, name
    assert CLIENT.call("GET", "/nowhere").status == 404
    assert CLIENT.call("DELETE", "/health").headers["allow"] == "GET, HEAD, OPTIONS"


CASES: list[Any] = [
    a_take_from_prompt_to_sound,
    the_first_contract_still_works,
    fields_are_used_or_refused_by_name,
    null_counts_as_absent_and_integers_as_numbers,
    a_key_makes_one_job,
    the_examples_of_the_document_are_taken,
    lists_come_in_pages,
    an_unchanged_status_costs_nothing,
    events_end_with_the_job_and_agree_with_polling,
    events_of_all_jobs_resume,
    parts_of_a_sound,
    a_sound_as_another_file,
    pictures_peaks_and_recipe,
    titles_stars_and_search,
    trash_and_back,
    a_file_that_was_moved_or_changed_is_gone,
    takes_made_without_a_worker_come_in,
    presets,
    inputs,
    models,
    health_metrics_and_the_document,
]

if __name__ == "__main__":
    try:
        tap.run([(each.__name__, each) for each in CASES], n_at_once=1)
    finally:
        WORKER.stop()
        FOLDER.cleanup()
