#!/usr/bin/env bash
# Builds images on a root file system made here and tries them: the gateway's as a cluster would run it (not root, without
# capabilities), in front of a model server of this checkout, with an image of each format; and its size.
#
#   k8s/try_images.sh [WORK_FOLDER] [TARGET]...        # gateway where none is named; also model-server, pipeline
#
# Needs root, debootstrap and buildah (Debian packages), and the checkout's .venv. No registry is asked. The gateway takes
# some minutes on two cores and 3 GB in WORK_FOLDER, the others 10 GB each. WORK_FOLDER is kept: a second run finds the
# layers there. Remove it with `buildah --root WORK_FOLDER/storage --runroot WORK_FOLDER/run rmi --all --force`, then rm -rf.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:-/var/tmp/darkroom-images}")
targets=("${@:2}")
[ "${#targets[@]}" -gt 0 ] || targets=(gateway)
mirror=${MIRROR:-http://deb.debian.org/debian}
base=localhost/darkroom-base:bookworm
serving=localhost/tensorflow-serving:stand-in
python=$here/.venv/bin/python
# Bytes of the gateway's whole image, and of what it adds to its base: python:3.11-slim-bookworm has up to 131 MB.
most_image=250000000
most_environment=119000000
mkdir -p "$work"

# Storage of its own: what the machine's own containers use stays as it is.
buildah() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"; }
has_image() { buildah inspect --type image "$1" > /dev/null 2>&1; }
bytes_of() { find "$1" -type f -printf '%s\n' | awk '{sum += $1} END {printf "%d", sum}'; }
megabytes() { awk -v bytes="$1" 'BEGIN {printf "%.0f MB", bytes / 1e6}'; }
fail() { echo "$*" >&2; exit 1; }

make_base() {
    if [ ! -e "$work/rootfs.tar" ]; then
        rm -rf "$work/rootfs"
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/rootfs" "$mirror"
        # As Debian's slim images leave them out.
        rm -rf "$work/rootfs"/usr/share/{doc,info,locale,man}/* "$work/rootfs"/var/cache/apt/* \
            "$work/rootfs"/var/lib/apt/lists/* "$work/rootfs"/var/log/*
        # Where a proxy with its own authority stands between here and the package index, its certificate is on this machine.
        cp /etc/ssl/certs/ca-certificates.crt "$work/rootfs/etc/ssl/certs/ca-certificates.crt"
        tar -C "$work/rootfs" -cf "$work/rootfs.tar.partial" . && mv "$work/rootfs.tar.partial" "$work/rootfs.tar"
        rm -rf "$work/rootfs"
    fi
    has_image "$base" || commit_files "$base" "$work/rootfs.tar"
}

# What TF Serving's image has and the pipeline's takes: an executable of that name, which is the embedded model server here.
make_stand_in() {
    mkdir -p "$work/stand-in/usr/bin"
    printf '#!/bin/sh\n[ "$1" = --version ] && exec echo "stand-in"\nexec darkroom-tensorflow-model-server "$@"\n' \
        > "$work/stand-in/usr/bin/tensorflow_model_server"
    chmod 755 "$work/stand-in/usr/bin/tensorflow_model_server"
    has_image "$serving" || commit_files "$serving" "$work/stand-in"
}

commit_files() {
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$2" /
    buildah commit --quiet --rm "$container" "$1"
}

build() {
    buildah build --isolation chroot --network host --layers="${2:-true}" --pull-never --format docker \
        --build-arg BASE_IMAGE="$base" --build-arg TENSORFLOW_SERVING_IMAGE="$serving" \
        --build-arg REVISION="$(git -C "$here" rev-parse HEAD)" --target "$1" --tag "localhost/darkroom-$1:try" "$here"
    container=$(buildah from --pull-never "localhost/darkroom-$1:try")
    mounted=$(buildah mount "$container")
    [ "$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")" = 10001 ] || fail "The image $1 runs as root"
    for unwanted in gcc cc make uv strip; do
        [ -z "$(find "$mounted/usr/bin" "$mounted/opt/darkroom/.venv/bin" -name "$unwanted")" ] ||
            fail "The image $1 has $unwanted"
    done
}

drop_container() {
    [ -z "$container" ] || { buildah umount "$container" && buildah rm "$container"; } > /dev/null
    container=
}

# In the image, as its own user.
in_image() { buildah run --isolation chroot --network host --cap-drop ALL --user 10001 "$container" -- "$@"; }

# The process inside, below buildah's own.
innermost() {
    local process=$1 child
    while child=$(cut -d' ' -f1 < <(cat "/proc/$process/task/"*/children)) && [ -n "$child" ]; do process=$child; done
    echo "$process"
}

