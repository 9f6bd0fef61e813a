//! The readers of Dockerfiles and `.dockerignore` files under fire: real files, cut, spliced and spoilt at random.
//!
//! A short run belongs to every test run. For a long one: `PROPTEST_CASES=200000 cargo test --release -p
//! containrlab-domain --test readers`. A failing input is made as small as it can be and printed; put it into
//! `tests/corpus/`, and it is tried for ever.

mod growth;
mod invariants;
mod mutation;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use mutation::{Mutation, mutated, mutations};

/// The files of a folder of the corpus.
fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// The number of cases that `PROPTEST_CASES` asks for, or this many.
fn config(usual: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A corpus file after some mutations, which may splice in parts of the others.
fn input(folder: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let files = corpus(folder);
    let count = files.len();
    (0..count, prop::collection::vec(mutations(count), 0..12))
        .prop_map(move |(at, steps): (usize, Vec<Mutation>)| mutated(&files[at], &steps, &files))
}

#[test]
fn the_corpus_itself_holds_the_invariants() {
    for file in corpus("dockerfiles") {
        invariants::of_dockerfile(&file).unwrap_or_else(|fault| panic!("{fault}"));
    }
    for file in corpus("dockerignores") {
        invariants::of_dockerignore(&file).unwrap_or_else(|fault| panic!("{fault}"));
    }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn a_spoilt_dockerfile_is_read_all_the_same(bytes in input("dockerfiles")) {
        invariants::of_dockerfile(&bytes)?;
    }

    #[test]
    fn a_spoilt_dockerignore_is_read_all_the_same(bytes in input("dockerignores")) {
        invariants::of_dockerignore(&bytes)?;
    }
}
