//! `containrlab lab schema` and `lab reference`: what authors' editors and eyes read, from the types of checks.

use std::fs;
use std::path::Path;

use containrlab_domain::lab::{checks_reference, expectation_schema, manifest_schema};

use crate::failure::Failure;

/// Writes the schemas beside the labs.
pub(super) fn write(labs: &Path) -> Result<u8, Failure> {
    for (name, schema) in
        [("lab.schema.json", manifest_schema()), ("expect.schema.json", expectation_schema())]
    {
        let path = labs.join(name);
        let text = format!("{}\n", crate::commands::json(&schema)?);
        fs::write(&path, text).map_err(Failure::file(format!("write {}", path.display())))?;
        println!("{}", path.display());
    }
    Ok(0)
}

/// Prints the page of all types of checks.
pub(super) fn print_reference() -> Result<u8, Failure> {
    print!("{}", checks_reference());
    Ok(0)
}
