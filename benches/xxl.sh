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
group=""
# A cgroup of version 2, or 1; a limit counts only if it reads back as bytes, which a mere folder does not do.
cap() {
    local place file
    for place in /sys/fs/cgroup/memory.max /sys/fs/cgroup/unified/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
        file=$(basename "$place")
        group=$(dirname "$place")/ptychoarrow-xxl-$$
        [ "$(stat -f -c %T "$(dirname "$place")" 2>/dev/null)" = tmpfs ] && continue
        mkdir "$group" 2>/dev/null || continue
        if echo $((4 << 30)) 2>/dev/null > "$group/$file" && [ "$(cat "$group/$file")" = $((4 << 30)) ]; then
            echo "in $group with $file = $(cat "$group/$file")"
            return
        fi
        rmdir "$group"
    done
    group=""
    echo "no cgroup to be had: without a cap"
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
        for file in memory.peak memory.max_usage_in_bytes; do
            [ ! -f "$group/$file" ] || echo "  $file, page cache included: $(cat "$group/$file")"
        done
    )
    rm "$folder/scan.npz"
done
