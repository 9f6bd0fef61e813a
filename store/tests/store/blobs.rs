//! Content-addressed bytes and trees.

use bytes::Bytes;
use containrlab_domain::ids::BlobHash;
use containrlab_domain::lab::LabFiles;
use containrlab_store::testing::TestStore;
use futures::future::join_all;

#[tokio::test]
async fn bytes_come_back_by_their_hash() {
    let store = TestStore::new().await;
    let hash = store.put_blob(b"hello").await.unwrap();
    assert_eq!(hash, BlobHash::of(b"hello"));
    assert_eq!(store.put_blob(b"hello").await.unwrap(), hash, "keeping it twice is keeping it once");
    assert_eq!(store.blob(&hash).await.unwrap(), Some(Bytes::from_static(b"hello")));
    let missing = BlobHash::of(b"nothing");
    assert_eq!(store.blob(&missing).await.unwrap(), None);
    let found = store.blobs(&[hash.clone(), missing]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(store.put_blob(b"").await.unwrap(), BlobHash::of(b""), "an empty file has bytes too: none");
    assert_eq!(store.blob(&BlobHash::of(b"")).await.unwrap(), Some(Bytes::new()));
}

#[tokio::test]
async fn many_writers_of_the_same_files_do_not_wait_crosswise() {
    let store = TestStore::new().await;
    let blobs: Vec<Bytes> = (0..200).map(|n| Bytes::from(format!("file {n}"))).collect();
    let writers = (0..8).map(|writer| {
        let (store, mut blobs) = (&store, blobs.clone());
        async move {
            blobs.rotate_left(writer * 20);
            store.put_blobs(blobs).await.unwrap()
        }
    });
    join_all(writers).await;
    let hashes: Vec<BlobHash> = blobs.iter().map(|bytes| BlobHash::of(bytes)).collect();
    assert_eq!(store.blobs(&hashes).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_workspace_larger_than_one_portion_is_kept_whole() {
    let store = TestStore::new().await;
    let blobs: Vec<Bytes> = (0..20_u8).map(|n| Bytes::from(vec![n; 1024 * 1024])).collect();
    let hashes = store.put_blobs(blobs.clone()).await.unwrap();
    let found = store.blobs(&hashes).await.unwrap();
    for (hash, bytes) in hashes.iter().zip(&blobs) {
        assert_eq!(&found[hash], bytes);
    }
}

#[tokio::test]
async fn a_frozen_tree_comes_back_by_its_hash() {
    let store = TestStore::new().await;
    let files = LabFiles::from([
        ("app/main.py".to_owned(), b"print(1)".to_vec()),
        ("run.sh".to_owned(), b"#!/bin/sh\n".to_vec()),
    ]);
    let tree = store.put_files(&files).await.unwrap();
    assert!(tree.files.iter().all(|(path, entry)| entry.executable == (path.as_str() == "run.sh")));
    let hash = store.put_tree(&tree).await.unwrap();
    assert_eq!(store.tree(&hash).await.unwrap(), Some(tree.clone()));
    assert_eq!(store.put_tree(&tree).await.unwrap(), hash);
    let named: Vec<BlobHash> = tree.files.values().map(|entry| entry.hash.clone()).collect();
    assert_eq!(store.blobs(&named).await.unwrap().len(), 2);
}
