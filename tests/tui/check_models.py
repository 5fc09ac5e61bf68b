"""Without a neural model: the sketch plays at once, and one command fetches the model."""

from __future__ import annotations

import json

from home import WAIT_S, Home, wait_until
from hub_client import Home as Cache
from hub_server import Hub
from terminal import Tmux

MODEL = "riffusion-v1"
RATE = 100_000.0  # bytes a second: so that it can be watched


def the_sketch_plays_at_once_and_says_so() -> None:
    with Home(TIMBRE_MODEL="") as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.want("takes are sketches")
        studio.submit("solo harp")
        studio.want_match("✓ #1.*sketch")


def a_model_is_fetched_after_its_licence_was_accepted() -> None:
    with (
        Hub(rate=RATE) as hub,
        Cache(hub) as cache,
        online(hub, cache) as home,
        Tmux(home) as studio,
    ):
        studio.want("F1 help")
        ask_to_pull(studio)
        assert hub.served() == 0, "fetched without consent"
        accept(studio)
        studio.want("↓")
        studio.submit("solo harp")  # the prompt works meanwhile
        studio.want("✓ #1")
        wait_until(lambda: is_installed(home), studio.screen, WAIT_S * 2)
        studio.want_gone("↓")


def an_interrupted_fetch_goes_on_where_it_was() -> None:
    with Hub(rate=RATE) as hub, Cache(hub) as cache, online(hub, cache) as home:
        with Tmux(home) as studio:
            studio.want("F1 help")
            ask_to_pull(studio)
            accept(studio)
            wait_until(lambda: sum(cache.parts().values()) > RATE / 2, studio.screen)
        home.end_processes()
        kept = sum(cache.parts().values())
        with Tmux(home) as studio:
            studio.want("F1 help")
            ask_to_pull(studio)
            accept(studio)
            wait_until(lambda: is_installed(home), studio.screen, WAIT_S * 2)
        sizes = sum(len(each.body) for repo in hub.repos.values() for each in repo.head.values())
        assert kept > 0 and hub.served() < sizes + RATE, "everything was sent again"


def ask_to_pull(studio: Tmux) -> None:
    studio.submit("/pull")
    studio.want("riffusion-v1")
    studio.settle()
    studio.keys("Enter")
    studio.want("Accept the licence")


def accept(studio: Tmux) -> None:
    studio.type("yes")
    studio.want("yes")
    studio.keys("Enter")


def no_consent_fetches_nothing() -> None:
    with (
        Hub(rate=RATE) as hub,
        Cache(hub) as cache,
        online(hub, cache) as home,
        Tmux(home) as studio,
    ):
        studio.want("F1 help")
        ask_to_pull(studio)
        studio.keys("Escape")
        studio.want_gone("Accept the licence")
        ask_to_pull(studio)
        studio.keys("Enter")  # as always, without a word
        studio.want("not accepted")
        assert hub.served() == 0 and cache.parts() == {}


def online(hub: Hub, cache: Cache) -> Home:
    cache.tell_shapes()
    return Home(
        TIMBRE_MODEL="", HF_HUB_OFFLINE="", HF_ENDPOINT=hub.url, HF_HUB_CACHE=str(cache.cache),
        TIMBRE_HUB_RETRY_S="0.02", TIMBRE_HUB_STALL_S="5",
    )  # fmt: skip


def is_installed(home: Home) -> bool:
    models = json.loads(home.run("models", "list", "--json"))["models"]
    return any(each["name"] == MODEL and each["state"] in ("installed", "whole") for each in models)


CASES = [
    no_consent_fetches_nothing,
    the_sketch_plays_at_once_and_says_so,
    a_model_is_fetched_after_its_licence_was_accepted,
    an_interrupted_fetch_goes_on_where_it_was,
]
