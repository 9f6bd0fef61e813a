//! A private Redis.

use std::time::Duration;

use rustix::process::Signal;

use super::postgres::write_private;
use super::{Ready, Service, ports, programs};
use crate::failure::Failure;
use crate::process::{Launch, User};
use crate::state::{Remembered, Secret, StateDir};

/// Prepares the service and says what `REDIS_URL` is.
pub(crate) fn prepare(state: &StateDir) -> Result<(Service, String), Failure> {
    let program = programs::find("redis-server", "redis-server")?;
    let pid_file = state.pid_file("redis");
    let user = User::for_service(&["redis", "nobody"]);
    let folder = state.folder_for("redis", user.as_ref())?;
    let password = state.secret(Secret::RedisPassword)?;
    let port = ports::choose(&mut state.installation()?, Remembered::RedisPort, pid_file.living().is_some())?;
    // In a file, not as arguments, which everybody on the machine could read. What is in Redis survives its process, but need not
    // survive the machine: its writes must not keep the disk from PostgreSQL's, which do.
    let configuration = folder.join("redis.conf");
    let text = format!(
        "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\ndir \"{}\"\ndaemonize no\n\
         appendonly yes\nappendfsync no\nsave \"\"\nmaxmemory-policy noeviction\n",
        folder.display()
    );
    write_private(&configuration, &text, user.as_ref())?;
    let service = Service {
        name: "Redis",
        launch: Launch::new(program, state.log("redis")).user(user).arguments([configuration]),
        ready: Ready::Redis { port, password: password.clone() },
        patience: Duration::from_secs(60),
        stop: Signal::TERM,
        grace: Duration::from_secs(30),
        pid_file,
    };
    Ok((service, format!("redis://default:{password}@127.0.0.1:{port}/0")))
}
