use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::*;
use crate::npz::{NpzFile, OpenOptions};

const COUNTS: &str = "tests/data/siemens_star_counts_deflated.npz";

fn with_listener(progress: Progress) -> NpzFile {
    let options = OpenOptions {
        progress,
        ..Default::default()
    };
    NpzFile::open_with(COUNTS, &options).unwrap()
}

fn address(npz: &NpzFile, member: &str) -> usize {
    let data = npz.array(member).unwrap().data;
    data.in_memory().unwrap().as_ptr() as usize
}

#[test]
fn a_listener_may_read_from_the_same_file() {
    let file: Arc<OnceLock<Weak<NpzFile>>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let (of_listener, counted) = (Arc::clone(&file), Arc::clone(&calls));
    let npz = Arc::new(with_listener(Progress::new(move |step| {
        let npz = of_listener.get().and_then(Weak::upgrade).unwrap();
        counted.fetch_add(1, Ordering::Relaxed);
        let other = npz.array("xcoords").unwrap();
        assert_eq!(other.info.shape, [516]);
        // The very member that is being inflated, and a look from another thread.
        let same = npz.array(step.task).unwrap();
        assert_eq!(
            same.info.num_bytes,
            same.data.in_memory().unwrap().len() as u64
        );
        let look = || npz.inflates_to(step.task);
        let to = std::thread::scope(|scope| scope.spawn(look).join().unwrap());
        assert_eq!(to, Some(InflatesTo::Memory));
    })));
    file.set(Arc::downgrade(&npz)).unwrap();
    let patterns = npz.array("diff3d").unwrap();
    let untold = NpzFile::open(COUNTS).unwrap().array("diff3d").unwrap();
    assert_eq!(patterns.data.in_memory(), untold.data.in_memory());
    let called = calls.load(Ordering::Relaxed);
    assert!(called > 1);
    // Both members are kept: nothing is inflated again.
    assert_eq!(address(&npz, "diff3d"), address(&npz, "diff3d"));
    npz.array("xcoords").unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), called);
}

#[test]
fn a_member_is_inflated_once_however_many_threads_ask_for_it() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ended);
    let npz = with_listener(Progress::new(move |step| {
        if Some(step.done) == step.total {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let addresses: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| address(&npz, "diff3d")))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, usize>| thread.join().unwrap();
        threads.into_iter().map(join).collect()
    });
    assert!(addresses.iter().all(|address| *address == addresses[0]));
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[test]
fn a_member_that_fails_gives_its_budget_back_and_keeps_nobody_waiting() {
    let mut bytes = std::fs::read(COUNTS).unwrap();
    let name = b"diff3d.npy";
    let in_directory = bytes
        .windows(name.len())
        .rposition(|at| at == name)
        .unwrap();
    // The CRC-32 of a directory record stands 30 bytes before the name.
    bytes[in_directory - 30] ^= 1;
    let size = NpzFile::open(COUNTS).unwrap().array("diff3d").unwrap();
    let options = OpenOptions {
        inflate_memory: size.info.header_bytes + size.info.num_bytes,
        ..Default::default()
    };
    let npz = NpzFile::from_bytes("a.npz", bytes.into(), &options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let error = npz.array("diff3d").unwrap_err();
                assert!(matches!(error, Error::BadMember { .. }), "{error}");
            });
        }
    });
    assert_eq!(npz.inflates_to("diff3d"), Some(InflatesTo::Memory));
}
