//! Properties over random cases: the same cases in every run, or others by a seed.
//!
//! proptest is built without `std`, which would switch on features below DataFusion; so built it has one
//! fixed stream of cases. With PTYCHOARROW_PROPTEST_SEED=N in the environment the cases are those of seed N;
//! a failure names the seed. The tests are in modules named `properties`: `cargo test properties::` runs
//! these alone.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The variable that sets the seed.
const SEED: &str = "PTYCHOARROW_PROPTEST_SEED";

/// Writes the seed if a test fails.
pub struct Seed(Option<u64>);

impl Drop for Seed {
    fn drop(&mut self) {
        if let (Some(seed), true) = (self.0, std::thread::panicking()) {
            eprintln!("failed with {SEED}={seed}, which repeats these cases");
        }
    }
}

/// A runner with the cases of the seed in the environment, or with the fixed ones.
pub fn runner(config: Config) -> (TestRunner, Seed) {
    let Ok(seed) = std::env::var(SEED) else {
        return (TestRunner::new(config), Seed(None));
    };
    let seed: u64 = match seed.parse() {
        Ok(seed) => seed,
        Err(_) => panic!("{SEED} is a whole number, not `{seed}`"),
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    (TestRunner::new_with_rng(config, rng), Seed(Some(seed)))
}

/// As `proptest!`, with the cases of [`runner`].
macro_rules! properties {
    (#![proptest_config($config:expr)] $($tests:tt)*) => {
        mod properties {
            use super::*;
            properties! { @tests ($config) $($tests)* }
        }
    };
    (@tests ($config:expr) $(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:pat in $strategy:expr),+ $(,)?) $body:block
    )*) => {
        $(
            $(#[$attribute])*
            fn $name() {
                let (mut runner, _seed) = crate::properties::runner($config);
                let result = runner.run(&($($strategy,)+), |($($argument,)+)| {
                    $body
                    Ok(())
                });
                if let Err(error) = result {
                    panic!("{error}");
                }
            }
        )*
    };
    ($(#[$attribute:meta])* fn $($tests:tt)*) => {
        properties! { #![proptest_config(proptest::test_runner::Config::default())] $(#[$attribute])* fn $($tests)* }
    };
}
