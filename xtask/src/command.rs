//! Running other programs.
//!
//! Owns three ways: let it talk, listen to what it says, and listen while it talks. Each says in
//! the failure which command it was.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::failure::Failure;

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command in `folder`.
pub(crate) fn command(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        // These describe xtask itself and would make cargo rebuild what it has built already.
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CARGO_PKG_NAME");
    command
}

/// Whether a command can be run and succeeds; it says nothing.
pub(crate) fn answers(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command that talks for itself, its output on stderr.
pub(crate) fn talk(command: &mut Command) -> Result<bool, Failure> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    if let Some(out) = child.stdout.take() {
        echo(out);
    }
    Ok(child.wait().map_err(|cause| broken(&cause))?.success())
}

/// Runs a command, passes what it says on to stderr as it comes, and keeps it.
pub(crate) fn overhear(command: &mut Command) -> Result<Said, Failure> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = thread::scope(|scope| {
        let err = scope.spawn(|| err.map(echo).unwrap_or_default());
        let out = out.map(echo).unwrap_or_default();
        (out, err.join().unwrap_or_default())
    });
    let status = child.wait().map_err(|cause| broken(&cause))?;
    Ok(Said {
        success: status.success(),
        code: status.code(),
        stdout,
        stderr,
    })
}

/// Runs a command in silence and keeps what it says; ends it after `limit`.
pub(crate) fn listen(command: &mut Command, limit: Duration) -> Result<Said, Failure> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let out = scope.spawn(|| swallow(out));
        let err = scope.spawn(|| swallow(err));
        let ended = await_end(&mut child, limit)?;
        let stdout = out.join().unwrap_or_default();
        let stderr = err.join().unwrap_or_default();
        match ended {
            Some(status) => Ok(Said {
                success: status.success(),
                code: status.code(),
                stdout,
                stderr,
            }),
            None => Err(Failure::stuck(
                format!(
                    "a command ran longer than {} s and was ended",
                    limit.as_secs()
                ),
                format!("its last words: {}", last_lines(&stderr, 5)),
            )),
        }
    })
}

/// The last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn await_end(
    child: &mut Child,
    limit: Duration,
) -> Result<Option<std::process::ExitStatus>, Failure> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait().map_err(|cause| broken(&cause))? {
            return Ok(Some(status));
        }
        if waited >= limit {
            // Where the child leads a group, what it started goes with it and lets go of the pipes.
            let group = format!("-{}", child.id());
            answers(&mut command(
                Path::new("/"),
                "kill",
                &["-KILL", "--", &group],
            ));
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(PAUSE);
        waited += PAUSE;
    }
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|cause| {
        Failure::stuck(
            format!("{program} cannot be run: {cause}"),
            format!("install {program}, or put it on the PATH"),
        )
    })
}

fn broken(cause: &std::io::Error) -> Failure {
    Failure::stuck(
        format!("a command was lost while it ran: {cause}"),
        "run it again",
    )
}

fn echo(from: impl Read) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(&line);
        kept.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    kept
}

fn swallow(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = from.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        command(Path::new("/"), "sh", &["-c", script])
    }

    #[test]
    fn what_a_command_says_is_kept_with_its_code() {
        let said = listen(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_secs(10),
        );
        let said = said.unwrap();
        assert_eq!(
            (said.stdout.as_str(), said.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!((said.success, said.code), (false, Some(3)));
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let limit = Duration::from_millis(40);
        let failure = listen(&mut shell("exec sleep 60"), limit).unwrap_err();
        assert!(failure.to_string().contains("was ended"), "{failure}");
    }

    #[test]
    fn what_a_command_started_is_ended_with_it() {
        use std::os::unix::process::CommandExt as _;
        // Were the background sleep to live on, its hold on the pipe would keep this test waiting.
        let mut group = shell("sleep 60 & wait");
        let failure = listen(group.process_group(0), Duration::from_millis(40)).unwrap_err();
        assert_eq!(failure.exit(), 2);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let mut missing = command(Path::new("/"), "no-such-program", &[]);
        assert!(!answers(&mut missing));
        let failure = talk(&mut missing).unwrap_err();
        assert!(failure.to_string().contains("no-such-program"), "{failure}");
    }

    #[test]
    fn the_last_lines_are_the_last() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
