//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that no lint holds, held by reading the repository.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of the crate may use of the others.
const LAYERS: &[(&str, &[&str])] = &[
    ("addr", &[]),
    ("memory", &[]),
    ("sandbox", &[]),
    ("seed", &[]),
    ("thread", &[]),
    ("time", &[]),
    ("capture", &["memory", "seed", "thread", "time"]),
    ("decode", &["addr", "capture", "memory", "seed", "time"]),
    ("flow", &["addr", "decode", "memory", "seed", "time"]),
    ("records", &["addr", "capture", "decode", "flow", "seed", "thread", "time"]),
    ("features", &["addr", "decode", "flow", "memory", "seed", "time"]),
    ("model", &["memory"]),
    ("detect", &["addr", "decode", "features", "memory", "model", "time"]),
    ("evaluate", &["addr", "decode", "detect", "features", "flow", "model", "records", "time"]),
    ("export", &["addr", "decode", "detect", "evaluate", "features", "flow", "seed", "time"]),
    ("simulate", &["capture", "decode", "seed", "time"]),
    ("pipeline", &["capture", "decode", "features", "flow", "records", "seed", "thread", "time"]),
    ("sensor", &["addr", "detect", "export", "features", "pipeline", "seed", "time"]),
    ("serve", &["addr", "detect", "export", "features", "sensor", "time"]),
    (
        "config",
        &["capture", "decode", "detect", "features", "flow", "pipeline", "records", "sensor", "serve"],
    ),
];

/// The modules that may use all others.
const ABOVE_ALL: &[&str] = &["cli", "lib", "main"];

/// Lines of a source file, its unit tests apart, at most.
const MAX_LINES: usize = 400;

/// A text file of the repository.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The part before the unit tests.
    fn code(&self) -> &str {
        let tests = ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(test)]\n#[expect("];
        let end = tests.iter().filter_map(|mark| self.text.find(mark)).min().unwrap_or(self.text.len());
        self.text.get(..end).unwrap()
    }

    /// Numbered lines that are no comments.
    fn statements(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line))
            .filter(|(_, l)| !l.trim_start().starts_with("//"))
    }
}

/// All files below the folders, or the files themselves, with one of the endings.
fn sources(places: &[&str], endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> =
        places.iter().map(|place| root.join(place)).filter(|p| p.exists()).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if endings.iter().any(|ending| path.to_str().unwrap().ends_with(ending)) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing found in {places:?}");
    found
}

fn rust_sources() -> Vec<Source> {
    sources(&["src", "tests", "benches", "examples", "fuzz/fuzz_targets"], &[".rs"])
}

/// Fails with all complaints at once.
fn none(complaints: &str) {
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// Lines that hold one of the words, as complaints.
fn lines_with<'a>(sources: impl Iterator<Item = &'a Source>, words: &[&str]) -> String {
    let mut complaints = String::new();
    for source in sources {
        for (number, line) in source.statements() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                writeln!(complaints, "{}:{number}: {word}", source.path).unwrap();
            }
        }
    }
    complaints
}

