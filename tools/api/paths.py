"""The routes, as the worker's table (worker/routes.c) has them; a test compares both."""

from __future__ import annotations

from typing import Any

from .schemas import PART, STATES, TEXT, UUID, Json, ref

REASONS = {
    400: "The request is wrong; message and param say where.",
    401: "The worker wants its API key.",
    403: "Not allowed: Host, Origin, or a licence.",
    404: "There is no such thing.",
    405: "This path does not know the method.",
    409: "Not in this state.",
    410: "It was there, and is moved, changed or in the trash.",
    411: "A body needs a Content-Length.",
    413: "The body is too large.",
    414: "The URI exceeds 4096 bytes.",
    415: "The body has another type.",
    416: "The range lies behind the end.",
    422: "The Idempotency-Key came with another request before.",
    431: "The headers exceed 16 KiB.",
    429: "No room for more; Retry-After says when to try again.",
    500: "Something failed.",
    504: "Not done in time.",
    503: "The worker stops, or has no room; Retry-After.",
    507: "The disk is full.",
}
EVERY = (400, 401, 403, 405, 414, 431, 503)

TAKE = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "UUID, number, or last",
    "schema": {"type": "string", "pattern": f"{UUID}|^[0-9]{{1,15}}$|^last$"},
}
JOB = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "of a job",
    "schema": {"type": "string", "pattern": UUID},
}
NAME = {"type": "string", "pattern": f"^{PART}$"}


def at_path(name: str, **schema: Any) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema or NAME}


