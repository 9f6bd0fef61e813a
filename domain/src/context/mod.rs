//! What a build sends: the build context, with `.dockerignore` applied by Docker's own rules.
//!
//! `.dockerignore` is no `.gitignore`: a pattern stands from the root of the context, so `*.md` leaves `sub/a.md` in,
//! and `**/*.md` is needed for both. The last pattern that speaks about a path decides.

mod glob;
mod ignore;

pub use glob::GoGlob;
pub use ignore::{BuildContext, ContextPath, DockerIgnore, IgnoreFault, Rule};
