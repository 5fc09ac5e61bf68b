"""What the stand-in of the Hub offers: repositories of small files, built from tests/data/models.

Nothing here knows HTTP.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

LICENCE = "creativeml-openrail-m"
FP16 = "webui/riffusion-model-v1"
FP16_FILE = "riffusion-model-v1-fp16.safetensors"
ORIGINAL = "riffusion/riffusion-model-v1"
TINY = "timbre/tiny"  # a diffusers folder as people publish it today
LFS_SUFFIXES = (".safetensors", ".bin", ".ckpt", ".pt", ".png")

README = f"""---
license: {LICENCE}
tags:
- text-to-audio
---
# A small model

It makes noises and is for tests.
"""


def blob_sha1(body: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. LFS files are named by SHA-256 and come from the CDN."""

    body: bytes
    is_lfs: bool
    sha256: str
    oid: str  # git's SHA-1

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid


def hub_file(path: str, body: bytes) -> HubFile:
    return HubFile(
        body, path.endswith(LFS_SUFFIXES), hashlib.sha256(body).hexdigest(), blob_sha1(body)
    )


@dataclass
class Repo:
    """A repository. `revisions` maps "main" and the like to commits, `trees` commits to files."""

    name: str
    revisions: dict[str, str]
    trees: dict[str, dict[str, HubFile]]
    licence: str | None = LICENCE
    is_private: bool = False
    is_gated: bool = False
    granted: set[str] = field(default_factory=set)  # tokens that may pass the gate

    def commit_of(self, revision: str) -> str | None:
        return revision if revision in self.trees else self.revisions.get(revision)

    @property
    def head(self) -> dict[str, HubFile]:
        return self.trees[self.revisions["main"]]

    def commit(self, files: dict[str, bytes], revision: str = "main") -> str:
        """Let `revision` be these files; the name of the new commit."""
        tree = {path: hub_file(path, body) for path, body in sorted(files.items())}
        text = "".join(f"{path} {each.oid}\n" for path, each in tree.items())
        commit = hashlib.sha1((self.name + text).encode()).hexdigest()
        self.trees[commit] = tree
        self.revisions[revision] = commit
        return commit


def make_repo(name: str, files: dict[str, bytes], licence: str | None = LICENCE) -> Repo:
    repo = Repo(name, {}, {}, licence)
    repo.commit(files)
    return repo


def read_folder(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def noise(n_bytes: int, seed: str) -> bytes:
    """The same bytes every time, which nothing compresses."""
    block = hashlib.shake_128(seed.encode())
    return block.digest(n_bytes)


def default_repos(models: Path) -> dict[str, Repo]:
    """The repositories of the registry and one of nobody's. `models`: tests/data/models."""
    tiny = read_folder(models / "tiny")
    single = (models / "forms/single/tiny-fp16.safetensors").read_bytes()
    published = read_folder(models / "forms/bin")  # component folders with pickles, as they were
    published["README.md"] = README.encode()
    for name in ("og_beat", "agile", "vibes"):
        published[f"seed_images/{name}.png"] = b"\x89PNG\r\n\x1a\n" + noise(3000, name)
    # what a diffusers repository holds besides, and nobody should fetch
    published["riffusion-model-v1.ckpt"] = noise(60_000, "ckpt")
    published["unet_traced/unet_traced.pt"] = noise(50_000, "traced")
    published["safety_checker/pytorch_model.bin"] = noise(40_000, "safety")
    published["safety_checker/config.json"] = b"{}\n"
    published["feature_extractor/preprocessor_config.json"] = b"{}\n"
    published[".gitattributes"] = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
    tiny_files = {**tiny, "README.md": README.encode(), ".gitattributes": b"* -text\n"}
    repos = [
        make_repo(FP16, {FP16_FILE: single, "README.md": README.encode()}),
        make_repo(ORIGINAL, published),
        make_repo(TINY, tiny_files),
    ]
    return {repo.name: repo for repo in repos}


def with_changed(files: dict[str, HubFile], path: str, body: bytes) -> dict[str, bytes]:
    """The files of a tree with one of them replaced, for Repo.commit."""
    return {**{name: each.body for name, each in files.items()}, path: body}


def flipped(each: HubFile) -> HubFile:
    """The same names, and a body of the same length that is not theirs."""
    middle = len(each.body) // 2
    body = each.body[:middle] + bytes([each.body[middle] ^ 1]) + each.body[middle + 1 :]
    return replace(each, body=body)
