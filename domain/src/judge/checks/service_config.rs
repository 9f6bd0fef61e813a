//! What a service of a compose project is given, and what not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Rule, finding};
use crate::judge::compose_file;
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::planner::{Planner, compose_config_step};
use crate::verdict::Finding;

/// A service is set up like this, by whichever spelling: Docker's own reading of the compose file is looked at.
///
/// ```toml
/// [[checks]]
/// type = "service_config"
/// service = "web"
/// user = "non-root"               # optional: or a name or number; the image's USER counts too
/// read_only = true                # optional: the root file system can't be written
/// cap_drop = ["ALL"]              # optional
/// no_new_privileges = true        # optional
/// memory_limit = true             # optional: there is one
/// restart = "unless-stopped"      # optional: or "*" for any but "no"
/// volume_at = "/data"             # optional: container path on a named volume
/// not_published = 5432            # optional: container port
/// depends_on_healthy = "db"       # optional: waits until that service is healthy
/// ```
///
/// Codes: `service_user_root`, `service_root_writable`, `service_capabilities`, `service_privileges`,
/// `service_unlimited`, `service_restart_missing`, `service_volume_missing`, `service_port_published`,
/// `service_dependency_missing`. Skipped when the compose file can't be read or has no such service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceConfig {
    /// The service.
    pub service: String,
    /// Whom it runs as: `non-root` for anybody but root, or this very name or number.
    pub user: Option<String>,
    /// Whether its root file system can't be written.
    #[serde(default)]
    pub read_only: bool,
    /// Capabilities that it gives up.
    #[serde(default)]
    pub cap_drop: Vec<String>,
    /// Whether its processes can't gain rights.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// Whether its memory is bounded.
    #[serde(default)]
    pub memory_limit: bool,
    /// When it is started again.
    pub restart: Option<String>,
    /// Container path that lies on a named volume.
    pub volume_at: Option<String>,
    /// Container port that is not published.
    pub not_published: Option<u16>,
    /// The service for whose health it waits.
    pub depends_on_healthy: Option<String>,
}

impl Rule for ServiceConfig {
    fn codes(&self) -> Vec<&str> {
        vec![
            "service_user_root",
            "service_root_writable",
            "service_capabilities",
            "service_privileges",
            "service_unlimited",
            "service_restart_missing",
            "service_volume_missing",
            "service_port_published",
            "service_dependency_missing",
        ]
    }

    fn title(&self) -> String {
        format!("The service {} is set up as it should be", self.service)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.compose_config();
        if self.user.is_some() {
            // Whom the image says is only known once there is one.
            planner.compose_up(0, false);
        }
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(Observed::ComposeConfig(seen)) = facts.observed(&compose_config_step()) else {
            return Answer::Skipped;
        };
        let Some(service) = seen.service(&self.service) else { return Answer::Skipped };
        let faults = [
            self.user_fault(facts, service),
            self.root_fault(service),
            self.capabilities_fault(service),
            self.privileges_fault(service),
            self.memory_fault(service),
            self.restart_fault(service),
            self.volume_fault(service),
            self.port_fault(service),
            self.dependency_fault(service),
        ];
        let place = |(found, key): (Finding, &str)| Finding {
            place: compose_file::place(facts.subject.files, &self.service, Some(key)),
            ..found
        };
        faults.into_iter().flatten().map(place).collect::<Vec<_>>().into()
    }
}

