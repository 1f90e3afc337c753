#!/bin/sh
# Builds the static binary, and from it the image `closewait:local` (or the tag given as the first argument).
#
# The binary is built outside of the image: there is no toolchain to pull, and cargo's cache serves. glibc is linked in
# (+crt-static); the explicit target keeps that away from build scripts and procedural macros, which cannot be static.
set -eu

image=${1:-closewait:local}
target=x86_64-unknown-linux-gnu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")

cd "$root"
RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --bin closewait --target "$target"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$context/results"
cp "${CARGO_TARGET_DIR:-target}/$target/release/closewait" "$here/Dockerfile" "$context/"
docker build --tag "$image" "$context"
