//! The command lines a document tells people to run.
//!
//! Reads fenced blocks of shell and code in running text. Words are split at white space; what a
//! pipe, a redirection or another command brings is left out. Quotes are not understood: a quoted
//! value only ever looks like more words.

/// One command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// Where it begins.
    pub(super) line: usize,
    /// The program first.
    pub(super) words: Vec<String>,
}

/// Every command line of a document.
pub(super) fn command_lines(text: &str) -> Vec<CommandLine> {
    let mut found = Vec::new();
    let mut block: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            block = match block {
                None => Some(Block::open(info)),
                Some(block) => {
                    found.extend(block.close());
                    None
                }
            };
        } else if let Some(block) = &mut block {
            block.lines.push((at + 1, line));
        } else {
            let code = line.split('`').skip(1).step_by(2);
            found.extend(code.map(|code| CommandLine::of(at + 1, code)));
        }
    }
    found.retain(|command| !command.words.is_empty());
    found
}

impl CommandLine {
    fn of(line: usize, code: &str) -> Self {
        let assignment = |word: &&str| word.contains('=') && !word.starts_with('-');
        let ends = |word: &&str| {
            ["|", "||", "&&", "&", ";", "#"].contains(word) || word.starts_with(['>', '<'])
        };
        let words = code
            .split_whitespace()
            .skip_while(assignment)
            .take_while(|word| !ends(word));
        Self {
            line,
            words: words.map(str::to_owned).collect(),
        }
    }
}

/// A fenced block.
struct Block<'t> {
    shell: bool,
    lines: Vec<(usize, &'t str)>,
}

impl Block<'_> {
    fn open(info: &str) -> Self {
        let shell = matches!(info.trim(), "sh" | "bash" | "shell" | "console");
        Self {
            shell,
            lines: Vec::new(),
        }
    }

    /// Every line, those that end in a backslash together with the next. Where some stand behind a
    /// prompt, the others are what the program said; in blocks that are no shell, they always are.
    fn close(self) -> Vec<CommandLine> {
        let prompt = |line: &str| line.trim_start().starts_with("$ ");
        let prompted = !self.shell || self.lines.iter().any(|(_, line)| prompt(line));
        let mut found = Vec::new();
        let mut lines = self.lines.iter();
        while let Some((at, line)) = lines.next() {
            let mut code = (*line).to_owned();
            while code.ends_with('\\') {
                code.pop();
                code.push_str(lines.next().map_or("", |(_, line)| line));
            }
            let code = code.trim_start();
            let code = if prompted {
                code.strip_prefix("$ ")
            } else {
                Some(code)
            };
            found.extend(code.map(|code| CommandLine::of(*at, code)));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String)> {
        command_lines(text)
            .into_iter()
            .map(|command| (command.line, command.words.join(" ")))
            .collect()
    }

    fn told(line: usize, words: &str) -> (usize, String) {
        (line, words.to_owned())
    }

    #[test]
    fn code_in_running_text_is_a_command_line() {
        assert_eq!(
            read("Run `cargo xtask test`, then\n`vouchsafe prove`."),
            [told(1, "cargo xtask test"), told(2, "vouchsafe prove")]
        );
    }

    #[test]
    fn a_block_of_shell_holds_commands_unless_they_stand_behind_a_prompt() {
        assert_eq!(
            read("```console\nls\ncat x\n```\n"),
            [told(2, "ls"), told(3, "cat x")]
        );
        assert_eq!(read("   ```sh\n   ls -l\n   ```\n"), [told(2, "ls -l")]);
        assert_eq!(
            read("```console\n$ ls\nmain.rs\n```\n`ls`\n"),
            [told(2, "ls"), told(5, "ls")]
        );
        assert_eq!(read("```text\nls\n$ cat x\n```\n"), [told(3, "cat x")]);
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash_and_ends_at_a_pipe() {
        assert_eq!(
            read("```sh\nA=1 ls \\\n  -l | wc\nls > x\n```\n"),
            [told(2, "ls -l"), told(4, "ls")]
        );
    }
}
