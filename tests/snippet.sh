#!/usr/bin/env bash
# Builds and runs the first Rust block of the README in a fresh crate that depends on this one by path: with the default
# features, and without. What it depends on is taken from target/, where the tests have built it: the fresh crate has our
# profiles and our Cargo.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
crate=$(mktemp -d)
trap 'rm -rf "$crate"' EXIT
mkdir "$crate/src"
awk '/^```rust/ { inside = 1; next } /^```/ { if (inside) exit } inside' README.md >"$crate/src/main.rs"
grep -q 'fn main' "$crate/src/main.rs" || { echo "README.md has no Rust block with a main function"; exit 1; }

for features in "" ", default-features = false"; do
    {
        printf '[package]\nname = "snippet"\nversion = "0.0.0"\nedition = "2024"\n\n'
        printf '[dependencies]\nptychoarrow = { path = "%s"%s }\n\n[workspace]\n\n' "$root" "$features"
        sed -n '/^\[profile/,$p' Cargo.toml
    } >"$crate/Cargo.toml"
    cp Cargo.lock "$crate/Cargo.lock"
    echo "the README's Rust${features:-, default features}"
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} cargo run --quiet --offline --manifest-path "$crate/Cargo.toml"
done
