#!/usr/bin/env bash
# Fuzzes for about SECONDS seconds, the build not counted: tests/fuzz/run.sh [SECONDS]
#
# Takes a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz); where one of
# them is missing it says so and succeeds. What breaks something is left in tests/fuzz/artifacts: keep it in
# tests/fuzz/corpus as found_NAME, where `cargo test` replays it. SANITIZER=address looks closer, at a third of the speed.
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

# A nightly that lacks the sanitizers' flags, or a machine without a C++ compiler, is an error, not a skip.
options=(--fuzz-dir tests/fuzz --sanitizer "$sanitizer" --codegen-units 16)
cargo +nightly fuzz build "${options[@]}"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/temp"

# fuzz TARGET SEEDS SHARE MAX_LEN: for SHARE percent of the time. New inputs go to a folder that is thrown away.
fuzz() {
    local found="$scratch/$1"
    mkdir "$found"
    echo "== fuzzing $1"
    TMPDIR="$scratch/temp" cargo +nightly fuzz run "${options[@]}" "$1" "$found" "tests/fuzz/corpus/$2" -- \
        -max_total_time=$((seconds * $3 / 100 + 1)) -max_len="$4" -timeout=10 -rss_limit_mb=2048 \
        -dict=tests/fuzz/npz.dict -print_final_stats=1 2>&1 | grep -vE '^(#|INFO|WARNING|NEW_FUNC|"|Loaded|stat::(new|slowest))|dictionary' || return 1
}

fuzz header npy 10 4096
fuzz directory npz 30 16384
fuzz file npz 60 16384
