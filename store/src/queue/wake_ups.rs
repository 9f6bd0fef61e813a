//! When a worker looks into its queue: at every ring and tick, and never too early.
//!
//! apalis looks whenever it is polled, but forgets that it was while a look is under way: what is pushed after that look has
//! seen the line would wait for the next tick. So the connection that the worker asks through says whether an answer is
//! still to come, and a ring that came meanwhile makes it look once more as soon as it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::{FutureExt, StreamExt};
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, Pipeline, RedisFuture, Value};

use crate::live::Rings;

/// Redis as one worker asks it.
#[derive(Clone)]
pub struct WorkerRedis {
    connection: ConnectionManager,
    questions: Questions,
}

/// How many answers are still to come.
#[derive(Clone, Default)]
struct Questions(Arc<AtomicUsize>);

/// A question without an answer yet.
struct Question(Questions);

impl Questions {
    fn ask(&self) -> Question {
        self.0.fetch_add(1, Ordering::Relaxed);
        Question(self.clone())
    }

    fn are_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let Self(questions) = self;
        questions.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WorkerRedis {
    pub(super) fn new(connection: ConnectionManager) -> Self {
        Self { connection, questions: Questions::default() }
    }
}

impl ConnectionLike for WorkerRedis {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let question = self.questions.ask();
        async move {
            let _question = question;
            self.connection.req_packed_command(command).await
        }
        .boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let question = self.questions.ask();
        async move {
            let _question = question;
            self.connection.req_packed_commands(pipeline, offset, count).await
        }
        .boxed()
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}

/// Tells apalis when to look. Whoever polls looks, unless a look is under way; so all that is told here is when to poll.
pub struct WakeUps {
    rings: Rings,
    questions: Questions,
    /// It has rung, and no look has begun since.
    rung: bool,
    waker: Waker,
}

impl WakeUps {
    pub(super) fn new(rings: Rings, redis: &WorkerRedis) -> Self {
        Self { rings, questions: redis.questions.clone(), rung: false, waker: Waker::noop().clone() }
    }
}

impl PollStrategy for WakeUps {
    /// Before a poll.
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        self.waker.clone_from(cx.waker());
        // Until there is no more, so that the next one wakes.
        while let Poll::Ready(Some(())) = self.rings.poll_next_unpin(cx) {
            self.rung = true;
        }
        if self.rung && self.questions.are_answered() {
            // This poll looks.
            self.rung = false;
        }
        Poll::Pending
    }

    /// After a poll.
    fn on_poll(&mut self, _: &PollSnapshot) {
        if self.rung && self.questions.are_answered() {
            // The look is over that was under way when it rang.
            self.waker.wake_by_ref();
        }
    }
}
