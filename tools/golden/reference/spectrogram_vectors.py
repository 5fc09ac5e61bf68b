#!/usr/bin/python3
"""Reference values for engine/spectrogram from PyTorch and torchaudio, called as Riffusion does.

Writes tests/data/vectors/spectrogram_{sound,forward,banks,inverse}.{bin,json}. All of it is single
precision, as there. Random starts are drawn by Timbre's own counter-based generator in place of
torch.rand, so that the engine has the same start.

A binary holds named arrays, little-endian: "TBARRAYS", uint32 count, uint32 0; for each array
name[32] (padded with NUL), uint32 type (f float32, h int16, i int32, B uint8), uint32 offset
of its data in the file, uint32 shape[3] (1 at the end where there are fewer), uint32 0; then the
data, each array at a multiple of 8.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torchaudio

SEED = 20261122
SCRIPT = "tools/golden/reference/spectrogram_vectors.py"
TYPES = {"f": "<f4", "h": "<i2", "i": "<i4", "B": "|u1"}
HEAD = struct.Struct("<8sII")
ENTRY = struct.Struct("<32s6I")
N_SAMPLES = 22063  # 51 frames of hop 441, and a rest
RATE_HZ = 44100
GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class Params:
    """What Riffusion derives from its SpectrogramParams: lengths are truncated."""

    def __init__(
        self,
        rate_hz: int = RATE_HZ,
        low_hz: float = 0,
        high_hz: float = 10000,
        norm: str | None = None,
        scale: str = "htk",
        n_mels: int = 512,
    ) -> None:
        self.rate_hz, self.low_hz, self.high_hz = rate_hz, low_hz, high_hz
        self.norm, self.scale, self.n_mels = norm, scale, n_mels
        self.n_fft = int(400 / 1000.0 * rate_hz)
        self.win = int(100 / 1000.0 * rate_hz)
        self.hop = int(10 / 1000.0 * rate_hz)

    def bank(self) -> Any:
        """[n_fft/2 + 1][n_mels]"""
        return torchaudio.functional.melscale_fbanks(
            self.n_fft // 2 + 1,
            float(self.low_hz),
            float(self.high_hz),
            self.n_mels,
            self.rate_hz,
            self.norm,
            self.scale,
        )

    def numbers(self) -> list[int]:
        return [self.rate_hz, self.n_fft, self.win, self.hop, int(self.low_hz), int(self.high_hz)]


# The test reads name, lengths and limits of each; the bank's subset is every STRIDE-th bin.
VARIANTS = {
    "stereo_20k": Params(low_hz=10, high_hz=20000),
    "rate_22050": Params(rate_hz=22050),
    "rate_8000": Params(rate_hz=8000),
    "slaney_scale": Params(scale="slaney"),
    "slaney_norm": Params(norm="slaney"),
    "slaney_both": Params(low_hz=20, scale="slaney", norm="slaney", n_mels=128),
}
BANK_STRIDE = 16
LONG_STRIDE = 7  # samples of the long sound that are kept
STFT_RATES = {"22050": 22050, "8000": 8000, "prime": 44099}  # the last: 17639 = 31 * 569 points


def sound() -> Any:
    """int16: sweep, clicks and noise left; a chord with vibrato and bursts right; a silence."""
    rng = np.random.RandomState(SEED)
    t = np.arange(N_SAMPLES) / RATE_HZ
    length = N_SAMPLES / RATE_HZ
    octaves = np.log2(12000 / 40)
    sweep = np.sin(2 * np.pi * 40 * length / (octaves * np.log(2)) * 2 ** (octaves * t / length))
    left = 0.5 * sweep + 0.02 * rng.standard_normal(N_SAMPLES)
    left[1000::4000] += 0.4
    right = sum(
        0.18 * np.sin(2 * np.pi * hz * t + 0.8 * np.sin(2 * np.pi * 5 * t))
        for hz in (110.0, 277.18, 659.26, 2489.02)
    )
    for begin in (3000, 17500):
        decay = np.exp(-np.arange(2500) / 500.0)
        right[begin : begin + 2500] += 0.5 * decay * rng.uniform(-1, 1, 2500)
    both = np.stack([left, right])
    both[:, 9000:15000] = 0  # longer than a window
    return np.clip(np.trunc(both * 32767 * 0.9), -32768, 32767).astype(np.int16)


def to_mono(stereo: Any) -> Any:
    """pydub's set_channels(1), which is audioop's: floor of the mean."""
    return (stereo.astype(np.int32).sum(axis=0) >> 1).astype(np.int16)


def stft(samples: Any, p: Params) -> Any:
    """Complex, [channels][bins][frames]; int16 values are taken as they are."""
    transform = torchaudio.transforms.Spectrogram(
        n_fft=p.n_fft,
        hop_length=p.hop,
        win_length=p.win,
        power=None,
        normalized=False,
        pad_mode="reflect",
        onesided=True,
    )
    return transform(torch.from_numpy(samples.astype(np.float32)))


def mel(samples: Any, p: Params) -> Any:
    """[channels][n_mels][frames] amplitudes, float32."""
    scale = torchaudio.transforms.MelScale(
        n_mels=p.n_mels,
        sample_rate=p.rate_hz,
        f_min=p.low_hz,
        f_max=p.high_hz,
        n_stft=p.n_fft // 2 + 1,
        norm=p.norm,
        mel_scale=p.scale,
    )
    return scale(torch.abs(stft(samples, p))).numpy()


def pixels(amplitudes: Any, power: float = 0.25) -> Any:
    """Of all channels; bands from low to high: the vertical flip is left to the image."""
    level = np.power(amplitudes / np.max(amplitudes), power)
    return (255 - level * 255).astype(np.uint8)


def amplitudes_of_pixels(power: float = 0.25, peak: float = 30e6) -> Any:
    level = (255 - np.arange(256).astype(np.float32)) / 255
    return np.power(level, 1 / power) * np.float32(peak)


def sparse(bank: Any) -> tuple[Any, Any]:
    """First filter of each bin (-1: none) and the weights of it and the next."""
    dense = bank.numpy()
    first = np.full(len(dense), -1, np.int16)
    weights = np.zeros((len(dense), 2), np.float32)
    for k, row in enumerate(dense):
        (used,) = np.nonzero(row)
        if len(used):
            assert used[-1] - used[0] <= 1, f"bin {k} touches filters {used}"
            first[k] = used[0]
            weights[k, : len(used)] = row[used]
    return first, weights


def forward_vectors(stereo: Any) -> dict[str, Any]:
    p = Params()
    mono = to_mono(stereo)[None]
    spectrum = stft(mono, p)[0].numpy()
    amplitudes = mel(mono, p)
    both = mel(stereo, p)
    found = {
        "stft_strided": np.ascontiguousarray(spectrum[::17].T).view(np.float32),
        "stft_whole": np.ascontiguousarray(spectrum[:4001, [0, 25, 50]].T).view(np.float32),
        "mel_mono": amplitudes[0],
        "pixels_mono": pixels(amplitudes)[0],
        "pixels_stereo": pixels(both),
        "max_mono": np.array([amplitudes.max()]),
        "max_stereo": np.array([both.max()]),
        "amplitude_of_pixel": amplitudes_of_pixels(),
    }
    for name, q in VARIANTS.items():
        used = stereo if name == "stereo_20k" else mono
        found[f"pixels_{name}"] = pixels(mel(used, q))
    for name, rate_hz in STFT_RATES.items():
        q = Params(rate_hz=rate_hz)
        part = stft(mono, q)[0].numpy()[::61, ::5]
        found[f"stft_{name}"] = np.ascontiguousarray(part.T).view(np.float32)
        found[f"stft_{name}_lengths"] = np.array([q.n_fft, q.win, q.hop], np.int32)
    return found


def bank_vectors() -> dict[str, Any]:
    found: dict[str, Any] = {}
    first, weights = sparse(Params().bank()[:4001])
    found["default_filter"], found["default_weights"] = first, weights
    for name, q in VARIANTS.items():
        first, weights = sparse(q.bank()[::BANK_STRIDE])
        found[f"{name}_filter"], found[f"{name}_weights"] = first, weights
        found[f"{name}_lengths"] = np.array([*q.numbers(), q.n_mels], np.int32)
    return found


def mix(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_at(key: Any, index: Any) -> Any:
    """tb_random_at of engine/base/random.c; key and index may be arrays of uint64."""
    with np.errstate(over="ignore"):
        return mix(np.uint64(key) + (np.uint64(index) + np.uint64(1)) * GOLDEN_GAMMA)


def random_key(seed: int, label: str) -> Any:
    """tb_random_key of engine/base/random.c"""
    h = 0xCBF29CE484222325
    for byte in label.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        return mix(mix(np.uint64(seed) + GOLDEN_GAMMA) ^ np.uint64(h))


def start(label: str, n_frames: int, n_bins: int, shift: int = 40) -> Any:
    """The engine's random start of channel 0: [n_frames][n_bins] float32 in [0, 1)."""
    channel_key = random_at(random_key(SEED, label), np.uint64(0))
    frame_keys = random_at(channel_key, np.arange(n_frames, dtype=np.uint64))
    bits = random_at(frame_keys[:, None], np.arange(n_bins, dtype=np.uint64)[None])
    unit = (bits >> np.uint64(shift)) & np.uint64(0xFFFFFF)
    return unit.astype(np.float32) * np.float32(2.0**-24)