/// The modules of the crate that a text names behind `crate::`, braces and all.
fn crate_modules(text: &str) -> BTreeSet<String> {
    let ident =
        |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => drop(named.insert(ident(after))),
            Some(list) => {
                // Only the names of the first level: what stands in inner braces belongs to a module before it.
                let mut depth = 0;
                for part in list.split_inclusive(['{', '}', ',']) {
                    if depth == 0 && !ident(part.trim()).is_empty() {
                        named.insert(ident(part.trim()));
                    }
                    depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    named
}

#[test]
fn stages_know_only_the_stages_before_them() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut complaints = String::new();
    for source in sources(&["src"], &[".rs"]) {
        let module = source.path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if ABOVE_ALL.contains(&module.as_str()) {
            continue;
        }
        let Some(below) = allowed.get(module.as_str()) else {
            writeln!(complaints, "{}: the module {module} has no place in LAYERS", source.path).unwrap();
            continue;
        };
        let code: String = source.statements().flat_map(|(_, line)| [line, "\n"]).collect();
        for used in crate_modules(&code) {
            if used != module && !below.contains(&used.as_str()) {
                writeln!(complaints, "{}: {module} must not know {used}", source.path).unwrap();
            }
        }
    }
    none(&complaints);
}

#[test]
fn module_names_are_found_in_any_form_of_use() {
    for (text, expected) in [
        ("use crate::flow::{FlowEvent, Stats};", vec!["flow"]),
        ("use crate::{decode, features::{map, Host}, flow};", vec!["decode", "features", "flow"]),
        ("crate::time::Span::from_secs(crate::seed::Seed(1).0)", vec!["seed", "time"]),
        (
            "use crate::{\n    decode::{a, b::{c}},\n    pipeline,\n};\nuse std::io;",
            vec!["decode", "pipeline"],
        ),
        ("use std::fmt;", vec![]),
    ] {
        assert_eq!(crate_modules(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn files_are_short() {
    let mut complaints = String::new();
    for source in rust_sources() {
        let lines = source.code().lines().count();
        if lines > MAX_LINES {
            writeln!(complaints, "{}: {lines} lines, at most {MAX_LINES}", source.path).unwrap();
        }
    }
    none(&complaints);
}

#[test]
fn no_stage_reads_a_clock() {
    let stages = sources(&["src"], &[".rs"]);
    let stages = stages.iter().filter(|source| !source.path.starts_with("src/cli/"));
    none(&lines_with(stages, &["Instant", "SystemTime", "now_utc", "now_local"]));
}

#[test]
fn nothing_is_left_for_later() {
    let everything = sources(
        &[
            "src", "tests", "benches", "examples", "fuzz", "scripts", "captures", "docs", "Makefile",
            ".ci/run",
        ],
        &[".rs", ".sh", ".py", ".md", ".toml", "Makefile", "run"],
    );
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("dbg", "!(")];
    let mut complaints = lines_with(everything.iter(), &marks);
    for source in &everything {
        for mark in marks.iter().filter(|mark| source.text.contains(**mark)) {
            writeln!(complaints, "{}: {mark}", source.path).unwrap();
        }
    }
    none(&complaints);
}

#[test]
fn tests_neither_sleep_nor_hide() {
    let marks = [concat!("#[ign", "ore"), concat!("#[should_", "panic"), concat!("thread::", "sleep")];
    none(&lines_with(rust_sources().iter(), &marks));
}

/// `#[expect]` fails when it is not needed any more; `#[allow]` stays for ever.
#[test]
fn exceptions_from_lints_are_expectations_with_a_reason() {
    let mut complaints =
        lines_with(rust_sources().iter(), &[concat!("#[al", "low("), concat!("#![al", "low(")]);
    for source in rust_sources() {
        let code: String = source.statements().flat_map(|(_, line)| [line.trim_start(), "\n"]).collect();
        for after in ["\n#[expect(", "\n#![expect("].into_iter().flat_map(|mark| code.split(mark).skip(1)) {
            let attribute = after.split(")]").next().unwrap();
            let reason = attribute.split("reason = \"").nth(1).unwrap_or_default();
            if reason.trim_end_matches(['"', ',', '\n', ' ']).len() < 10 {
                writeln!(complaints, "{}: no reason for {attribute:?}", source.path).unwrap();
            }
        }
    }
    none(&complaints);
}

/// The target of each Markdown link of a text, code blocks left out.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced
    });
    let targets =
        prose.flat_map(|line| line.split("](").skip(1).map(|after| after.split(')').next().unwrap()));
    targets.map(str::to_owned).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "captures", "models"];
    let mut complaints = String::new();
    for page in sources(&pages, &[".md"]) {
        let folder = root.join(&page.path).parent().unwrap().to_owned();
        for link in links(&page.text) {
            let file = link.split('#').next().unwrap();
            let elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            if !elsewhere && !folder.join(file).exists() {
                writeln!(complaints, "{}: {link} does not exist", page.path).unwrap();
            }
        }
    }
    none(&complaints);
}

#[test]
fn decisions_are_numbered_and_listed() {
    let records = sources(&["docs/adr"], &[".md"]);
    let index = records.iter().find(|page| page.path == "docs/adr/README.md").unwrap();
    let decisions: Vec<&Source> = records.iter().filter(|page| page.path != index.path).collect();
    assert!(!decisions.is_empty());
    for (number, record) in (1..).zip(&decisions) {
        let name = record.path.trim_start_matches("docs/adr/");
        assert!(name.starts_with(&format!("{number:04}-")), "{name} should be number {number:04}");
        assert!(
            record.text.starts_with(&format!("# {number}. ")),
            "{name}: its title begins with its number"
        );
        assert!(index.text.contains(name), "{name} is not listed in {}", index.path);
        for heading in ["## Context", "## Decision", "## Consequences"] {
            assert!(record.text.contains(heading), "{name} has no {heading}");
        }
    }
}
