#!/usr/bin/env bash
# Fuzzes for about SECONDS seconds, the build not counted: tests/fuzz/run.sh [SECONDS]
#
# Takes a nightly toolchain (rustup toolchain install nightly), cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler;
# where one of the first two is missing it says so and succeeds. What breaks something is left in tests/fuzz/artifacts:
# keep it as tests/fuzz/corpus/*/found_NAME, where `cargo test` replays it. SANITIZER=address looks closer, and is slower.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-30}
sanitizer=${SANITIZER:-none}

skip() {
    echo "fuzzing skipped: $1"
    exit 0
}
rustup toolchain list 2>/dev/null | grep -q '^nightly' || skip "no nightly toolchain"
cargo fuzz --version >/dev/null 2>&1 || skip "no cargo-fuzz"

options=(--fuzz-dir tests/fuzz --sanitizer "$sanitizer" --codegen-units 16)
cargo +nightly fuzz build "${options[@]}"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/temp"

# fuzz TARGET SEEDS SHARE MAX_LEN: for SHARE percent of the time. New inputs go to a folder that is thrown away.
fuzz() {
    local found="$scratch/$1" log="$scratch/$1.log"
    mkdir "$found"
    TMPDIR="$scratch/temp" cargo +nightly fuzz run "${options[@]}" "$1" "$found" "tests/fuzz/corpus/$2" -- \
        -max_total_time=$((seconds * $3 / 100 + 1)) -max_len="$4" -timeout=10 -rss_limit_mb=2048 \
        -dict=tests/fuzz/npz.dict >"$log" 2>&1 || {
        grep -vE '^#' "$log" || true
        echo "fuzzing $1 failed: the input is in tests/fuzz/artifacts/$1"
        return 1
    }
    echo "fuzzing $1: $(grep '^Done' "$log")"
}

fuzz header npy 10 4096
fuzz directory npz 30 16384
fuzz file npz 60 16384
