"""The noise schedule of store.SCHEDULE, and DPM-Solver++(2M) on it, as the engine samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tools.train.mini.store import SCHEDULE

N_STEPS: int = SCHEDULE["num_train_timesteps"]
FEW_STEPS = 15


def alphas_cumprod() -> Tensor:
    """scaled_linear: betas are squares of a line. Double precision."""
    first, last = SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5
    return (1 - torch.linspace(first, last, N_STEPS, dtype=torch.float64) ** 2).cumprod(0)


def trailing_times(n: int) -> list[int]:
    """999, ... down to N / n - 1, rounded."""
    return [round(N_STEPS - i * N_STEPS / n) - 1 for i in range(n)]


def sample(velocity: Callable[[Tensor, int], Tensor], noise: Tensor, n: int) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022), midpoint, down to the least noise of the schedule.

    As diffusers' DPMSolverMultistepScheduler: the first step is of first order, the last one below
    FEW_STEPS. velocity(x, t) is guided already.
    """
    alphas = alphas_cumprod()
    times = trailing_times(n)
    ends = [*times, 0]
    a = [float(alphas[t].sqrt()) for t in ends]
    s = [float((1 - alphas[t]).sqrt()) for t in ends]
    lambdas = [math.log(p / q) for p, q in zip(a, s)]
    x, last = noise, noise
    for i, time in enumerate(times):
        x0 = a[i] * x - s[i] * velocity(x, time)
        h = lambdas[i + 1] - lambdas[i]
        middle = x0
        if i > 0 and not (i == n - 1 and n < FEW_STEPS):
            ratio = (lambdas[i] - lambdas[i - 1]) / h
            middle = x0 + (x0 - last) / (2 * ratio)
        x = s[i + 1] / s[i] * x - a[i + 1] * math.expm1(-h) * middle
        last = x0
    return x
