"""Write api/openapi.json and api/schemas/, or with --check say whether they are what the program's
field table makes of them.

    python3 -m tools.api BUILD/api/fields [--check]
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
from pathlib import Path

from .paths import paths
from .schemas import ANSWERS, Json, request_schemas

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLISHED = {  # file -> schema
    "generation_request": "GenerationRequest",
    "generation_status": "GenerationStatus",
    "generation_artifact": "GenerationArtifact",
    "error": "Error",
    "health": "Health",
}


def document(fields: list[Json]) -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Timbre",
            "version": "1",
            "description": "The worker: text to music on your own machine. Polling is the "
            "contract; events are an optimisation of it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8000"}],
        "security": [{}, {"key": []}],
        "paths": paths(),
        "components": {
            "schemas": {**request_schemas(fields), **ANSWERS},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the worker has an API key; never on the Unix socket.",
                }
            },
        },
    }


def schema_file(name: str, whole: Json) -> Json:
    """A schema that stands by itself."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **whole["components"]["schemas"][name],
    }


def files(fields: list[Json]) -> dict[Path, str]:
    whole = document(fields)
    made = {ROOT / "api" / "openapi.json": whole}
    for stem, name in PUBLISHED.items():
        made[ROOT / "api" / "schemas" / f"{stem}.json"] = schema_file(name, whole)
    return {path: json.dumps(value, indent=1) + "\n" for path, value in made.items()}


def difference(path: Path, wanted: str) -> list[str]:
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    return list(
        difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), name, "generated", lineterm=""
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.api", description=__doc__)
    parser.add_argument("fields", help="the program that prints the field table")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where they differ")
    options = parser.parse_args()
    done = subprocess.run([options.fields], check=True, capture_output=True, text=True)
    wrong = 0
    for path, content in files(json.loads(done.stdout)).items():
        lines = difference(path, content)
        if options.check and lines:
            wrong = 1
            print("\n".join(lines[:60]))
        elif lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            print(path.relative_to(ROOT))
    if wrong:
        print("run: python3 -m tools.api BUILD/api/fields", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
