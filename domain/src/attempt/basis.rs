//! What a verdict rests on: the same basis gives the same verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{LabVersion, TreeHash};
use crate::judge::JUDGE_VERSION;
use crate::lab::Lab;

/// What a runner judges with, whatever the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeKit {
    /// Its [`JUDGE_VERSION`].
    pub judge: u32,
    /// The images that its verifiers hold: by name, the engine's hash of their content.
    pub images: BTreeMap<String, String>,
}

impl JudgeKit {
    /// This program's judge with these images.
    pub fn with_images(images: BTreeMap<String, String>) -> Self {
        Self { judge: JUDGE_VERSION, images }
    }

    /// What a verdict of this kit rests on. Of the images only those count that the lab's builds start from.
    pub fn basis(&self, tree: TreeHash, lab: &Lab) -> Basis {
        let images = self.images.iter().filter(|(name, _)| lab.images.contains(name));
        Basis {
            tree,
            lab: lab.version.clone(),
            judge: self.judge,
            images: images.map(|(name, id)| (name.clone(), id.clone())).collect(),
        }
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The files that were judged.
    pub tree: TreeHash,
    /// The version of the lab that they were judged by.
    pub lab: LabVersion,
    /// The [`JUDGE_VERSION`] of whoever judged.
    pub judge: u32,
    /// The lab's base images as the verifier had them: by name, the engine's hash of their content.
    pub images: BTreeMap<String, String>,
}

/// Something that two verdicts do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// They follow different versions of the lab.
    Lab {
        /// That of the older verdict.
        from: LabVersion,
        /// That of the newer one.
        to: LabVersion,
    },
    /// Different versions of the judge said them.
    Judge {
        /// That of the older verdict.
        from: u32,
        /// That of the newer one.
        to: u32,
    },
    /// A base image had another content, or was there for only one of them.
    Image {
        /// Its name.
        name: String,
    },
    /// The older verdict does not say what it rests on: it was said by a version of this program that did not write it down,
    /// or the platform had failed.
    Unknown,
}

impl Basis {
    /// What of this is different from an older verdict's basis; empty when the same verdict is to be expected. An
    /// attempt's files never change.
    pub fn differences(&self, before: Option<&Self>) -> Vec<Difference> {
        let Some(before) = before else { return vec![Difference::Unknown] };
        let mut found = Vec::new();
        if before.lab != self.lab {
            found.push(Difference::Lab { from: before.lab.clone(), to: self.lab.clone() });
        }
        if before.judge != self.judge {
            found.push(Difference::Judge { from: before.judge, to: self.judge });
        }
        let names =
            before.images.keys().chain(self.images.keys().filter(|name| !before.images.contains_key(*name)));
        let changed = names.filter(|name| before.images.get(*name) != self.images.get(*name));
        found.extend(changed.map(|name| Difference::Image { name: name.clone() }));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Tree;

    fn basis(lab: &str, judge: u32, images: &[(&str, &str)]) -> Basis {
        Basis {
            tree: Tree::default().hash(),
            lab: LabVersion::of(lab.as_bytes()),
            judge,
            images: images.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect(),
        }
    }

    #[test]
    fn equal_bases_promise_the_same_verdict() {
        let one = basis("a", 1, &[("python", "x")]);
        assert!(one.differences(Some(&one.clone())).is_empty());
        assert_eq!(one.differences(None), [Difference::Unknown]);
    }

    #[test]
    fn each_difference_is_named() {
        let (old, new) = (
            basis("a", 1, &[("gone", "x"), ("kept", "x"), ("moved", "x")]),
            basis("b", 2, &[("kept", "x"), ("moved", "y"), ("new", "x")]),
        );
        let image = |name: &str| Difference::Image { name: name.to_owned() };
        assert_eq!(
            new.differences(Some(&old)),
            [
                Difference::Lab { from: old.lab.clone(), to: new.lab.clone() },
                Difference::Judge { from: 1, to: 2 },
                image("gone"),
                image("moved"),
                image("new"),
            ]
        );
    }
}
