//! What the verb takes.

use super::servers::Which;
use crate::failure::Failure;

/// What is asked for.
pub(super) struct Options {
    pub(super) write: bool,
    pub(super) only: Option<String>,
    pub(super) servers: Vec<Which>,
    pub(super) json: bool,
}

/// Reads the arguments of the verb.
pub(super) fn read(arguments: &[&str]) -> Result<Options, Failure> {
    let misused = || {
        Failure::stuck(
            format!("{} is not how it is called", arguments.join(" ")),
            "cargo xtask differential [--write] [--only SHAPE] \
             [--servers vouchsafe,nginx,haproxy] [--format json]",
        )
    };
    let mut options = Options {
        write: false,
        only: None,
        servers: vec![Which::Vouchsafe],
        json: false,
    };
    let mut named = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--write" => options.write = true,
            "--only" => options.only = Some((*arguments.next().ok_or_else(misused)?).to_owned()),
            "--format" if arguments.next() == Some(&"json") => options.json = true,
            "--servers" => {
                named = true;
                let names = arguments.next().ok_or_else(misused)?.split(',');
                options.servers = names
                    .map(|name| Which::ALL.into_iter().find(|which| which.name() == name))
                    .collect::<Option<_>>()
                    .ok_or_else(misused)?;
            }
            _ => return Err(misused()),
        }
    }
    if options.write {
        if named || options.only.is_some() {
            return Err(Failure::stuck(
                "the page is written whole",
                "leave --only and --servers away, or --write",
            ));
        }
        options.servers = Which::ALL.to_vec();
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_slips_refused() {
        let options = read(&["--only", "cl", "--servers", "nginx,vouchsafe"]).unwrap();
        assert_eq!(options.servers, [Which::Nginx, Which::Vouchsafe]);
        assert_eq!(options.only.as_deref(), Some("cl"));
        assert_eq!(read(&["--write"]).unwrap().servers, Which::ALL);
        for slip in [
            &["--only"][..],
            &["--servers", "apache"],
            &["--format", "xml"],
            &["--write", "--only", "cl"],
            &["cl"],
        ] {
            assert!(read(slip).is_err(), "{slip:?}");
        }
    }
}
