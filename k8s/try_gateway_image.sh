#!/usr/bin/env bash
# Builds the gateway's image on a root file system made here, runs it as a cluster would (not root, without capabilities)
# in front of a model server of this checkout, and sends an image through it.
#
#   k8s/try_gateway_image.sh [WORK_FOLDER]
#
# Needs root, debootstrap and buildah (Debian packages), and the checkout's .venv. No registry is asked. Takes a quarter
# of an hour on two cores and up to 30 GB in WORK_FOLDER, which is kept: a second run finds the layers there. Remove it with
# `buildah --root WORK_FOLDER/storage --runroot WORK_FOLDER/run rmi --all --force` and then rm -rf.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:-/var/tmp/darkroom-images}")
mirror=${MIRROR:-http://deb.debian.org/debian}
base=localhost/darkroom-base:bookworm
image=localhost/darkroom-gateway:try
python=$here/.venv/bin/python
mkdir -p "$work"
# Storage of its own: what the machine's own containers use stays as it is.
buildah() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"; }

if [ ! -e "$work/rootfs.tar" ]; then
    rm -rf "$work/rootfs"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm "$work/rootfs" "$mirror"
    rm -rf "$work/rootfs"/var/cache/apt/archives/*.deb "$work/rootfs"/var/lib/apt/lists/* "$work/rootfs"/usr/share/doc/*
    # Where a proxy with its own authority stands between here and the package index, its certificate is on this machine.
    cp /etc/ssl/certs/ca-certificates.crt "$work/rootfs/etc/ssl/certs/ca-certificates.crt"
    tar -C "$work/rootfs" -cf "$work/rootfs.tar.partial" . && mv "$work/rootfs.tar.partial" "$work/rootfs.tar"
    rm -rf "$work/rootfs"
fi
if ! buildah inspect --type image "$base" > /dev/null 2>&1; then
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/rootfs.tar" /
    buildah commit --quiet --rm "$container" "$base"
fi

buildah build --isolation chroot --network host --layers --pull-never --format docker \
    --build-arg BASE_IMAGE="$base" --build-arg REVISION="$(git -C "$here" rev-parse HEAD)" \
    --target gateway --tag "$image" "$here"

container=$(buildah from --pull-never "$image")
mounted=$(buildah mount "$container")
model_server= gateway=
# The process inside, below buildah's own.
innermost() {
    local process=$1 child
    while child=$(cut -d' ' -f1 < <(cat "/proc/$process/task/"*/children)) && [ -n "$child" ]; do process=$child; done
    echo "$process"
}
cleanup() {
    for process in $gateway $model_server; do
        kill "$(innermost "$process")" 2> /dev/null && wait "$process" || true
    done
    buildah umount "$container" > /dev/null && buildah rm "$container" > /dev/null
}
trap cleanup EXIT

echo "Image (with its base): $(du -sm --apparent-size "$mounted" | cut -f1) MB; Darkroom's environment:" \
    "$(du -sm --apparent-size "$mounted/opt/darkroom" | cut -f1) MB"
for unwanted in gcc cc make uv; do
    [ -z "$(find "$mounted/usr/bin" "$mounted/opt/darkroom/.venv/bin" -name "$unwanted")" ] || { echo "The image has $unwanted"; exit 1; }
done
[ ! -e "$mounted/opt/darkroom/.venv/lib/python3.11/site-packages/tensorflow/__init__.py" ] || { echo "The image has TensorFlow"; exit 1; }

# A model that tells red pictures from green ones, and a model server on loopback.
rm -rf "$work/models"
(cd "$here" && "$python" -m tests.serving.models darkroom "$work/models/pets/1" 2> "$work/model.log")
"$python" -m darkroom.cli model-server --model-name pets --model-base-path "$work/models/pets" --port 18500 \
    --rest-api-port 18501 > "$work/model-server.out" 2> "$work/model-server.log" &
model_server=$!

buildah run --isolation chroot --network host --cap-drop ALL --user 10001 "$container" -- \
    darkroom serve --host 127.0.0.1 --rest-port 18080 --grpc-port 19000 --backend 127.0.0.1:18500 --model-name pets \
    > "$work/gateway.out" 2> "$work/gateway.log" &
gateway=$!

for _ in $(seq 120); do
    curl -sf http://127.0.0.1:18080/readyz > /dev/null && break
    kill -0 "$gateway" "$model_server" || { cat "$work/gateway.log" "$work/model-server.log"; exit 1; }
    sleep 1
done
"$python" -c "from PIL import Image; Image.new('RGB', (64, 48), (250, 5, 5)).save('$work/red.png')"
answer=$(curl -sf -H 'Content-Type: image/png' --data-binary @"$work/red.png" http://127.0.0.1:18080/v1/models/pets:predict)
echo "$answer"
grep -q '"label":"cat"' <<< "${answer// /}" || { echo "Expected the label cat"; exit 1; }
echo "The image's own health check:"
buildah run --isolation chroot --network host "$container" -- python3 -c \
    "import urllib.request as r; print(r.urlopen('http://127.0.0.1:18080/livez', timeout=2).status)"
kill -TERM "$(innermost "$gateway")"; wait "$gateway" && echo "Drained and stopped with 0"
gateway=
