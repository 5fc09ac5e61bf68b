"""What huggingface_hub does in the same cache: run by interop.py with the Python that has it.

hub_peer.py download REPO PATH...   fetch these files (none: all) and print the snapshot's folder
hub_peer.py find REPO PATH...       without network: print as JSON what it knows of them
"""

from __future__ import annotations

import json
import sys

import huggingface_hub
import huggingface_hub.constants

# It writes in pieces of 10 MB, which are more than the models of the tests have.
huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 4096


def download(repo: str, paths: list[str]) -> None:
    print(huggingface_hub.snapshot_download(repo, allow_patterns=paths or None))


def find(repo: str, paths: list[str]) -> None:
    scan = huggingface_hub.scan_cache_dir()
    found = {
        "files": {
            path: huggingface_hub.hf_hub_download(repo, path, local_files_only=True)
            for path in paths
        },
        "cached": [path for path in paths if huggingface_hub.try_to_load_from_cache(repo, path)],
        "snapshot": huggingface_hub.snapshot_download(
            repo, local_files_only=True, allow_patterns=paths
        ),
        "warnings": [str(each) for each in scan.warnings],
        "repos": {each.repo_id: each.nb_files for each in scan.repos},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    {"download": download, "find": find}[sys.argv[1]](sys.argv[2], sys.argv[3:])