def lstsq(bank: Any, amplitudes: Any) -> Any:
    """InverseMelScale of torchaudio >= 2.1."""
    return torch.relu(torch.linalg.lstsq(bank.T, amplitudes, driver="gels").solution)


def sgd(p: Params, n_stft: int, amplitudes: Any) -> Any:
    """InverseMelScale of torchaudio 0.13 as Riffusion makes it."""
    inverse = torchaudio.transforms.InverseMelScale(
        n_stft=n_stft,
        n_mels=p.n_mels,
        sample_rate=p.rate_hz,
        f_min=p.low_hz,
        f_max=p.high_hz,
        max_iter=200,
        norm=p.norm,
        mel_scale=p.scale,
    )
    first = torch.from_numpy(start("inverse mel", amplitudes.shape[-1], n_stft))[None]

    def rand(*size: int, requires_grad: bool, **_: Any) -> Any:
        assert size == tuple(first.shape)
        return first.clone().requires_grad_(requires_grad)

    with mock.patch.object(torch, "rand", rand):
        return inverse(amplitudes[None])[0]


def griffin_lim(magnitudes: Any, p: Params, n_iter: int) -> Any:
    n_bins, n_frames = magnitudes.shape
    label = "griffin-lim phases"
    parts = start(label, n_frames, n_bins) + 1j * start(label, n_frames, n_bins, shift=16)
    angles = torch.from_numpy(parts.astype(np.complex64).T)[None]
    with mock.patch.object(torch, "rand", lambda *_, **__: angles.clone()):
        return torchaudio.functional.griffinlim(
            magnitudes,
            torch.hann_window(p.win),
            p.n_fft,
            p.hop,
            p.win,
            power=1.0,
            n_iter=n_iter,
            momentum=0.99,
            length=None,
            rand_init=True,
        ).numpy()


