"""Schemas of what goes over the wire. Fields of a request come from the program's own table."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
# At most 96 characters a part, no two dots in a row.
PART = "[A-Za-z0-9_](\\.?[A-Za-z0-9_-]){0,47}"
MODEL = f"^{PART}(/{PART})?$"
TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{3})?Z$"
SHA256 = "^[0-9a-f]{64}$"
# No control characters but tab, newline and return.
TEXT = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$"
STATES = ["queued", "running", "succeeded", "failed", "cancelled"]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def nullable(schema: Json) -> Json:
    """null counts as absent."""
    if "enum" in schema:
        return {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def default_of(field: Json) -> Json:
    if field["default"] is None:
        return {}
    kind, text = field["type"], field["default"]
    if kind == "boolean":
        return {"default": text == "true"}
    return {"default": number(float(text)) if kind in ("integer", "number") else text}


def who_uses(field: Json) -> str:
    if field["sketch"] and field["neural"]:
        return ""
    whose = "the sketch" if field["sketch"] else "neural models"
    if field["accepted_unused"]:
        return f" Used by {whose}; others accept it and list it in extras.unused."
    return f" For {whose} alone; others refuse it."


def field_schema(field: Json) -> Json:
    about: Json = {"description": f"{field['help']}.{who_uses(field)}", **default_of(field)}
    if field["type"] == "choice":
        return nullable({"type": "string", "enum": field["choices"], **about})
    if field["type"] == "boolean":
        return nullable({"type": "boolean", **about})
    low, high = number(field["min"]), number(field["max"])
    if field["type"] != "text":
        return nullable({"type": field["type"], "minimum": low, "maximum": high, **about})
    about["description"] += f" At most {high} bytes of UTF-8."
    pattern = MODEL if field["name"] == "model_id" else TEXT
    return nullable(
        {"type": "string", "minLength": low, "maxLength": high, "pattern": pattern, **about}
    )


def required_prompt(properties: Json) -> Json:
    """The one field that has to be there, and so cannot be null."""
    prompt = properties["prompt"]
    return {**properties, "prompt": {**prompt, "type": "string"}}


def request_schemas(fields: list[Json]) -> Json:
    properties = {field["name"]: field_schema(field) for field in fields}
    priority = nullable(
        {
            "type": "integer",
            "minimum": -10,
            "maximum": 10,
            "default": 0,
            "description": "higher first; of the queue alone, in no recipe.",
        }
    )
    return {
        "GenerationRequest": {
            "type": "object",
            "description": "What to make. null counts as absent; integers do for numbers.",
            "required": ["prompt"],
            "properties": {**required_prompt(properties), "priority": priority},
            "additionalProperties": False,
        },
        "PresetRequest": {
            "type": "object",
            "description": "Fields of a request, any of them.",
            "properties": properties,
            "additionalProperties": False,
        },
    }


def closed(properties: Json, description: str = "") -> Json:
    """An object with exactly these members."""
    about = {"description": description} if description else {}
    return {
        "type": "object",
        **about,
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def text(*, null: bool = False, **rest: Any) -> Json:
    return {"type": ["string", "null"] if null else "string", **rest}


def count(*, null: bool = False, minimum: int = 0, **rest: Any) -> Json:
    return {"type": ["integer", "null"] if null else "integer", "minimum": minimum, **rest}


def amount(*, null: bool = False, **rest: Any) -> Json:
    return {"type": ["number", "null"] if null else "number", **rest}


def flag() -> Json:
    return {"type": "boolean"}


ID = text(pattern=UUID, description="UUID; opaque")
WHEN = text(pattern=TIME, description="RFC 3339, UTC")
FAILURE = closed({"code": text(), "message": text(), "fix": text(null=True)})
OR_NULL_FAILURE = {"anyOf": [FAILURE, {"type": "null"}]}

ANSWERS: Json = {
    "GenerationStatus": closed(
        {
            "job_id": ID,
            "state": text(enum=STATES),
            "progress": amount(minimum=0, maximum=1, description="of the whole, from real work"),
            "message": text(description="for people"),
            "updated_at": WHEN,
            "created_at": WHEN,
            "stage": text(null=True, description="of the backend's list: load, denoise, save ..."),
            "step": count(null=True),
            "steps": count(null=True),
            "rate": amount(null=True, minimum=0, description="steps a second"),
            "eta_seconds": amount(null=True, minimum=0),
            "queue_position": count(null=True, minimum=1),
            "attempt": count(),
            "priority": {"type": "integer", "minimum": -10, "maximum": 10},
            "prompt": text(),
            "model_id": text(),
            "seed": count(),
            "error": OR_NULL_FAILURE,
            "artifact_url": text(null=True),
        }
    ),
    "GenerationArtifact": closed(
        {
            "job_id": ID,
            "number": count(minimum=1, description="#N for people"),
            "artifact_path": text(description="on the worker's machine"),
            "title": text(null=True),
            "starred": flag(),
            "created_at": WHEN,
            "bytes": count(),
            "sha256": text(pattern=SHA256),
            "format": text(),
            "state": text(enum=["present", "trashed"]),
            "metadata": {
                "type": "object",
                "required": [
                    "prompt",
                    "seed",
                    "model_id",
                    "duration_seconds",
                    "extras",
                    "audio_url",
                ],
                "properties": {
                    "prompt": text(),
                    "seed": count(),
                    "model_id": text(),
                    "duration_seconds": amount(exclusiveMinimum=0),
                    "extras": {"type": "object"},
                    "audio_url": text(),
                },
            },
        }
    ),
    "Error": closed(
        {
            "error": closed(
                {
                    "code": text(),
                    "message": text(),
                    "fix": text(null=True, description="what to do"),
                    "type": text(enum=["invalid_request_error", "server_error"]),
                    "param": text(null=True, description="the field, parameter or header meant"),
                }
            )
        }
    ),
    "Health": closed(
        {
            "status": text(enum=["ok", "degraded", "stopping"]),
            "message": text(null=True, description="why it is not ok"),
            "version": text(),
            "default_model_id": text(),
            "artifact_root": text(),
            "available_backends": {"type": "array", "items": text()},
            "backend_status": {
                "type": "array",
                "items": closed(
                    {
                        "name": text(),
                        "ready": flag(),
                        "device": text(),
                        "error": text(null=True),
                    }
                ),
            },
            "queue": closed({"queued": count(), "running": count(), "limit": count()}),
            "loaded_model_id": text(null=True),
            "uptime_seconds": amount(minimum=0),
        }
    ),
    "Ready": closed({"ready": flag()}),
    "JobList": closed(
        {
            "jobs": {"type": "array", "items": ref("GenerationStatus")},
            "next": text(null=True, description="after=, for the next page"),
        }
    ),
    "ArtifactList": closed(
        {
            "artifacts": {"type": "array", "items": ref("GenerationArtifact")},
            "next": text(null=True, description="after=, for the next page"),
        }
    ),
    "ArtifactEdit": {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "title": text(null=True, maxLength=200, pattern=TEXT),
            "starred": flag(),
        },
        "additionalProperties": False,
    },
    "Peaks": closed(
        {
            "n": count(minimum=1),
            "channels": count(minimum=1),
            "duration_seconds": amount(minimum=0),
            "min": {"type": "array", "items": amount()},
            "max": {"type": "array", "items": amount()},
        }
    ),
    "Recipe": {"type": "object", "description": "All that is needed to make the take again."},
    "Input": closed(
        {
            "input_id": ID,
            "media_type": text(),
            "bytes": count(minimum=1),
            "sha256": text(pattern=SHA256),
        }
    ),
    "Preset": closed({"name": text(), "request": ref("PresetRequest"), "updated_at": WHEN}),
    "PresetList": closed({"presets": {"type": "array", "items": ref("Preset")}}),
    "Pull": {
        "type": "object",
        "required": ["model", "state"],
        "properties": {
            "model": text(),
            "state": text(enum=["planning", "running", "done", "failed"]),
        },
    },
    "InferencePrompt": {
        "type": "object",
        "required": ["prompt", "seed"],
        "properties": {
            "prompt": {"type": "string"},
            "seed": {"type": ["integer", "boolean"]},
            "negative_prompt": {
                "type": ["string", "null"],
                "description": "Without effect, as in riffusion.",
            },
            "denoising": {"type": "number", "default": 0.75},
            "guidance": {"type": "number", "default": 7},
        },
    },
    "InferenceInput": {
        "type": "object",
        "description": "Other members are left out of account.",
        "required": ["start", "end", "alpha"],
        "properties": {
            "start": ref("InferencePrompt"),
            "end": ref("InferencePrompt"),
            "alpha": {"type": "number"},
            "num_inference_steps": {"type": "integer", "default": 50},
            "seed_image_id": {"type": "string", "default": "og_beat"},
            "mask_image_id": {"type": ["string", "null"]},
        },
    },
    "ModelList": closed(
        {
            "models": {
                "type": "array",
                "items": closed(
                    {
                        "id": text(),
                        "title": text(null=True),
                        "state": text(enum=["absent", "partial", "whole"]),
                        "provenance": text(
                            enum=["known", "pulled", "added", "shipped", "cache", "built-in"]
                        ),
                        "licence": text(),
                        "bytes": count(),
                        "is_default": flag(),
                        "pull": {"anyOf": [ref("Pull"), {"type": "null"}]},
                    }
                ),
            }
        }
    ),
    "PullRequest": {
        "type": "object",
        "properties": {
            "accept_license": text(null=True, description="the licence's id, as /models shows it")
        },
        "additionalProperties": False,
    },
    "PullStarted": closed({"model": text(), "events": text()}),
    "WarmRequest": {
        "type": "object",
        "properties": {"model_id": text(null=True, maxLength=1024, pattern=MODEL)},
        "additionalProperties": False,
    },
    "Warming": closed({"model_id": text()}),
}
