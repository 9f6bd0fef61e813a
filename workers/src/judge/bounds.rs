//! What bounds each container of an attempt, however it is started: a log that floods, a process that forks without end, and a
//! memory that runs over hit the container alone, and not the engine beside it.

use serde_json::{Map, Value, json};

/// Bytes of one file of a container's log, as Docker wants it written.
const LOG_SIZE: &str = "4m";

/// Files of a container's log.
const LOG_FILES: &str = "2";

/// Processes and threads of a container.
const PROCESSES: u32 = 600;

/// How much rather than others a container's processes are ended when the memory is full.
const FIRST_TO_GO: u32 = 900;

/// Containers of one service. What is asked of a project shows with a few as with many, and many fill the sandbox.
const REPLICAS: u64 = 5;

/// Microseconds of a processor that a service may have in each [`PERIOD`].
const QUOTA: u64 = 100_000;
const PERIOD: u64 = 100_000;

/// The options of `docker run` for a container that may have so many MiB of memory.
pub(super) fn of_container(memory_mib: u32) -> Vec<String> {
    vec![
        "--log-driver=json-file".to_owned(),
        format!("--log-opt=max-size={LOG_SIZE}"),
        format!("--log-opt=max-file={LOG_FILES}"),
        format!("--ulimit=nproc={PROCESSES}:{PROCESSES}"),
        "--ulimit=core=0:0".to_owned(),
        format!("--oom-score-adj={FIRST_TO_GO}"),
        format!("--memory={memory_mib}m"),
        "--pull=never".to_owned(),
    ]
}

/// The option of `docker build` that bounds its steps. A step that forks without end is stopped by its own limit, and not by the
/// sandbox's, which holds the engine too.
pub(super) fn of_build() -> String {
    format!("--ulimit=nproc={PROCESSES}:{PROCESSES}")
}

/// Puts bounds on each service of a compose project, whatever the file says: a service keeps a limit of its own that is
/// stricter. `project` is what `docker compose config` prints.
pub(super) fn of_services(project: &mut Value, memory_mib: u32) {
    let services = project.get_mut("services").and_then(Value::as_object_mut);
    for service in services.into_iter().flat_map(|services| services.values_mut()) {
        bind(service, memory_mib);
    }
}

fn bind(service: &mut Value, memory_mib: u32) {
    let stricter =
        |own: Option<f64>, ours: f64| own.filter(|own| *own > 0.0).map_or(ours, |own| own.min(ours));
    let own = |service: &Value, key: &str, of_deploy: &str| {
        let limits = service.pointer("/deploy/resources/limits");
        number(service.get(key)).or_else(|| number(limits?.get(of_deploy)))
    };
    let memory = stricter(own(service, "mem_limit", "memory"), f64::from(memory_mib) * 1024.0 * 1024.0);
    let processes = stricter(own(service, "pids_limit", "pids"), f64::from(PROCESSES));
    let processors = stricter(own(service, "cpus", "cpus"), QUOTA as f64 / PERIOD as f64);
    let Some(service) = service.as_object_mut() else { return };
    // What says the same in other words would contradict; what is reserved could be more than there may be.
    for key in ["cpus", "cpu_count", "cpu_percent", "mem_reservation", "memswap_limit", "oom_kill_disable"] {
        service.remove(key);
    }
    if let Some(deploy) = service.get_mut("deploy").and_then(Value::as_object_mut) {
        deploy.remove("resources");
        bind_count(deploy, "replicas");
    }
    bind_count(service, "scale");
    service.insert("mem_limit".to_owned(), json!(memory as u64));
    service.insert("pids_limit".to_owned(), json!(processes as u64));
    // Not `cpus`: an engine that can't bound processors refuses that, and only passes over this.
    service.insert("cpu_period".to_owned(), json!(PERIOD));
    service.insert("cpu_quota".to_owned(), json!((processors * PERIOD as f64) as u64));
    service.insert("oom_score_adj".to_owned(), json!(FIRST_TO_GO));
    let options = json!({ "max-size": LOG_SIZE, "max-file": LOG_FILES });
    service.insert("logging".to_owned(), json!({ "driver": "json-file", "options": options }));
    let ulimits = service.entry("ulimits").or_insert_with(|| json!({}));
    if !ulimits.is_object() {
        *ulimits = json!({});
    }
    ulimits["nproc"] = json!({ "soft": PROCESSES, "hard": PROCESSES });
    ulimits["core"] = json!({ "soft": 0, "hard": 0 });
}

/// Lowers a number of containers that is too high, or that nobody understands.
fn bind_count(settings: &mut Map<String, Value>, name: &str) {
    if let Some(count) = settings.get_mut(name)
        && !number(Some(count)).is_some_and(|count| count <= REPLICAS as f64)
    {
        *count = json!(REPLICAS);
    }
}

/// A number, which compose also writes as a text.
fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_bound_whatever_its_file_says() {
        let mut project = json!({ "name": "attempt", "services": {
            "plain": { "image": "a" },
            "greedy": {
                "image": "a",
                "cpus": 64,
                "mem_limit": "107374182400",
                "mem_reservation": "53687091200",
                "oom_kill_disable": true,
                "oom_score_adj": -900,
                "pids_limit": -1,
                "logging": { "driver": "none" },
                "ulimits": { "nproc": 100_000, "nofile": { "soft": 10, "hard": 20 } },
                "deploy": { "mode": "replicated", "replicas": 1000 },
                "scale": "1000",
            },
        }});
        of_services(&mut project, 256);
        for service in ["plain", "greedy"] {
            let service = &project["services"][service];
            assert_eq!(service["mem_limit"], 256 << 20);
            assert_eq!(service["pids_limit"], 600);
            assert_eq!((&service["cpu_quota"], &service["cpu_period"]), (&json!(100_000), &json!(100_000)));
            assert_eq!(service["oom_score_adj"], 900);
            assert_eq!(service["logging"]["driver"], "json-file");
            assert_eq!(service["ulimits"]["nproc"]["hard"], 600);
            for gone in ["cpus", "mem_reservation", "oom_kill_disable"] {
                assert!(service.get(gone).is_none(), "{gone}");
            }
        }
        let greedy = &project["services"]["greedy"];
        assert_eq!(greedy["ulimits"]["nofile"]["hard"], 20);
        assert_eq!((&greedy["deploy"]["replicas"], &greedy["scale"]), (&json!(5), &json!(5)));
    }

    #[test]
    fn a_stricter_limit_stays() {
        let limits = json!({ "memory": "67108864", "cpus": 0.25, "pids": 20 });
        let mut project = json!({ "services": { "a": {
            "deploy": { "replicas": 2, "resources": { "limits": limits, "reservations": { "memory": "67108864" } } },
        }}});
        of_services(&mut project, 256);
        let service = &project["services"]["a"];
        assert_eq!((&service["mem_limit"], &service["pids_limit"]), (&json!(64 << 20), &json!(20)));
        assert_eq!(service["cpu_quota"], 25_000);
        assert_eq!(service["deploy"], json!({ "replicas": 2 }));
    }

    #[test]
    fn a_container_is_started_within_bounds() {
        let line = of_container(64).join(" ");
        for bound in ["--memory=64m", "--ulimit=nproc=600:600", "--oom-score-adj=900", "max-size=4m"] {
            assert!(line.contains(bound), "{bound}: {line}");
        }
    }
}
