#!/bin/sh
# Trains and judges the small model on a machine with a GPU, without a network.
#
#   tools/train/on-device.sh ARCHIVE WORK OUT [SECONDS]
#
# ARCHIVE is that of tools/train/pack. WORK holds everything on the way: the same command goes on where
# an earlier one was stopped. With SECONDS it stops training in time by itself, with exit status 3. OUT
# gets the weights, each file of at most 16 MiB, and small.tar.gz with everything else of the model and
# the figures. PRESET in the environment: another one than `full`.
set -eu

[ $# -ge 3 ] || {
    echo "usage: on-device.sh ARCHIVE WORK OUT [SECONDS]" >&2
    exit 2
}
archive=$1
mkdir -p "$2" "$3"
work=$(cd "$2" && pwd)
out=$(cd "$3" && pwd)
preset=${PRESET:-full}

if [ ! -d "$work/timbre-train" ]; then
    tar -C "$work" -xzf "$archive"
fi
cd "$work/timbre-train"
./train --preset "$preset" --work "$work/run" --out "$work/model" ${4:+--stop-after "$4"}
./judge --preset "$preset" --model "$work/model" --work "$work/run"

for file in unet vae text_encoder; do
    for weights in "$work/model/$file"/*.safetensors; do
        cp "$weights" "$out/$file.${weights##*/}"
    done
done
cp "$work/run/training.json" "$work/run/evaluation.json" "$work/model/"
tar -C "$work/model" --exclude='*.safetensors' -czf "$out/small.tar.gz" .
ls -l "$out"