model_server= gateway= container= mounted=
cleanup() {
    for process in $gateway $model_server; do
        kill "$(innermost "$process")" 2> /dev/null && wait "$process" || true
    done
    drop_container
}
trap cleanup EXIT

try_gateway() {
    local total environment
    total=$(bytes_of "$mounted") environment=$(bytes_of "$mounted/opt/darkroom")
    echo "Image: $(megabytes "$total"), of which the base $(megabytes $((total - environment)))" \
        "and Darkroom's environment $(megabytes "$environment")"
    [ "$total" -lt $most_image ] || fail "The image is larger than $(megabytes $most_image)"
    [ "$environment" -lt $most_environment ] || fail "Its environment is larger than $(megabytes $most_environment)"
    [ ! -e "$mounted/opt/darkroom/.venv/lib/python3.11/site-packages/tensorflow/__init__.py" ] ||
        fail "The image has TensorFlow"

    # A model that tells red pictures from green ones, and a model server on loopback.
    rm -rf "$work/models"
    (cd "$here" && "$python" -m tests.serving.models darkroom "$work/models/pets/1" 2> "$work/model.log")
    "$python" -m darkroom.cli model-server --model-name pets --model-base-path "$work/models/pets" --port 18500 \
        --rest-api-port 18501 > "$work/model-server.out" 2> "$work/model-server.log" &
    model_server=$!
    in_image darkroom serve --host 127.0.0.1 --rest-port 18080 --grpc-port 19000 --backend 127.0.0.1:18500 \
        --model-name pets > "$work/gateway.out" 2> "$work/gateway.log" &
    gateway=$!
    for _ in $(seq 120); do
        curl -sf http://127.0.0.1:18080/readyz > /dev/null && break
        kill -0 "$gateway" "$model_server" || { cat "$work/gateway.log" "$work/model-server.log"; exit 1; }
        sleep 1
    done
    local format answer
    for format in PNG JPEG GIF BMP WEBP; do
        "$python" -c "from PIL import Image; Image.new('RGB', (640, 480), (250, 5, 5)).save('$work/red', '$format')"
        answer=$(curl -s -H 'Content-Type: image/png' --data-binary @"$work/red" http://127.0.0.1:18080/v1/models/pets:predict)
        echo "$format: $answer"
        grep -q '"label":"cat"' <<< "${answer// /}" || fail "Expected the label cat"
    done
    echo "The image's own health check:"
    in_image python3 -c "import urllib.request as r; print(r.urlopen('http://127.0.0.1:18080/livez', timeout=2).status)"
    kill -TERM "$(innermost "$gateway")"; wait "$gateway" && echo "Drained and stopped with 0"
    gateway=
}

try_model_server() {
    echo "Image: $(megabytes "$(bytes_of "$mounted")")"
    in_image darkroom model-server --help > /dev/null && echo "Its command answers"
}

# A whole run on a small set, with the serving check by tensorflow_model_server.
try_pipeline() {
    echo "Image: $(megabytes "$(bytes_of "$mounted")"); tensorflow_model_server says: $(in_image tensorflow_model_server --version)"
    mkdir -p "$mounted/tmp/run"
    (cd "$here" && "$python" -c "
from pathlib import Path
from darkroom.quickstart import write_digits
write_digits(Path('$mounted/tmp/run/images'))")
    chown -R 10001 "$mounted/tmp/run"
    in_image env HOME=/tmp darkroom init /tmp/run/images -o /tmp/run --name digits
    in_image env HOME=/tmp darkroom run --config /tmp/run/darkroom.yaml
}

make_base
make_stand_in
for target in "${targets[@]}"; do
    case $target in
        gateway) build gateway && try_gateway ;;
        # One layer each: a copy of every step would take tens of gigabytes.
        model-server) build model-server false && try_model_server ;;
        pipeline) build pipeline false && try_pipeline ;;
        *) fail "No target $target: gateway, model-server, pipeline" ;;
    esac
    drop_container
done
