//! `demo-app`: serves the app of a demo system, as its own process.
//!
//! Hidden, because a person starts it through `demo`; a process of its own, because that is what
//! an app is. Owns nothing but the start.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use crate::{
    demo::system::System,
    failure::{Failure, io},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whose app
    #[arg(long, value_enum, default_value_t)]
    system: System,
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File of the app's own database, where it has one
    #[arg(long)]
    database: PathBuf,
    /// Written with the bound address once the app listens
    #[arg(long)]
    ready_file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io(
            "start a runtime",
            "free some memory or file descriptors",
        ))?;
    runtime.block_on(async {
        let (listener, bound) = student_outreach::bind(args.listen).await.map_err(io(
            format!("listen on {}", args.listen),
            "choose another address",
        ))?;
        super::write_ready(&args.ready_file, &bound.to_string())?;
        match args.system {
            System::StudentOutreach => student_outreach::serve(listener, &args.database)
                .await
                .map_err(|cause| Failure::new(cause.to_string(), "choose another --database"))?,
            System::Helpline => helpline::serve(listener)
                .await
                .map_err(io("serve the app", "free some file descriptors"))?,
            System::SavingsAnalysis => savings_analysis::serve(listener)
                .await
                .map_err(io("serve the app", "free some file descriptors"))?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
