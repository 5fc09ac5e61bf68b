"""Text that others wrote, workers of others, and what is taken to a shell."""

from __future__ import annotations

import json
import subprocess

from check_takes import into_list, samples
from emulator import Studio
from home import WAIT_S, Home, free_port, wait_until
from terminal import Tmux

EVIL = "evil \x1b[31mred \x1b]0;owned\x07 \u009b41m \u009c \u202e tail"


def words_of_others_do_not_steer_the_terminal() -> None:
    """The worker refuses such prompts; a note in its inbox, or another worker, may have them."""
    with Home() as home:
        home.make_take("plain words")
        (note,) = (home.data / "inbox").glob("*.json")
        note.write_text(note.read_text().replace("plain words", json.dumps(EVIL)[1:-1]))
        with Studio(home) as studio:
            studio.want("✓ #1")
            studio.send(b"\t")
            studio.settle()
            for key in (b"i", b"\x1b", b"v", b"\x1b", b"\r"):
                studio.send(key)
                studio.settle()
            assert "evil" in studio.text()
            raw = bytes(studio.raw)
        for each in (b"\x1b[31mred", b"\x1b]0;", b"\xc2\x9b", b"\xc2\x9c", b"\x9b4"):
            at = raw.find(each)
            assert at < 0, raw[max(0, at - 60) : at + 60]


def a_copied_command_makes_the_same_take() -> None:
    prompt = """it's "quoted", $HOME `date` \\ !x ; #5"""
    with Home() as home:
        first = home.make_take(prompt, seed=5)
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("Y")
            wait_until(lambda: studio.tmux("list-buffers"), studio.screen)
            command = studio.tmux("show-buffer")
            done = subprocess.run(
                ["/bin/sh", "-c", command], env=home.env, cwd=home.path, capture_output=True,
                text=True, timeout=WAIT_S * 2,
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stderr)
            wait_until(lambda: len(home.takes()) == 2, studio.screen)
            newest = home.takes()[0]
            assert newest["metadata"]["prompt"] == prompt, command
            assert samples(newest["artifact_path"]) == samples(first)


def many_prompts_at_once_keep_their_order() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("/length 1")
        for i in range(8):
            studio.keys(f"harp {i}", "Enter")
        studio.want("✓ #8", limit_s=WAIT_S * 2)
        prompts = [take["metadata"]["prompt"] for take in reversed(home.takes())]
        assert prompts == [f"harp {i}" for i in range(8)], prompts


def a_locked_worker_says_that_it_wants_a_key() -> None:
    port = free_port()
    with Home() as other, Home(TIMBRE_WORKER_URL=f"http://127.0.0.1:{port}") as home:
        key = other.path / "key"
        key.write_text("a-long-enough-key-of-tests-0123456789\n")
        key.chmod(0o600)
        other.env["TIMBRE_API_KEY_FILE"] = str(key)
        with other.serving(port), Tmux(home) as studio:
            studio.want("key")
            studio.type("/quit")
            studio.keys("Enter")
            studio.want_shell()
            home.env["TIMBRE_API_KEY_FILE"] = str(key)
            with Tmux(home) as studio:
                studio.want("● ready")
                studio.submit("solo harp")
                studio.want("✓ #1")
                assert len(other.audio_files()) == 1


def another_worker_can_be_chosen_and_left() -> None:
    port = free_port()
    with Home() as other, Home() as home:
        home.make_take("mine alone")
        other.make_take("that of another")
        with other.serving(port), Tmux(home) as studio:
            studio.want("mine alone")
            studio.submit(f"/worker http://127.0.0.1:{port}")
            studio.want("that of another")
            assert "mine alone" not in studio.screen()
            studio.submit("/local")
            studio.want("mine alone")
            assert "that of another" not in studio.screen()


CASES = [
    words_of_others_do_not_steer_the_terminal,
    a_copied_command_makes_the_same_take,
    many_prompts_at_once_keep_their_order,
    a_locked_worker_says_that_it_wants_a_key,
    another_worker_can_be_chosen_and_left,
]
