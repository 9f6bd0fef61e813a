//! Kept output.

use bytes::Bytes;
use containrlab_domain::ids::{RecordingId, SessionId};
use containrlab_store::testing::TestStore;
use containrlab_store::{ChunkCode, RecordingKind, StoreError};
use futures::future::join_all;
use uuid::Uuid;

async fn open(store: &TestStore) -> RecordingId {
    let recording = RecordingId(Uuid::new_v4());
    let session = SessionId(Uuid::new_v4());
    store.open_recording(recording, session, RecordingKind::Terminal).await.unwrap();
    recording
}

async fn output(store: &TestStore, recording: RecordingId, from: u64, max: usize) -> Vec<u8> {
    let chunks = store.read_recording(recording, from, max).await.unwrap();
    let mut next = from;
    let mut bytes = Vec::new();
    for chunk in chunks.iter().filter(|chunk| chunk.code == ChunkCode::Output) {
        assert_eq!(chunk.position, next, "nothing twice, nothing missing");
        next += chunk.data.len() as u64;
        bytes.extend_from_slice(&chunk.data);
    }
    bytes
}

#[tokio::test]
async fn output_is_kept_once_however_often_it_is_sent() {
    let store = TestStore::new().await;
    let recording = open(&store).await;
    assert_eq!(store.append_recording(recording, 0, b"hello ").await.unwrap(), 6);
    assert_eq!(store.append_recording(recording, 0, b"hello ").await.unwrap(), 6);
    assert_eq!(store.append_recording(recording, 3, b"lo world").await.unwrap(), 11);
    assert_eq!(store.append_recording(recording, 11, b"").await.unwrap(), 11);
    assert_eq!(store.append_recording(recording, 2, b"llo").await.unwrap(), 11);
    assert_eq!(output(&store, recording, 0, 1000).await, b"hello world");
    store.close_recording(recording).await.unwrap();
    store.close_recording(recording).await.unwrap();
    let row = store.recording(recording).await.unwrap().unwrap();
    assert_eq!((row.length, row.closed_at.is_some()), (11, true));
}

#[tokio::test]
async fn a_gap_is_refused_with_the_place_to_go_on_from() {
    let store = TestStore::new().await;
    let recording = open(&store).await;
    store.append_recording(recording, 0, b"abc").await.unwrap();
    let refused = store.append_recording(recording, 5, b"x").await;
    assert!(matches!(refused, Err(StoreError::RecordingGap { length: 3, position: 5, .. })), "{refused:?}");
    assert_eq!(output(&store, recording, 0, 100).await, b"abc");
    let unknown = store.append_recording(RecordingId(Uuid::new_v4()), 0, b"x").await;
    assert!(matches!(unknown, Err(StoreError::RecordingUnknown(_))), "{unknown:?}");
}

#[tokio::test]
async fn it_can_be_read_from_anywhere_in_any_portion() {
    let store = TestStore::new().await;
    let recording = open(&store).await;
    let whole: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
    let mut position = 0;
    for size in [1, 7, 300, 2, 690] {
        position =
            store.append_recording(recording, position, &whole[position as usize..][..size]).await.unwrap();
    }
    assert_eq!(position, 1000);
    for from in [0_usize, 1, 5, 8, 307, 308, 309, 310, 311, 999, 1000, 2000] {
        for max in [1, 3, 302, 5000] {
            let expected = &whole[from.min(1000)..(from + max).min(1000)];
            assert_eq!(output(&store, recording, from as u64, max).await, expected, "{max} from {from}");
        }
    }
}

#[tokio::test]
async fn writers_of_one_recording_take_turns() {
    let store = TestStore::new().await;
    let recording = open(&store).await;
    let whole: Vec<u8> = (0..2000_u32).map(|n| (n % 253) as u8).collect();
    // A runner that was thought dead and the one after it both send all they have, each from the length it hears.
    let writers = [37_usize, 101, 64, 11].map(|size| {
        let (store, whole) = (&store, &whole);
        async move {
            let mut position = 0;
            while position < whole.len() {
                let end = (position + size).min(whole.len());
                let sent = store.append_recording(recording, position as u64, &whole[position..end]).await;
                position = sent.unwrap() as usize;
            }
        }
    });
    join_all(writers).await;
    assert_eq!(output(&store, recording, 0, 5000).await, whole);
}

#[tokio::test]
async fn a_resize_stands_before_the_output_at_its_position() {
    let store = TestStore::new().await;
    let recording = open(&store).await;
    store.append_resize(recording, 0, 80, 24).await.unwrap();
    store.append_recording(recording, 0, b"abc").await.unwrap();
    store.append_resize(recording, 3, 100, 30).await.unwrap();
    store.append_resize(recording, 3, 120, 40).await.unwrap();
    store.append_recording(recording, 3, b"def").await.unwrap();
    let chunks = store.read_recording(recording, 0, 100).await.unwrap();
    let told: Vec<(ChunkCode, Bytes)> = chunks.into_iter().map(|chunk| (chunk.code, chunk.data)).collect();
    assert_eq!(
        told,
        [
            (ChunkCode::Resize, Bytes::from_static(b"80x24")),
            (ChunkCode::Output, Bytes::from_static(b"abc")),
            (ChunkCode::Resize, Bytes::from_static(b"120x40")),
            (ChunkCode::Output, Bytes::from_static(b"def")),
        ]
    );
    let later = store.read_recording(recording, 1, 100).await.unwrap();
    assert_eq!((later[0].position, later[0].code), (1, ChunkCode::Output));
}
