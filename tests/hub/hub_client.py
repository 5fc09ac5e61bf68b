"""The program as its users meet it, in an empty home beside a Hub of our own, and what must be true
of its cache whatever happened."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_repos import FP16, FP16_FILE, LICENCE, ORIGINAL, HubFile
from hub_server import Hub

TIMBRE = str(Path(os.environ.get("TIMBRE_BIN", "build/cli/timbre")).resolve())
LIMIT_S = 120.0  # sanitizer builds are slow
KEPT = ("ASAN_", "UBSAN_", "LSAN_", "TSAN_", "LLVM_")  # variables of sanitizers
# What the pull of a model of the registry has to bring, by repository.
WANTED = {
    "riffusion-v1": {
        FP16: {FP16_FILE},
        ORIGINAL: {
            "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
            "tokenizer/special_tokens_map.json", "README.md", "seed_images/og_beat.png",
            "seed_images/agile.png", "seed_images/vibes.png",
        },
    }
}  # fmt: skip


@dataclass
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"not JSON on standard output, {self.told()}") from None

    def told(self) -> str:
        return f"exit {self.status}\nout: {self.out[-1500:]}\nerr: {self.err[-1500:]}"

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"]) if self.status else "ok"


@dataclass
class Home:
    """An empty home folder and the environment of the commands in it."""

    hub: Hub | None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="timbre-hub-"))
        kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        mine = {"HOME": str(self.path), "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "LC_ALL": "C.UTF-8", "TIMBRE_HUB_RETRY_S": "0.02", "TIMBRE_HUB_STALL_S": "1",
                "TIMBRE_OUTPUT_DIR": str(self.path / "takes")}  # fmt: skip
        if self.hub is not None:
            mine["HF_ENDPOINT"] = self.hub.url
        self.env = {**kept, **mine, **self.env}
        self.env = {name: value for name, value in self.env.items() if value != ""}

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_exc: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def cache(self) -> Path:
        if "HF_HUB_CACHE" in self.env:
            return Path(self.env["HF_HUB_CACHE"])
        return Path(self.env.get("HF_HOME", str(self.path / ".cache/huggingface"))) / "hub"

    @property
    def records(self) -> Path:
        return self.path / ".local/share/timbre/models"

    def start(self, *args: str, env: dict[str, str] | None = None,
              limit: str = "") -> subprocess.Popen[str]:  # fmt: skip
        """A variable "" is not set. `limit`: a line of shell before it, as "ulimit -f 400"."""
        merged = {name: value for name, value in {**self.env, **(env or {})}.items() if value != ""}
        words = ["/bin/sh", "-c", f'{limit}; exec "$@"', "sh"] if limit else []
        return subprocess.Popen(
            [*words, TIMBRE, *args], env=merged, cwd=self.path, stdin=subprocess.DEVNULL,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *args: str, env: dict[str, str] | None = None, limit: str = "") -> Ran:
        return finish(self.start(*args, env=env, limit=limit))

    def pull(self, name: str = "riffusion-v1", *options: str, **env: str) -> Ran:
        return self.run(*pull_words(name, *options), env=env)

    def model(self, name: str) -> dict[str, Any]:
        """What `models list` says of one."""
        models = self.run("models", "list", "--json").json["models"]
        return next((each for each in models if each["name"] == name), {"state": "unlisted"})

    # ---- the cache ----

    def repo(self, name: str) -> Path:
        return self.cache / ("models--" + name.replace("/", "--"))

    def parts(self) -> dict[str, int]:
        """Beginnings of files: etag and size."""
        found = self.cache.glob("models--*/blobs/*.incomplete")
        return {path.name.split(".")[0]: path.stat().st_size for path in found}

    def links(self) -> list[Path]:
        found = self.cache.glob("models--*/snapshots/*/**/*")
        return [path for path in found if path.is_symlink() or not path.is_dir()]


def pull_words(name: str, *options: str) -> list[str]:
    return ["models", "pull", name, "--accept-license", LICENCE, "--json", *options]


def finish(child: subprocess.Popen[str], limit_s: float = LIMIT_S) -> Ran:
    try:
        out, err = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"still running after {limit_s} s: {child.args!r}\n{err}") from None
    if child.returncode < 0 or "Sanitizer" in err:
        raise AssertionError(f"died by signal {-child.returncode}\n{err[-3000:]}")
    return Ran(child.returncode, out, err)


# ---- what must be true ----


def check(is_true: object, *what: object) -> None:
    """As assert, also under python -O."""
    if not is_true:
        raise AssertionError(" ".join(str(each) for each in what))


def check_same(found: object, wanted: object, what: str) -> None:
    check(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def blob_names(body: bytes) -> tuple[str, str]:
    """Both names that a blob of the cache may have."""
    sha1 = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
    return hashlib.sha256(body).hexdigest(), sha1


def check_sound(home: Home) -> None:
    """Always: blobs are what their names say, and no link leads nowhere."""
    for blob in home.cache.glob("models--*/blobs/*"):
        if not blob.name.endswith(".incomplete"):
            check(blob.name in blob_names(blob.read_bytes()), f"wrong bytes in {blob}")
    for link in home.links():
        check(link.exists(), f"{link} leads nowhere")
        check(not link.readlink().is_absolute(), f"{link} is not relative")


def check_file(home: Home, repo: str, commit: str, path: str, each: HubFile) -> None:
    link = home.repo(repo) / "snapshots" / commit / path
    check(link.is_symlink(), f"no link {link}")
    up = "../" * (path.count("/") + 2)
    check_same(str(link.readlink()), f"{up}blobs/{each.etag}", f"link {path}")
    check(link.read_bytes() == each.body, f"{path} has other bytes")


def check_whole(home: Home, hub: Hub, name: str = "riffusion-v1") -> None:
    """The model is here to the byte, as huggingface_hub would have left it, and recorded."""
    check_sound(home)
    for repo, paths in WANTED[name].items():
        commit = hub.repos[repo].revisions["main"]
        for path in sorted(paths):
            check_file(home, repo, commit, path, hub.repos[repo].head[path])
        check_same((home.repo(repo) / "refs/main").read_text(), commit, f"refs/main of {repo}")
        found = home.links()
        inside = [each for each in found if home.repo(repo) in each.parents]
        check_same(len(inside), len(paths), f"links of {repo}")
    check_same(home.parts(), {}, "parts that are left")
    check_manifest(home, hub, name)
    check_same(home.model(name)["state"], "whole", "state")


def check_manifest(home: Home, hub: Hub, name: str) -> None:
    text = (home.records / f"{name.replace('/', '--')}.json").read_text()
    check(json.loads(text), "an empty manifest")
    for repo, paths in WANTED[name].items():
        for path in paths:
            check(hub.repos[repo].head[path].sha256 in text, f"SHA-256 of {path} is not recorded")


def check_invisible(home: Home, name: str = "riffusion-v1") -> None:
    """Nothing of an unfinished pull can be taken for a model."""
    check_sound(home)
    check_same(home.links(), [], "links")
    check_same(list(home.cache.glob("models--*/refs/*")), [], "refs")
    check(not (home.records / f"{name}.json").exists(), "a manifest")
    check(home.model(name)["state"] in ("absent", "partial", "unlisted"), "listed as whole")


def good_pull(home: Home, name: str = "riffusion-v1", *options: str, **env: str) -> None:
    ran = home.pull(name, *options, **env)
    check_same(ran.status, 0, ran.told())


def weights_of(hub: Hub) -> bytes:
    return hub.repos[FP16].head[FP16_FILE].body
