//! What is in the attempt's image, read where the engine keeps it: an image without a shell is no obstacle.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use containrlab_domain::context::DockerIgnore;
use containrlab_domain::judge::{
    DifferenceObserved, ImageConfigObserved, ImageObserved, LayerHit, LayersObserved,
};
use serde::Deserialize;

use super::build::{IMAGE, IMAGE_ANEW};
use super::commands::{Said, ask, within_engine};
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 1 << 20;

/// Bytes of a list of a layer's files that are read.
const LIST: usize = 32 << 20;

/// Hits that are told of each layer.
const TOLD: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    size: u64,
    config: Config,
    #[serde(rename = "RootFS")]
    root: Root,
    graph_driver: Driver,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    labels: Option<BTreeMap<String, String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    env: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Driver {
    data: Option<DriverData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DriverData {
    upper_dir: Option<String>,
    lower_dir: Option<String>,
}

impl Inspected {
    /// The folders of its layers, lowest first.
    fn folders(&self) -> Vec<&str> {
        let Some(data) = &self.graph_driver.data else { return Vec::new() };
        let lower = data.lower_dir.iter().flat_map(|list| list.split(':'));
        let mut folders: Vec<&str> = data.upper_dir.as_deref().into_iter().chain(lower).collect();
        folders.reverse();
        folders
    }

    fn config(&self) -> ImageConfigObserved {
        let config = &self.config;
        let pair = |text: &String| {
            let (name, value) = text.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        ImageConfigObserved {
            user: config.user.clone().unwrap_or_default(),
            ports: config.exposed_ports.iter().flatten().map(|(port, _)| port.clone()).collect(),
            labels: config.labels.clone().unwrap_or_default(),
            entrypoint: config.entrypoint.clone().unwrap_or_default(),
            cmd: config.cmd.clone().unwrap_or_default(),
            workdir: config.working_dir.clone().unwrap_or_default(),
            env: config.env.iter().flatten().filter_map(pair).collect(),
        }
    }
}

/// Looks at the attempt's image.
pub(super) async fn inspect(agent: &AgentClient) -> Result<ImageObserved, AgentError> {
    let inspected = inspect_one(agent, IMAGE).await?;
    Ok(ImageObserved {
        size_bytes: inspected.size,
        layers: u32::try_from(inspected.root.layers.len()).unwrap_or(u32::MAX),
        history: history(agent, IMAGE).await?,
        config: inspected.config(),
    })
}

async fn inspect_one(agent: &AgentClient, image: &str) -> Result<Inspected, AgentError> {
    let said = ask(agent, &["docker", "image", "inspect", "-f", "{{json .}}", image], ANSWER).await?;
    serde_json::from_str(&said.stdout)
        .map_err(|error| AgentError::Protocol(format!("docker image inspect: {error}; {}", said.stderr)))
}

async fn history(agent: &AgentClient, image: &str) -> Result<Vec<(u64, String)>, AgentError> {
    let format = "{{.Size}}\t{{.CreatedBy}}";
    let argv = ["docker", "history", "--no-trunc", "--human=false", "--format", format, image];
    Ok(read_history(&ask(agent, &argv, ANSWER).await?.stdout))
}

/// Docker lists the newest layer first.
fn read_history(text: &str) -> Vec<(u64, String)> {
    let line = |line: &str| {
        let (size, created_by) = line.split_once('\t')?;
        Some((size.trim().parse().ok()?, created_by.to_owned()))
    };
    let mut history: Vec<_> = text.lines().filter_map(line).collect();
    history.reverse();
    history
}

/// A layer that a build put on its base image.
struct OwnLayer {
    folder: String,
    created_by: String,
}

/// The layers of an image that no other image of the engine has, beside the attempt's own, lowest first.
async fn own_layers(agent: &AgentClient, image: &str) -> Result<Vec<OwnLayer>, AgentError> {
    let inspected = inspect_one(agent, image).await?;
    let listed = ask(agent, &["docker", "images", "--format", "{{.Repository}} {{.ID}}"], ANSWER).await?;
    let others: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| !name.starts_with(IMAGE) && *name != "<none>")
        .map(|(_, id)| id)
        .collect();
    let mut given: HashSet<String> = HashSet::new();
    if !others.is_empty() {
        let argv =
            [&["docker", "image", "inspect", "-f", "{{json .RootFS.Layers}}"], others.as_slice()].concat();
        for line in ask(agent, &argv, ANSWER).await?.stdout.lines() {
            given.extend(serde_json::from_str::<Vec<String>>(line).unwrap_or_default());
        }
    }
    let base = inspected.root.layers.iter().take_while(|layer| given.contains(*layer)).count();
    let folders = inspected.folders();
    let folders = folders.get(base..).unwrap_or_default();
    let history = history(agent, image).await?;
    let makes_files = |step: &&(u64, String)| {
        ["RUN ", "COPY ", "ADD ", "WORKDIR "].iter().any(|keyword| step.1.starts_with(keyword))
    };
    let mut steps: Vec<String> =
        history.iter().rev().filter(makes_files).take(folders.len()).map(|(_, step)| step.clone()).collect();
    steps.reverse();
    // Whose step it was can't be told when their numbers do not fit.
    steps.resize(folders.len(), String::new());
    let layer = |(folder, created_by): (&&str, String)| OwnLayer { folder: (*folder).to_owned(), created_by };
    Ok(folders.iter().zip(steps).map(layer).collect())
}

/// Looks for paths and texts in the layers that the build made.
pub(super) async fn read_layers(
    agent: &AgentClient,
    paths: &[String],
    texts: &[String],
) -> Result<LayersObserved, AgentError> {
    let patterns = (!paths.is_empty()).then(|| DockerIgnore::parse(&paths.join("\n")));
    let mut observed = LayersObserved::default();
    for layer in own_layers(agent, IMAGE).await? {
        let hit = |path: &str, text: Option<&String>| LayerHit {
            created_by: layer.created_by.clone(),
            path: path.to_owned(),
            text: text.cloned(),
        };
        if let Some(patterns) = &patterns {
            // A file that a later layer deleted is a device there; the one below is what counts.
            let argv = ["find", &layer.folder, "-mindepth", "1", "!", "-type", "c", "-printf", "%P\\0"];
            let said = ask(agent, &within_engine(&argv), LIST).await?;
            let found = said.stdout.split('\0').filter(|path| !path.is_empty() && patterns.excludes(path));
            observed.files.extend(found.take(TOLD).map(|path| hit(path, None)));
        }
        for text in texts {
            let argv =
                ["grep", "--recursive", "--files-with-matches", "--null", "--fixed-strings", "-e", text, "."];
            let argv = [&["env", "--chdir", &layer.folder], &argv[..]].concat();
            let said = ask(agent, &within_engine(&argv), LIST).await?;
            let found = said.stdout.split('\0').filter_map(|path| path.strip_prefix("./"));
            observed.texts.extend(found.take(TOLD).map(|path| hit(path, Some(text))));
        }
    }
    Ok(observed)
}

/// Compares the files of the two images, layer by layer.
pub(super) async fn compare(
    agent: &AgentClient,
    ignore: &[String],
) -> Result<DifferenceObserved, AgentError> {
    let ignored = DockerIgnore::parse(&ignore.join("\n"));
    let (first, second) = (own_layers(agent, IMAGE).await?, own_layers(agent, IMAGE_ANEW).await?);
    let mut observed = DifferenceObserved::default();
    for index in 0..first.len().max(second.len()) {
        let (one, other) = (first.get(index), second.get(index));
        if one.zip(other).is_some_and(|(one, other)| one.folder == other.folder) {
            continue;
        }
        let (a, b) = (files(agent, one).await?, files(agent, other).await?);
        let differ: BTreeSet<&String> =
            a.symmetric_difference(&b).map(|(path, _)| path).filter(|path| !ignored.excludes(path)).collect();
        observed.count += differ.len() as u64;
        let created_by = one.or(other).map(|layer| layer.created_by.clone()).unwrap_or_default();
        let hit =
            |path: &&String| LayerHit { created_by: created_by.clone(), path: (*path).clone(), text: None };
        observed.paths.extend(differ.iter().take(TOLD).map(hit));
    }
    observed.paths.truncate(TOLD);
    Ok(observed)
}

/// The files of a layer: path, and what must be the same. Sizes of folders and times are none of it.
async fn files(
    agent: &AgentClient,
    layer: Option<&OwnLayer>,
) -> Result<BTreeSet<(String, String)>, AgentError> {
    let Some(layer) = layer else { return Ok(BTreeSet::new()) };
    let argv = ["find", &layer.folder, "-mindepth", "1", "-printf", "%P\\0%y %m %U:%G %l\\0"];
    let listed = ask(agent, &within_engine(&argv), LIST).await?;
    let sums = "cd \"$1\" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z";
    let summed = ask(agent, &within_engine(&["sh", "-c", sums, "sh", &layer.folder]), LIST).await?;
    for said in [&listed, &summed] {
        is_complete(said)?;
    }
    let mut words = listed.stdout.split('\0');
    let mut files = BTreeSet::new();
    while let (Some(path), Some(about)) = (words.next(), words.next()) {
        files.insert((path.to_owned(), about.to_owned()));
    }
    files.extend(summed.stdout.split('\0').filter_map(|line| {
        let (sum, path) = line.split_once("  ./")?;
        Some((path.to_owned(), sum.to_owned()))
    }));
    Ok(files)
}

fn is_complete(said: &Said) -> Result<(), AgentError> {
    if said.is_fine() {
        return Ok(());
    }
    Err(AgentError::Protocol(format!("the files of a layer could not be listed: {}", said.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_read_lowest_layer_first() {
        let text = "0\tCMD [\"x\"]\n1024\tCOPY . .\n2000\t/bin/sh -c #(nop) ADD file\n";
        let history = read_history(text);
        assert_eq!(history[0], (2000, "/bin/sh -c #(nop) ADD file".to_owned()));
        assert_eq!(history.len(), 3);
    }
}
