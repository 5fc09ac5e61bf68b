"""What every stage's training has in common: a budget of time, a rate that falls with it, and
checkpoints that a stopped run goes on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SAVE_EVERY_S = 60.0
WARM_UP_STEPS = 20
NOT_DONE = 3  # exit status: run again to go on


class Ema:
    """Exponential mean of parameters, with a shorter memory at the beginning."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            self.values[name].lerp_(value, 1 - decay)


def draw_generator(seed: int, step: int) -> torch.Generator:
    """The draws of a step are its own: a run that was stopped goes on as if it had not been."""
    return torch.Generator().manual_seed((seed << 32) + step)


def save(path: Path, content: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


class Stop:
    """When this run has to end, whatever is left to do: seconds from now; None: never."""

    def __init__(self, seconds: float | None):
        self.at = None if seconds is None else time.monotonic() + seconds

    def is_due(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at


class Loop:
    """Trains `module` on loss(step) for `minutes` in all, over any number of runs."""

    def __init__(
        self,
        name: str,
        module: nn.Module,
        path: Path,
        facts: dict[str, Any],
        minutes: float,
        rate: float,
        stop: Stop,
        ema: float = 0,
    ):
        self.name, self.module, self.path, self.facts = name, module, path, facts
        self.stop = stop
        self.budget_s, self.rate = minutes * 60, rate
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.ema = Ema(module, ema) if ema else None
        self.step, self.spent_s = 0, 0.0
        self.losses: list[float] = []  # one a hundredth of the budget
        self._recent: list[float] = []
        if path.exists():
            self._resume()

    def _resume(self) -> None:
        found = torch.load(self.path, map_location="cpu")
        if found["facts"] != self.facts:
            raise SystemExit(
                f"{self.path}: begun with {found['facts']}, not {self.facts}; remove it to start"
            )
        self.module.load_state_dict(found["module"])
        self.optimizer.load_state_dict(found["optimizer"])
        if self.ema:
            for name, value in found["ema"].items():
                self.ema.values[name].copy_(value)
        self.step, self.spent_s, self.losses = found["step"], found["spent_s"], found["losses"]

    def _save(self) -> None:
        content = {
            "facts": self.facts,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.values if self.ema else None,
            "step": self.step,
            "spent_s": self.spent_s,
            "losses": self.losses,
        }
        save(self.path, content)

    @property
    def progress(self) -> float:
        return min(1.0, self.spent_s / self.budget_s)

    @property
    def is_done(self) -> bool:
        return self.progress >= 1

    def _rate_now(self) -> float:
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        return self.rate * warm * 0.5 * (1 + math.cos(math.pi * self.progress))

    def _log(self, loss: float) -> None:
        self._recent.append(loss)
        if self.progress * 100 >= len(self.losses) + 1 or self.progress >= 1:
            self.losses.append(sum(self._recent) / len(self._recent))
            self._recent = []
            print(
                f"{self.name}: {self.spent_s:.0f} of {self.budget_s:.0f} s, step {self.step}, "
                f"loss {self.losses[-1]:.5f}",
                flush=True,
            )

    def run(self, loss_of: Callable[[int], Tensor]) -> None:
        """The module ends with the mean of its parameters where there is one."""
        saved = last = time.monotonic()
        while self.progress < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate_now()
            loss = loss_of(self.step)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise SystemExit(f"{self.name}: the loss is {value} at step {self.step}")
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            if self.ema:
                self.ema.update(self.module, self.step)
            now = time.monotonic()
            self.spent_s, last = self.spent_s + now - last, now
            self._log(value)
            is_due = self.stop.is_due()
            if now - saved >= SAVE_EVERY_S or self.progress >= 1 or is_due:
                self._save()
                saved = now
            if is_due and self.progress < 1:
                raise SystemExit(NOT_DONE)
        if self.ema:
            self.module.load_state_dict(self.ema.values)
