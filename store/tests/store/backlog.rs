//! 20,000 owed jobs: Redis gets bounded portions, nobody starves, and what can wait does.

use std::collections::{HashMap, HashSet};

use containrlab_store::testing::TestStore;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

/// Learners with one job each, asked for last of all.
const MODEST: usize = 3000;
/// Learners with five jobs each.
const ORDINARY: usize = 800;
/// Jobs of one learner, asked for before everybody else's.
const GREEDY: usize = 500;
/// Judgements that nobody waits for, asked for first of all.
const AGAIN: usize = 12_500;
/// All of them.
const ALL: usize = MODEST + 5 * ORDINARY + GREEDY + AGAIN;

/// What a portion, one queue, and what can wait may have in Redis at most.
const PORTION: usize = 200;
const QUEUE: usize = 1000;
const CAN_WAIT: usize = 4;

/// Whose job it is, by the last digits of the learner's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Modest,
    Ordinary,
    Greedy,
    Again,
}

/// The jobs, straight into the table: what made them is not the question here.
async fn owe(store: &TestStore) {
    let sql = "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
         available_at) \
       select gen_random_uuid(), 'judge', 'judge', $1::int4, gen_random_uuid(), gen_random_uuid(), \
         (lpad(to_hex(n % $3 + 1), 8, '0') || '-0000-4000-8000-00000000000' || $5)::uuid, \
         now() - make_interval(secs => $4) + n * interval '1 ms', now() - interval '1 h' \
       from generate_series(1, $2) as n";
    for (priority, jobs, learners, age, digit) in [
        (20, AGAIN, 100, 4000.0, "4"),
        (10, GREEDY, 1, 3000.0, "3"),
        (10, 5 * ORDINARY, ORDINARY, 2000.0, "2"),
        (10, MODEST, MODEST, 1000.0, "1"),
    ] {
        let (jobs, learners) = (i32::try_from(jobs).unwrap(), i32::try_from(learners).unwrap());
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&priority, &jobs, &learners, &age, &digit];
        store.sql().await.execute(sql, &parameters).await.unwrap();
    }
    store.sql().await.batch_execute("analyze jobs").await.unwrap();
}

/// Takes up to so many messages off the queue as a worker does, and says that they are done; whose they were, in order.
async fn work_off(store: &TestStore, redis: &mut MultiplexedConnection, most: usize) -> Vec<(Whose, Uuid)> {
    let queue = containrlab_store::queue::queue_name(
        &store.settings().namespace,
        &containrlab_store::queue::Queue::Judge,
    );
    let taken: Option<Vec<String>> =
        redis::cmd("LPOP").arg(format!("{queue}:active")).arg(most).query_async(redis).await.unwrap();
    let taken = taken.unwrap_or_default();
    let done = "update jobs set state = 'done', finished_at = now() \
        from unnest($1::text[]) with ordinality as taken (push_id, place) \
        where jobs.push_id = taken.push_id and state = 'queued' returning place, learner_id";
    let mut rows: Vec<(i64, Uuid)> = store
        .sql()
        .await
        .query(done, &[&taken])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(rows.len(), taken.len(), "each message stands for one queued job");
    rows.sort_unstable();
    rows.into_iter()
        .map(|(_, learner)| {
            let whose = match learner.as_u128() % 16 {
                1 => Whose::Modest,
                2 => Whose::Ordinary,
                3 => Whose::Greedy,
                _ => Whose::Again,
            };
            (whose, learner)
        })
        .collect()
}

async fn queued(store: &TestStore) -> (usize, usize) {
    let sql = "select count(*) filter (where priority <= 10), count(*) filter (where priority > 10) \
               from jobs where state = 'queued'";
    let row = store.sql().await.query_one(sql, &[]).await.unwrap();
    (row.get::<_, i64>(0) as usize, row.get::<_, i64>(1) as usize)
}