def query(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def header(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema}


LIMIT = query("limit", "at most so many", type="integer", minimum=1, maximum=200, default=50)
AFTER = query("after", "next of the page before", type="string", pattern="^[1-9][0-9]{0,14}$")
IF_NONE_MATCH = header("If-None-Match", "an ETag; 304 when it is still so", type="string")
LAST_EVENT = header("Last-Event-ID", "id of the last event seen", type="string")


def response(status: int, schema: Json | None, media_type: str = "application/json") -> Json:
    text = REASONS.get(status, "")
    if schema is None:
        return {"description": text or "Done."}
    return {"description": text or "Done.", "content": {media_type: {"schema": schema}}}


def operation(
    name: str,
    tag: str,
    summary: str,
    answers: dict[int, tuple[Json | None, str] | Json | None],
    *,
    refusals: tuple[int, ...] = (),
    parameters: tuple[Json, ...] = (),
    body: Json | None = None,
    headers: dict[int, Json] | None = None,
) -> Json:
    """One operation: what it answers when all is well, and how it refuses."""
    responses: Json = {}
    for status, answer in answers.items():
        schema, media_type = answer if isinstance(answer, tuple) else (answer, "application/json")
        responses[str(status)] = response(status, schema, media_type)
        if headers and status in headers:
            responses[str(status)]["headers"] = headers[status]
    for status in sorted({*EVERY, *refusals}):
        responses[str(status)] = response(status, ref("Error"))
    made: Json = {"operationId": name, "tags": [tag], "summary": summary}
    if parameters:
        made["parameters"] = list(parameters)
    if body:
        made["requestBody"] = body
    return {**made, "responses": dict(sorted(responses.items()))}


def json_body(schema: str, example: Json, *, required: bool = True) -> Json:
    content = {"application/json": {"schema": ref(schema), "example": example}}
    return {"required": required, "content": content}


def text_header(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


LOCATION = {"Location": text_header("of the job")}
ETAG = {"ETag": text_header("changes with the answer")}
EVENTS = ({"type": "string"}, "text/event-stream")
PNG = ({"type": "string", "format": "binary"}, "image/png")
AUDIO = ({"type": "string", "format": "binary"}, "audio/*")
PAGE = ({"type": "string"}, "text/html")
STATUS, ARTIFACT = ref("GenerationStatus"), ref("GenerationArtifact")
INFERENCE = {
    "start": {"prompt": "church bells", "seed": 42, "denoising": 0.75, "guidance": 7},
    "end": {"prompt": "electronic beats", "seed": 123},
    "alpha": 0.5,
    "num_inference_steps": 50,
    "seed_image_id": "og_beat",
    "mask_image_id": None,
}
EXAMPLE = {"prompt": "lo-fi piano over gentle rain", "seed": 7, "duration_seconds": 1.0}


def run_inference() -> Json:
    """Riffusion's own answers are pages of plain words; the door's are JSON as everywhere."""
    made = operation(
        "runInference",
        "riffusion",
        "riffusion's own protocol: one clip between two prompts",
        {200: PAGE},
        refusals=(413, 429, 500, 504),
        body=json_body("InferenceInput", INFERENCE),
    )
    for status in ("400", "429", "500", "503", "504"):
        made["responses"][status]["content"]["text/html"] = {"schema": {"type": "string"}}
    return made


def get_job(name: str, summary: str) -> Json:
    return operation(
        name,
        "jobs",
        summary,
        {200: STATUS, 304: None},
        refusals=(404,),
        parameters=(JOB, IF_NONE_MATCH),
        headers={200: ETAG},
    )


def get_take(name: str, summary: str) -> Json:
    return operation(
        name,
        "artifacts",
        summary,
        {200: ARTIFACT, 304: None},
        refusals=(404, 409),
        parameters=(TAKE, IF_NONE_MATCH),
        headers={200: ETAG},
    )


def pull(parts: tuple[str, ...], suffix: str) -> Json:
    names = tuple(at_path(part) for part in parts)
    return {
        "post": operation(
            f"pullModel{suffix}",
            "models",
            "Fetch a model from the Hub",
            {202: ref("PullStarted")},
            refusals=(404, 409, 413, 415, 429, 500),
            parameters=names,
            body=json_body("PullRequest", {"accept_license": None}, required=False),
        ),
        "get": operation(
            f"pullEvents{suffix}",
            "models",
            "Progress of that, as events",
            {200: EVENTS},
            refusals=(404,),
            parameters=names,
        ),
    }


def paths() -> Json:
    preset = at_path("name", type="string", pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")
    return {
        "/health": {
            "get": operation(
                "health", "worker", "How the worker is, and what it can", {200: ref("Health")}
            )
        },
        "/readyz": {
            "get": operation(
                "ready",
                "worker",
                "Whether a job would be taken now",
                {200: ref("Ready")},
                refusals=(507,),
            )
        },
        "/metrics": {
            "get": operation(
                "metrics", "worker", "Prometheus text", {200: ({"type": "string"}, "text/plain")}
            )
        },
        "/openapi.json": {
            "get": operation("openapi", "worker", "This document", {200: {"type": "object"}})
        },
        "/generate": {
            "post": operation(
                "generate",
                "jobs",
                "Ask for a take",
                {200: STATUS, 202: STATUS},
                refusals=(404, 411, 413, 415, 422, 429, 500, 507),
                body=json_body("GenerationRequest", EXAMPLE),
                parameters=(
                    header(
                        "Idempotency-Key",
                        "the same key and body again is the same job",
                        type="string",
                        minLength=1,
                        maxLength=255,
                        pattern="^[!-~]([ -~]*[!-~])?$",
                    ),
                    header(
                        "Prefer",
                        "wait=N: answer when it is done, or after N s (at most 60)",
                        type="string",
                    ),
                ),
                headers={200: LOCATION, 202: LOCATION},
            )
        },
        "/jobs": {
            "get": operation(
                "listJobs",
                "jobs",
                "Jobs, the newest first",
                {200: ref("JobList")},
                parameters=(
                    query(
                        "state",
                        "only these, separated by commas",
                        type="string",
                        pattern=f"^({'|'.join(STATES)})(,({'|'.join(STATES)}))*$",
                    ),
                    AFTER,
                    LIMIT,
                ),
            )
        },
        "/jobs/{id}": {"get": get_job("getJob", "One job")},
        "/status/{id}": {"get": get_job("getStatus", "The same, under the first contract's name")},
        "/jobs/{id}/cancel": {
            "post": operation(
                "cancelJob",
                "jobs",
                "Stop it; 202 while it is still stopping",
                {200: STATUS, 202: STATUS},
                refusals=(404, 413, 415, 500, 507),
                parameters=(JOB,),
            )
        },
        "/jobs/{id}/preview.png": {
            "get": operation(
                "getPreview",
                "jobs",
                "What a neural model sees so far",
                {200: PNG},
                refusals=(404,),
                parameters=(JOB,),
            )
        },
        "/jobs/{id}/events": {
            "get": operation(
                "jobEvents",
                "jobs",
                "Its states as they come, then `end`",
                {200: EVENTS},
                refusals=(404,),
                parameters=(JOB, LAST_EVENT),
            )
        },
        "/events": {
            "get": operation(
                "allEvents",
                "jobs",
                "States of all jobs as they come",
                {200: EVENTS},
                parameters=(LAST_EVENT,),
            )
        },
        "/artifacts": {
            "get": operation(
                "listArtifacts",
                "artifacts",
                "Takes, the newest first",
                {200: ref("ArtifactList")},
                parameters=(
                    query(
                        "q",
                        "words of prompt, title or model",
                        type="string",
                        pattern=TEXT,
                        maxLength=300,
                    ),
                    query("starred", "only these, or only the others", type="boolean"),
                    query("trashed", "those in the trash instead", type="boolean"),
                    query(
                        "number",
                        "the one take #N",
                        type="integer",
                        minimum=1,
                        maximum=999999999999999,
                    ),
                    AFTER,
                    LIMIT,
                ),
            )
        },
        "/artifacts/{id}": {
            "get": get_take("getArtifact", "One take"),
            "patch": operation(
                "editArtifact",
                "artifacts",
                "Title and star",
                {200: ARTIFACT},
                refusals=(404, 411, 413, 415, 500, 507),
                parameters=(TAKE,),
                body=json_body("ArtifactEdit", {"starred": True}),
            ),
            "delete": operation(
                "deleteArtifact",
                "artifacts",
                "Into the trash, for 30 days",
                {200: ARTIFACT},
                refusals=(404, 500, 507),
                parameters=(TAKE,),
            ),
        },
        "/artifact/{id}": {"get": get_take("getArtifactFirst", "The first contract's name")},
        "/artifacts/{id}/restore": {
            "post": operation(
                "restoreArtifact",
                "artifacts",
                "Out of the trash",
                {200: ARTIFACT},
                refusals=(404, 410, 413, 415, 500, 507),
                parameters=(TAKE,),
            )
        },
        "/artifacts/{id}/audio": {
            "get": operation(
                "getAudio",
                "artifacts",
                "The sound",
                {200: AUDIO, 206: AUDIO, 304: None},
                refusals=(404, 410, 416, 500),
                parameters=(
                    TAKE,
                    query(
                        "format",
                        "as which file, with its recipe; Opus at 48 kHz where it lacks the rate",
                        type="string",
                        enum=["wav", "flac", "ogg", "mp3", "opus"],
                    ),
                    header("Range", "bytes=A-B; one range", type="string"),
                    IF_NONE_MATCH,
                ),
                headers={200: ETAG, 206: ETAG},
            )
        },
        "/artifacts/{id}/spectrogram.png": {
            "get": operation(
                "getSpectrogram",
                "artifacts",
                "What it looks like",
                {200: PNG, 206: PNG, 304: None},
                refusals=(404, 410, 416, 500, 507),
                parameters=(TAKE, IF_NONE_MATCH),
            )
        },
        "/artifacts/{id}/peaks": {
            "get": operation(
                "getPeaks",
                "artifacts",
                "Its outline, to be drawn",
                {200: ref("Peaks")},
                refusals=(404, 410, 500),
                parameters=(
                    TAKE,
                    query("n", "stretches", type="integer", minimum=1, maximum=10000, default=1000),
                ),
            )
        },
        "/artifacts/{id}/recipe": {
            "get": operation(
                "getRecipe",
                "artifacts",
                "How to make it again",
                {200: ref("Recipe")},
                refusals=(404,),
                parameters=(TAKE,),
            )
        },
        "/inputs": {
            "post": operation(
                "addInput",
                "inputs",
                "Bring a sound or a picture, at most 64 MiB",
                {200: ref("Input"), 201: ref("Input")},
                refusals=(411, 413, 415, 500, 507),
                body={
                    "required": True,
                    "content": {
                        "application/octet-stream": {
                            "schema": {"type": "string", "format": "binary"}
                        }
                    },
                },
            )
        },
        "/presets": {
            "get": operation("listPresets", "presets", "All presets", {200: ref("PresetList")})
        },
        "/presets/{name}": {
            "get": operation(
                "getPreset",
                "presets",
                "One preset",
                {200: ref("Preset")},
                refusals=(404,),
                parameters=(preset,),
            ),
            "put": operation(
                "putPreset",
                "presets",
                "Make or replace it",
                {200: ref("Preset"), 201: ref("Preset")},
                refusals=(411, 413, 415, 500, 507),
                parameters=(preset,),
                body=json_body("PresetRequest", {"duration_seconds": 8.0}),
            ),
            "delete": operation(
                "deletePreset",
                "presets",
                "Forget it",
                {204: None},
                refusals=(404, 500, 507),
                parameters=(preset,),
            ),
        },
        "/models": {
            "get": operation(
                "listModels",
                "models",
                "Models, installed or known",
                {200: ref("ModelList")},
                refusals=(500,),
            )
        },
        "/models/warm": {
            "post": operation(
                "warmModel",
                "models",
                "Load a model before its first take",
                {202: ref("Warming")},
                refusals=(404, 413, 415, 500),
                body=json_body("WarmRequest", {"model_id": "sketch"}, required=False),
            )
        },
        "/models/{name}/pull": pull(("name",), ""),
        "/models/{org}/{name}/pull": pull(("org", "name"), "OfOrg"),
        "/run_inference/": {"post": run_inference()},
        "/run_inference": {
            "post": operation(
                "runInferenceMoved",
                "riffusion",
                "To /run_inference/, as Flask answers it",
                {308: PAGE},
                refusals=(413,),
                headers={308: {"Location": text_header("/run_inference/")}},
            )
        },
    }
