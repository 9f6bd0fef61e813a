//! The logs of a session's jobs as they grow, and the cursor by which a reader goes on in them.
//!
//! Several jobs may write at a time (a build, and the judge of an attempt before), so the cursor names each that is
//! followed: `{job}~{start}.{position}`, joined by commas, oldest first. A job that is started again writes a
//! new log; that is why the start's number belongs to it.

use std::fmt;
use std::str::FromStr;

use containrlab_domain::ids::JobId;
use containrlab_domain::job::JobKind;
use containrlab_store::{JobRow, JobRowState};

use crate::Error;
use crate::services::live_log::{self, LogPart};
use crate::state::App;
use crate::view::LogLines;

/// Jobs that a cursor names at most; older ones that are done fall out.
const FOLLOWED: usize = 16;

/// Where a reader is in a session's logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogCursor(Vec<Place>);

/// Where a reader is in one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    job: JobId,
    /// Which start of the job wrote it.
    start: u32,
    /// The next byte; `None` when all of it was read.
    position: Option<u64>,
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}~{}.", place.job, place.start)?;
            match place.position {
                Some(position) => write!(f, "{position}")?,
                None => f.write_str("end")?,
            }
        }
        Ok(())
    }
}

impl FromStr for LogCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let place = |text: &str| {
            let (log, position) = text.split_once('.').ok_or(())?;
            let (job, start) = log.split_once('~').ok_or(())?;
            let position = match position {
                "end" => None,
                digits => Some(digits.parse().map_err(|_| ())?),
            };
            Ok(Place { job: job.parse().map_err(|_| ())?, start: start.parse().map_err(|_| ())?, position })
        };
        let places: Vec<Place> = text.split(',').take(FOLLOWED).map(place).collect::<Result<_, ()>>()?;
        Ok(Self(places))
    }
}

/// How far a part of a log may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Whole lines.
    Lines,
    /// Whole letters.
    Letters,
}

/// A new piece of a job's log.
#[derive(Debug)]
pub(crate) struct LogPiece {
    /// The job.
    pub(crate) job: JobRow,
    /// The piece.
    pub(crate) part: LogPart,
}

impl LogPiece {
    /// A name for the log: the job's id, and the number of its start after the first.
    pub(crate) fn log_name(&self) -> String {
        match self.job.starts {
            0 | 1 => self.job.job_id.to_string(),
            start => format!("{}~{start}", self.job.job_id),
        }
    }
}

/// Follows the logs of a session.
#[derive(Debug)]
pub(crate) struct LogTail {
    cut: Cut,
    cursor: LogCursor,
}

impl LogTail {
    /// Goes on from a cursor; an empty one begins with the session's latest job.
    pub(crate) fn new(cut: Cut, cursor: LogCursor) -> Self {
        Self { cut, cursor }
    }

    /// Where the reader is after all pieces so far.
    pub(crate) fn cursor(&self) -> &LogCursor {
        &self.cursor
    }

    /// What is new. `jobs`: all of the session, oldest first. The second value says whether there is more right away.
    pub(crate) async fn step(&mut self, app: &App, jobs: &[JobRow]) -> Result<(Vec<LogPiece>, bool), Error> {
        let with_logs: Vec<&JobRow> = jobs.iter().filter(|job| has_log(job.kind)).collect();
        self.take_up(&with_logs);
        let (mut pieces, mut more) = (Vec::new(), false);
        for index in 0..self.cursor.0.len() {
            let place = self.cursor.0[index];
            let Some(job) = with_logs.iter().find(|job| job.job_id == place.job) else { continue };
            let Some(from) = place.position else { continue };
            let over = job.state == JobRowState::Done;
            let mut part = live_log::read(app, job.log_id, from, over).await?;
            let read = part.next();
            self.cut_off(&mut part);
            more |= !part.complete && part.next() > from && part.next() == read && !part.bytes.is_empty();
            self.cursor.0[index].position = if part.complete && over { None } else { Some(part.next()) };
            if !part.bytes.is_empty() || (part.complete && over) {
                pieces.push(LogPiece { job: (*job).clone(), part });
            }
        }
        self.let_go();
        Ok((pieces, more))
    }

    /// Begins to follow what was asked for since, and follows a job that was started again from its new beginning.
    fn take_up(&mut self, jobs: &[&JobRow]) {
        let known = self
            .cursor
            .0
            .iter()
            .filter_map(|place| jobs.iter().position(|job| job.job_id == place.job))
            .min();
        // A cursor that names nothing of this session is none.
        let first = known.unwrap_or_else(|| jobs.len().saturating_sub(1));
        let places = jobs.iter().skip(first).map(|job| {
            let fresh = Place { job: job.job_id, start: job.starts.max(1), position: Some(0) };
            let old = self.cursor.0.iter().find(|place| place.job == fresh.job && place.start == fresh.start);
            old.copied().unwrap_or(fresh)
        });
        self.cursor = LogCursor(places.collect());
    }

    /// Lets go of what is read to its end, so that the cursor stays short; the last place stays, for the jobs after it.
    fn let_go(&mut self) {
        let places = &mut self.cursor.0;
        let done = places.iter().take_while(|place| place.position.is_none()).count();
        places.drain(..done.min(places.len().saturating_sub(1)));
    }

    fn cut_off(&self, part: &mut LogPart) {
        match self.cut {
            Cut::Letters => part.keep_whole_letters(),
            Cut::Lines => {
                let next = LogLines::cut(&part.bytes, part.from, part.complete).next;
                part.bytes.truncate(usize::try_from(next - part.from).unwrap_or(usize::MAX));
            }
        }
    }
}

fn has_log(kind: JobKind) -> bool {
    matches!(kind, JobKind::Build | JobKind::Run | JobKind::Exec | JobKind::Judge)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_none() {
        let place = |n, start, position| Place { job: JobId(Uuid::from_u128(n)), start, position };
        let cursor = LogCursor(vec![place(1, 1, None), place(2, 2, Some(120))]);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!(LogCursor::default().to_string(), "");
        for nonsense in ["", "x", "x~1.1", &format!("{}.1", Uuid::nil()), &format!("{}~1.-1", Uuid::nil())] {
            assert!(nonsense.parse::<LogCursor>().is_err(), "{nonsense}");
        }
    }
}
