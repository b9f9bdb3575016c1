#!/usr/bin/env bash
# The whole job on files larger than memory: groups of every position, as an Arrow IPC stream into /dev/null.
#
# L (25,921 patterns of 256 x 256 f4, 6.8 GB) and XXL (131,072, 34.4 GB), sparse files, so that no disk is needed; under a
# cap of 4 GiB on memory, page cache included, where the machine lets us make a cgroup. Prints the seconds, the bytes put
# out, and the most private memory.
#
# usage: benches/xxl.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --release --no-default-features --features export --example make_scan --example read_groups
folder=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/xxl.XXXXXX")
group=/sys/fs/cgroup/ptychoarrow-xxl-$$
cap() {
    if mkdir "$group" 2>/dev/null && echo 4G > "$group/memory.max" 2>/dev/null; then
        echo "a cgroup with memory.max = $(cat "$group/memory.max") bytes"
    else
        echo "no cgroup to be had: without a cap"
        group=""
    fi
}
clean() {
    rm -rf "$folder"
    # The system needs a moment to see that the group is empty.
    [ -z "$group" ] || rmdir "$group" 2>/dev/null || { sleep 1; rmdir "$group"; }
}
trap clean EXIT
cap
# The ending names the format.
ln -s /dev/null "$folder/null.arrows"
for size in L XXL; do
    target/release/examples/make_scan "$size" "$folder/scan.npz" --sparse
    (
        [ -z "$group" ] || echo "$BASHPID" > "$group/cgroup.procs"
        target/release/examples/read_groups "$folder/scan.npz" --to "$folder/null.arrows"
    )
    rm "$folder/scan.npz"
done
