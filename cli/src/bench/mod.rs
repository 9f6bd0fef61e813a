use crate::{args::BenchArgs, failure::Failure, settings::Environment};
pub(crate) async fn run(_: &Environment, _: BenchArgs) -> Result<u8, Failure> { Ok(0) }