/// A finding and the key that it is about.
type Fault = Option<(Finding, &'static str)>;

impl ServiceConfig {
    fn user_fault(&self, facts: &Facts<'_>, service: &Value) -> Fault {
        let wanted = self.user.as_deref()?;
        let written = service.get("user").and_then(Value::as_str);
        let seen = facts.project().and_then(|project| project.service(&self.service));
        let seen = seen.map(|seen| seen.user.as_str());
        // Without a container and a word about it nobody knows; the project's own start tells what is wrong then.
        let user = seen.or(written)?.split(':').next().unwrap_or_default();
        let is_root = matches!(user, "" | "0" | "root");
        if !is_root && (wanted == "non-root" || wanted == user) {
            return None;
        }
        let said = if is_root {
            format!("The service {} runs as root.", self.service)
        } else {
            format!("The service {} runs as {user}, not as {wanted}.", self.service)
        };
        let found = finding(
            "service_user_root",
            said,
            "Either the image says whom it runs as (USER), or the service does (user).",
            "Who breaks into a process that runs as root is root in the container.",
        );
        Some((found, "user"))
    }

    fn root_fault(&self, service: &Value) -> Fault {
        let is_read_only = service.get("read_only").and_then(Value::as_bool).unwrap_or_default();
        (self.read_only && !is_read_only).then(|| {
            let found = finding(
                "service_root_writable",
                format!("The service {} can write its root file system.", self.service),
                "A key of the service makes it read-only; folders that it must write can lie in memory (tmpfs).",
                "Who breaks into a container whose files can't be changed can't plant anything there.",
            );
            (found, "read_only")
        })
    }

    fn capabilities_fault(&self, service: &Value) -> Fault {
        let bare = |name: &str| name.to_ascii_uppercase().trim_start_matches("CAP_").to_owned();
        let dropped: Vec<String> = words(service, "cap_drop").iter().map(|name| bare(name)).collect();
        let kept: Vec<String> = self
            .cap_drop
            .iter()
            .map(|name| bare(name))
            .filter(|name| !dropped.contains(name) && !dropped.contains(&"ALL".to_owned()))
            .collect();
        (!kept.is_empty()).then(|| {
            let found = finding(
                "service_capabilities",
                format!("The service {} does not drop the capabilities {}.", self.service, kept.join(", ")),
                "Which key of a service takes capabilities away? Those that it really needs can be added back one by one.",
                "A container gets a part of root's rights by default, and hardly a service needs one of them.",
            );
            (found, "cap_drop")
        })
    }

    fn privileges_fault(&self, service: &Value) -> Fault {
        let options = words(service, "security_opt");
        let is_set = |option: &String| {
            let option = option.replace('=', ":");
            option == "no-new-privileges" || option == "no-new-privileges:true"
        };
        (self.no_new_privileges && !options.iter().any(is_set)).then(|| {
            let found = finding(
                "service_privileges",
                format!("Processes of the service {} can gain rights.", self.service),
                "Among the security options there is one against new privileges.",
                "Without it, a program with the setuid bit makes root of anybody who starts it.",
            );
            (found, "security_opt")
        })
    }

    fn memory_fault(&self, service: &Value) -> Fault {
        let limits = [service.get("mem_limit"), service.pointer("/deploy/resources/limits/memory")];
        let is_limited = limits.into_iter().flatten().any(|limit| match limit {
            Value::String(text) => text.trim_start_matches('0').starts_with(|c: char| c.is_ascii_digit()),
            other => other.as_u64().is_some_and(|bytes| bytes > 0),
        });
        (self.memory_limit && !is_limited).then(|| {
            let found = finding(
                "service_unlimited",
                format!("The service {} may use all of the machine's memory.", self.service),
                "There are two places for a limit: the service's mem_limit, and deploy.resources.limits.",
                "One service that leaks memory takes all others down with it, unless there is a limit.",
            );
            (found, "deploy")
        })
    }

    fn restart_fault(&self, service: &Value) -> Fault {
        let wanted = self.restart.as_deref()?;
        let is = service.get("restart").and_then(Value::as_str).or_else(|| {
            match service.pointer("/deploy/restart_policy/condition").and_then(Value::as_str) {
                Some("any") => Some("always"),
                other => other,
            }
        });
        let is = is.unwrap_or("no");
        if is == wanted || (wanted == "*" && !matches!(is, "no" | "none")) {
            return None;
        }
        let found = finding(
            "service_restart_missing",
            match wanted {
                "*" => format!("The service {} is not started again when it ends.", self.service),
                wanted => format!(
                    "The service {} is restarted by the rule {is:?} in place of {wanted:?}.",
                    self.service
                ),
            },
            "Which key of a service says when it is started again, and which of its values fits here?",
            "A service that crashes at night is back before anybody wakes up, if somebody said so.",
        );
        Some((found, "restart"))
    }

    fn volume_fault(&self, service: &Value) -> Fault {
        let path = self.volume_at.as_deref()?.trim_end_matches('/');
        let text = |mount: &Value, key| mount.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mounts: Vec<&Value> =
            service.get("volumes").and_then(Value::as_array).into_iter().flatten().collect();
        let at_path: Vec<&&Value> =
            mounts.iter().filter(|mount| text(mount, "target").trim_end_matches('/') == path).collect();
        if at_path.iter().any(|mount| text(mount, "type") == "volume" && !text(mount, "source").is_empty()) {
            return None;
        }
        let said = match at_path.first().map(|mount| text(mount, "type")) {
            Some(kind) if kind == "bind" => {
                format!("At {path}, the service {} has a folder of the machine, no volume.", self.service)
            }
            Some(kind) if kind == "volume" => {
                format!("The volume at {path} of the service {} has no name.", self.service)
            }
            _ => format!("Nothing lasting lies at {path} of the service {}.", self.service),
        };
        let found = finding(
            "service_volume_missing",
            said,
            "A named volume is listed twice: at the top of the file, and at the service with the path behind a colon.",
            "A named volume outlives its containers, and is found again by the next ones.",
        );
        Some((found, "volumes"))
    }

    fn port_fault(&self, service: &Value) -> Fault {
        let port = self.not_published?;
        let ports = service.get("ports").and_then(Value::as_array).into_iter().flatten();
        let mut published =
            ports.filter(|listed| listed.get("target").and_then(Value::as_u64) == Some(port.into()));
        published.next()?;
        let found = finding(
            "service_port_published",
            format!("The service {} publishes its port {port} to the outside.", self.service),
            "Who has to reach it? Services of the same network need no published port.",
            "A published port is open to whoever can reach the machine.",
        );
        Some((found, "ports"))
    }

    fn dependency_fault(&self, service: &Value) -> Fault {
        let on = self.depends_on_healthy.as_deref()?;
        let condition = service.get("depends_on").and_then(|list| list.get(on)?.get("condition")?.as_str());
        if condition == Some("service_healthy") {
            return None;
        }
        let said = match condition {
            Some(_) => format!(
                "The service {} waits for the start of {on}, but not until it is ready.",
                self.service
            ),
            None => format!("The service {} does not wait for {on}.", self.service),
        };
        let found = finding(
            "service_dependency_missing",
            said,
            "depends_on can name a condition for each service. Which one needs a health check of the other?",
            "A database that is started is not yet one that answers; who asks too early crashes.",
        );
        Some((found, "depends_on"))
    }
}

fn words(service: &Value, key: &str) -> Vec<String> {
    let list = service.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
