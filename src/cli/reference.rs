//! The command line as pages: `docs/cli.md` and the man page, both from the flags' own help.

use std::fmt::Write as _;
use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::Roff;

use super::args::Cli;

/// Columns of the help texts in the page.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Command line

<!-- Made from src/cli/args.rs and src/cli/examples.rs by `make pages`; do not edit. -->

What `undercurrent help VERB` prints, for every verb. `undercurrent man` prints the same as a man page. What the flags mean in use:
[user guide](user-guide.md).
";

/// The reference page of all verbs, as Markdown: `docs/cli.md`.
pub fn render_reference() -> String {
    let mut program = Cli::command().term_width(WIDTH);
    program.build();
    let mut page = HEAD.to_owned();
    section(&mut page, &mut program);
    for verb in verbs(&program) {
        section(&mut page, &mut verb.term_width(WIDTH));
    }
    page
}

fn section(page: &mut String, command: &mut Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a `String` cannot fail.
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
}

/// The man page: the program, then each verb with its options and examples.
pub(super) fn render_man() -> io::Result<Vec<u8>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut page = Vec::new();
    let man = Man::new(program.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for verb in verbs(&program) {
        man_of_verb(&mut page, verb)?;
    }
    verbatim(&mut page, &after_help(&program))?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn man_of_verb(page: &mut Vec<u8>, verb: Command) -> io::Result<()> {
    let examples = after_help(&verb);
    let mut heading = Roff::default();
    heading.control("SH", [verb.get_bin_name().unwrap_or_default().to_uppercase().as_str()]);
    heading.to_writer(page)?;
    let man = Man::new(verb);
    let mut sections = Vec::new();
    man.render_description_section(&mut sections)?;
    man.render_synopsis_section(&mut sections)?;
    man.render_options_section(&mut sections)?;
    let sections =
        String::from_utf8_lossy(&sections).replace(".SH DESCRIPTION\n", "").replace(".SH ", ".SS ");
    page.extend_from_slice(sections.as_bytes());
    verbatim(page, &examples)
}

/// Text whose lines stay as they are.
fn verbatim(page: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("PP", []).control("nf", []);
    for line in text.lines() {
        roff.text([clap_mangen::roff::roman(line)]);
    }
    roff.control("fi", []).to_writer(page)
}

fn after_help(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

/// The verbs, but for `help`, in the order of the help.
fn verbs(program: &Command) -> Vec<Command> {
    program.get_subcommands().filter(|verb| verb.get_name() != "help").cloned().collect()
}
