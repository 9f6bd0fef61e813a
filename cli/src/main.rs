//! ContainrLab's one program: `containrlab up, down, clean, api, runner, migrate, demo, bench, with-services …`.
//!
//! **Architecture invariant:** wiring only. What the system does lives in the other crates; here the settings are read, once,
//! and processes are started, watched over and stopped.

mod args;
mod bench;
mod commands;
mod demo;
mod failure;
mod folder;
mod logging;
mod process;
mod progress;
mod services;
mod settings;
mod stack;
mod state;
mod with_services;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, Images};
use failure::Failure;
use settings::{Environment, Logging};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors. Should the terminal be gone, nobody reads it anyway.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(args.command, &Environment::of_this_process()).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("containrlab: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(command: Command, environment: &Environment) -> Result<u8, Failure> {
    if matches!(command, Command::Api(_) | Command::Runner(_)) {
        logging::start(&Logging::read(environment)?)?;
    }
    match command {
        Command::Up => stack::up(environment).await?,
        Command::Down => stack::down(environment).await?,
        Command::Clean { keep_images } => stack::clean(environment, keep_images).await?,
        Command::Api(args) => commands::api::run(environment, args).await?,
        Command::Runner(args) => commands::runner::run(environment, args).await?,
        Command::Migrate => println!("{}", commands::migrate::run(environment).await?),
        Command::Projections(what) => commands::projections::run(environment, what).await?,
        Command::Jobs => commands::jobs::run(environment).await?,
        Command::Attempts(what) => return commands::attempts::run(environment, what).await,
        Command::Events(what) => return commands::events::run(environment, what).await,
        Command::Images(Images::Build { fresh }) => {
            println!("{}", commands::images::ensure(environment, fresh, &|line| println!("{line}")).await?);
        }
        Command::Images(Images::List { packages }) => commands::images::list(environment, packages).await?,
        Command::Labs => return commands::labs::run(environment),
        Command::Lab(what) => return commands::lab::run(environment, what).await,
        Command::Context(args) => return commands::context::run(&args),
        Command::Dockerfile(what) => return commands::dockerfile::run(&what),
        Command::Settings => {
            for variable in settings::variables::ALL {
                println!("{}\n    {}\n    default: {}", variable.name, variable.meaning, variable.default);
            }
        }
        Command::Demo(args) => return demo::run(environment, args).await,
        Command::Bench(args) => return bench::run(environment, args).await,
        Command::WithServices(wanted) => return with_services::with_services(environment, wanted).await,
    }
    Ok(0)
}