#[tokio::test]
async fn twenty_thousand_owed_jobs_are_worked_off_fairly() {
    assert_eq!(ALL, 20_000);
    let store = TestStore::new().await;
    owe(&store).await;
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();

    // With nobody there to work, Redis fills up to its share and no further.
    let mut pushed = 0;
    loop {
        match store.relay_once().await.unwrap() {
            0 => break,
            portion => {
                assert!(portion <= PORTION);
                pushed += portion;
            }
        }
    }
    assert_eq!(queued(&store).await, (QUEUE, CAN_WAIT));
    assert_eq!(pushed, QUEUE + CAN_WAIT);

    let mut done: HashMap<Whose, usize> = HashMap::new();
    let mut served: HashSet<Uuid> = HashSet::new();
    let mut rounds = 0;
    let count = |done: &HashMap<Whose, usize>, whose| done.get(&whose).copied().unwrap_or_default();
    while count(&done, Whose::Modest) + count(&done, Whose::Ordinary) + count(&done, Whose::Greedy)
        < ALL - AGAIN
    {
        rounds += 1;
        let everybody_had_one = served.len() == MODEST + ORDINARY + 1;
        let portion = work_off(&store, &mut redis, PORTION).await;
        assert!(!portion.is_empty(), "what is owed reaches Redis");
        for (whose, learner) in portion {
            *done.entry(whose).or_default() += 1;
            if whose != Whose::Again {
                served.insert(learner);
            }
        }
        if !everybody_had_one {
            // Who asked 500 times, and first, has had their share of Redis and one in each portion since.
            let greedy = count(&done, Whose::Greedy);
            assert!(greedy <= 4 + rounds, "{greedy} of the greedy one's jobs after {rounds} portions");
        }
        // What can wait never stands in anybody's way: no more of it is done than was let in beside each portion.
        let again = count(&done, Whose::Again);
        assert!(again <= CAN_WAIT * (rounds + 1), "{again} judged again after {rounds} portions");
        while store.relay_once().await.unwrap() == PORTION {}
        let (waiting, can_wait) = queued(&store).await;
        assert!(waiting <= QUEUE && can_wait <= CAN_WAIT, "{waiting} and {can_wait} in Redis");
    }
    assert_eq!(served.len(), MODEST + ORDINARY + 1);

    // Now only what can wait is there. A learner who comes now stands behind hardly any of it.
    for _ in 0..3 {
        assert_eq!(work_off(&store, &mut redis, 1).await.len(), 1);
        store.relay_once().await.unwrap();
    }
    let newcomer = "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
         available_at) values (gen_random_uuid(), 'judge', 'judge', 10, gen_random_uuid(), gen_random_uuid(), \
         'ffffffff-0000-4000-8000-000000000001', now(), now())";
    store.sql().await.execute(newcomer, &[]).await.unwrap();
    assert_eq!(store.relay_once().await.unwrap(), 1);
    let next = work_off(&store, &mut redis, CAN_WAIT + 1).await;
    assert_eq!(next.last().map(|(whose, _)| *whose), Some(Whose::Modest));
}

/// How many rows the busiest part of a plan has handled.
fn most_rows(plan: &str) -> usize {
    let number = |text: &str| -> usize {
        text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
    };
    let parts = plan.lines().filter_map(|line| line.split_once("(actual ").map(|(_, actual)| actual));
    let rows = parts.filter_map(|actual| {
        let (_, rows) = actual.split_once("rows=")?;
        let (_, loops) = actual.split_once("loops=")?;
        Some(number(rows) * number(loops))
    });
    rows.max().expect("a plan that was carried out")
}

#[tokio::test]
async fn the_relay_looks_at_what_is_owed_and_never_at_what_is_done() {
    let store = TestStore::new().await;
    owe(&store).await;
    let history = "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
         available_at, state) \
       select gen_random_uuid(), 'judge', 'judge', 10, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), \
         now(), now(), 'done' from generate_series(1, 60000)";
    store.sql().await.batch_execute(&format!("{history}; analyze jobs")).await.unwrap();
    while store.relay_once().await.unwrap() > 0 {}
    store.sql().await.batch_execute("vacuum analyze jobs").await.unwrap();
    // Nothing may be pushed: what is owed is not even ranked.
    let full = store.relay_plan().await.unwrap();
    // The dearest round of all: everything is owed, and there is room for some of it.
    let room = "update jobs set state = 'done' where state = 'queued'";
    for sql in [room, "vacuum analyze jobs"] {
        store.sql().await.batch_execute(sql).await.unwrap();
    }
    let room = store.relay_plan().await.unwrap();
    println!("{full}\n\n{room}");
    let looked_at = most_rows(&full);
    assert!(looked_at <= 2 * QUEUE, "{looked_at} rows are looked at, though nothing may be pushed: {full}");
    for plan in [&full, &room] {
        assert!(!plan.contains("Seq Scan on jobs"), "what is done is looked at: {plan}");
        // Nothing is looked at again for each row.
        assert!(!plan.contains("SubPlan"), "{plan}");
    }
}