def small_problem() -> tuple[Params, Any]:
    """8 kHz, 256 points, 20 bands, 24 frames with values over some decades."""
    p = Params(rate_hz=8000, high_hz=4000, n_mels=20)
    p.n_fft = 256
    unit = start("small", 20, 24)
    return p, torch.from_numpy((1e6 * unit**4).astype(np.float32))


def inverse_vectors(stereo: Any) -> dict[str, Any]:
    p = Params()
    amplitudes = torch.from_numpy(mel(to_mono(stereo)[None], p)[0])
    bank = p.bank()
    magnitudes = lstsq(bank, amplitudes)
    exact = lstsq(bank.double(), amplitudes.double()).float()
    small, bands = small_problem()
    some = [0, 10, 50]
    found = {
        "lstsq_frames": np.array(some, np.int32),
        "lstsq": magnitudes[:4001, some].T.contiguous().numpy(),
        "lstsq_double": exact[:4001, some].T.contiguous().numpy(),
        "sgd": sgd(p, 8821, amplitudes)[:4001, some].T.contiguous().numpy(),
        "small_bands": bands.numpy(),
        "small_bank": small.bank().numpy(),
        "small_lstsq": lstsq(small.bank(), bands).numpy(),
        "small_sgd": sgd(small, 129, bands).numpy(),
    }
    for n_iter in (0, 1, 3):
        found[f"griffin_lim_{n_iter}"] = griffin_lim(magnitudes, p, n_iter)
    # long enough to have a middle that no end reaches: the mel spectrogram three times
    found["griffin_lim_long"] = griffin_lim(magnitudes.repeat(1, 3), p, 3)[::LONG_STRIDE]
    return found


def write(stem: Path, found: dict[str, Any], about: dict[str, Any]) -> None:
    """The binary, and the JSON that tells people what is in it."""
    entries, data, described = b"", b"", []
    begin = HEAD.size + ENTRY.size * len(found)
    for name, array in found.items():
        kind = array.dtype.char
        assert kind in TYPES, f"{name}: type {array.dtype}"
        assert len(name) < 32, name
        shape = [*array.shape, 1, 1][:3]
        entries += ENTRY.pack(name.encode(), ord(kind), begin + len(data), *shape, 0)
        raw = array.astype(TYPES[kind]).tobytes()
        data += raw + b"\0" * (-len(raw) % 8)
        described.append({"name": name, "type": array.dtype.name, "shape": list(array.shape)})
    whole = HEAD.pack(b"TBARRAYS", len(found), 0) + entries + data
    stem.with_suffix(".bin").write_bytes(whole)
    facts = {**about, "arrays": described, "sha256": hashlib.sha256(whole).hexdigest()}
    stem.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")


def loaded(name: str) -> str:
    """File name of the library of this process that `name` begins."""
    paths = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    names = sorted({Path(path).name for path in paths if Path(path).name.startswith(name)})
    return ", ".join(names)


def main() -> None:
    """Write the four files."""
    torch.set_num_threads(1)  # the same sums in the same order every time
    stereo = sound()
    about = {
        "script": SCRIPT,
        "seed": SEED,
        "libraries": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "torch": torch.__version__,
            "torchaudio": torchaudio.__version__,
            "blas": loaded("libblas"),
        },
    }
    folder = Path(__file__).resolve().parents[3] / "tests" / "data" / "vectors"
    for name, found in (
        ("sound", {"stereo": stereo}),
        ("forward", forward_vectors(stereo)),
        ("banks", bank_vectors()),
        ("inverse", inverse_vectors(stereo)),
    ):
        write(folder / f"spectrogram_{name}", found, about)


if __name__ == "__main__":
    main()
