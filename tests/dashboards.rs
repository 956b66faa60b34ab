//! Dashboards and rules from outside of any Prometheus: the rules of Grafana's dashboard-linter over a `PromQL` parser, every metric
//! and label against the catalog, a runbook and tests behind each alert. What needs a running Prometheus is in `dashboards/tests`.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod support {
    pub(crate) mod promql;
}

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::promql::{RANGE, RATE_INTERVAL, Selector, selectors};

/// Units of panels, as Grafana names them.
const UNITS: &[&str] = &["short", "percentunit", "bytes", "bps", "pps", "cps", "s", "d"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing found in {folder}");
    paths
}

/// Every dashboard, with its file name.
fn dashboards() -> Vec<(String, Value)> {
    let load = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    files("dashboards/grafana", ".json").into_iter().map(load).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A query of a dashboard and where it is.
struct Query {
    place: String,
    expr: String,
}

fn queries(name: &str, dashboard: &Value) -> Vec<Query> {
    let mut queries = Vec::new();
    for panel in list(dashboard, "/panels") {
        let place = format!("{name}: {}", text(panel, "/title"));
        let exprs = list(panel, "/targets").iter().map(|target| text(target, "/expr").to_owned());
        queries.extend(exprs.map(|expr| Query { place: place.clone(), expr }));
    }
    for annotation in list(dashboard, "/annotations/list") {
        let place = format!("{name}: annotation {}", text(annotation, "/name"));
        queries.push(Query { place, expr: text(annotation, "/expr").to_owned() });
    }
    for variable in list(dashboard, "/templating/list") {
        let place = format!("{name}: variable {}", text(variable, "/name"));
        if let Some(values) = text(variable, "/definition").strip_prefix("label_values(") {
            let (selector, label) = values.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
            queries.push(Query { place, expr: format!("count by ({label}) ({selector})") });
        }
    }
    queries
}

/// Expressions of the rules. In the generated files an expression is a string in JSON's form, or an indented block.
fn rule_expressions() -> Vec<Query> {
    let mut found = Vec::new();
    for path in files("dashboards/prometheus", ".yaml") {
        let place = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((before, expr)) = line.split_once("expr: ") else { continue };
            let expr = if expr == "|" {
                let inside = |line: &&&str| line.starts_with(&" ".repeat(before.len() + 1));
                let block = lines.iter().skip(number + 1).take_while(inside);
                block.copied().collect::<Vec<_>>().join("\n")
            } else {
                serde_json::from_str(expr).unwrap()
            };
            found.push(Query { place: format!("{place}:{}", number + 1), expr });
        }
    }
    assert!(found.len() > 20, "{} expressions of rules", found.len());
    found
}

/// Fails with all complaints at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// What of a selector is no series that the program exports.
fn unknown(selector: &Selector) -> Option<String> {
    if selector.is_foreign() {
        return None;
    }
    let Some(metric) = selector.metric() else {
        return Some(format!("{} is in no catalog", selector.name));
    };
    let known: BTreeSet<&str> = metric.labels.iter().copied().chain(["job", "instance", "le"]).collect();
    let unknown = selector.labels().find(|label| !known.contains(label));
    unknown.map(|label| format!("{} has no label {label}", selector.name))
}

#[test]
fn every_query_is_of_metrics_and_labels_of_the_catalog() {
    let mut complaints = Vec::new();
    let of_dashboards = dashboards().into_iter().flat_map(|(name, dashboard)| queries(&name, &dashboard));
    for query in of_dashboards.chain(rule_expressions()) {
        match selectors(&query.expr) {
            Err(error) => complaints.push(format!("{}: {error}: {}", query.place, query.expr)),
            Ok(found) => complaints.extend(
                found.iter().filter_map(unknown).map(|problem| format!("{}: {problem}", query.place)),
            ),
        }
    }
    none(&complaints);
}

#[test]
fn selectors_have_the_chosen_job_and_instance() {
    let mut complaints = Vec::new();
    for (name, dashboard) in dashboards() {
        for query in queries(&name, &dashboard) {
            // What may be chosen as a job cannot depend on the chosen one.
            let wanted: &[_] = match query.place.rsplit(": ").next().unwrap() {
                "variable job" => &[],
                "variable instance" => &["job"],
                _ => &["job", "instance"],
            };
            for selector in selectors(&query.expr).unwrap() {
                for label in wanted.iter().filter(|label| !selector.is_chosen(label)) {
                    complaints.push(format!("{}: {} of any {label}", query.place, selector.name));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn counters_are_rates_over_the_interval_of_the_chart_or_increases_over_what_is_shown() {
    let mut complaints = Vec::new();
    for (name, dashboard) in dashboards() {
        for query in queries(&name, &dashboard) {
            for selector in selectors(&query.expr).unwrap() {
                let (function, range) = (selector.function.as_deref(), selector.range);
                let fits = if selector.is_counter() {
                    matches!(
                        (function, range),
                        (Some("rate" | "increase"), Some(RATE_INTERVAL)) | (Some("increase"), Some(RANGE))
                    )
                } else {
                    matches!(range, None | Some(RANGE))
                };
                if !fits {
                    complaints
                        .push(format!("{}: {} in {function:?} of {range:?}", query.place, selector.name));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn panels_say_what_they_show() {
    let mut complaints = Vec::new();
    for (name, dashboard) in dashboards() {
        let mut titles = BTreeSet::new();
        for panel in list(&dashboard, "/panels") {
            let title = text(panel, "/title");
            let mut expect = |holds: bool, what: &str| {
                if !holds {
                    complaints.push(format!("{name}: {title}: {what}"));
                }
            };
            expect(!title.is_empty() && titles.insert(title), "its title is missing or used twice");
            expect(text(panel, "/description").len() > 20, "it has no description");
            expect(UNITS.contains(&text(panel, "/fieldConfig/defaults/unit")), "it has no unit");
            expect(!list(panel, "/targets").is_empty(), "it has no query");
            let sources = list(panel, "/targets").iter().chain([panel]);
            expect(
                sources.map(|of| text(of, "/datasource/uid")).all(|uid| uid == "${datasource}"),
                "it does not use the chosen data source",
            );
        }
    }
    none(&complaints);
}

#[test]
fn panels_neither_overlap_nor_leave_the_grid() {
    for (name, dashboard) in dashboards() {
        let (mut cells, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "/panels") {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| number(panel, &format!("/gridPos/{side}")));
            assert!(ids.insert(number(panel, "/id")), "{name}: an id is used twice");
            assert!(x + w <= 24, "{name}: {} is too wide", text(panel, "/title"));
            let all_free = (x..x + w).all(|x| (y..y + h).all(|y| cells.insert((x, y))));
            assert!(all_free, "{name}: {} overlaps another", text(panel, "/title"));
        }
    }
}

#[test]
fn dashboards_are_linked_and_have_the_usual_variables() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert_eq!(text(&dashboard, "/uid"), format!("undercurrent-{}", name.trim_end_matches(".json")));
        assert!(uids.insert(text(&dashboard, "/uid").to_owned()), "{name}");
        assert_eq!(dashboard.pointer("/editable"), Some(&Value::Bool(false)), "{name}: made from a source");
        assert_eq!(dashboard.pointer("/tags"), dashboard.pointer("/links/0/tags"), "{name}: links go by tag");
        assert_eq!(list(&dashboard, "/annotations/list").len(), 1, "{name}: annotations of findings");
        let variables = list(&dashboard, "/templating/list");
        let names: Vec<_> = variables.iter().map(|variable| text(variable, "/name")).collect();
        assert!(names.starts_with(&["datasource", "job", "instance"]), "{name}: {names:?}");
        let (datasource, of_labels) = variables.split_first().unwrap();
        assert_eq!(
            (text(datasource, "/type"), text(datasource, "/query")),
            ("datasource", "prometheus"),
            "{name}"
        );
        for variable in of_labels {
            let is = |pointer, value: &str| {
                variable.pointer(pointer) == Some(&serde_json::from_str(value).unwrap())
            };
            assert!(
                is("/type", "\"query\"") && is("/datasource/uid", "\"${datasource}\""),
                "{name}: {variable}"
            );
            assert!(is("/multi", "true") && is("/includeAll", "true"), "{name}: {variable}");
            // The linter asks for `.+`, which leaves out what was imported from a replay: it has no job and no instance.
            assert!(is("/allValue", "\".*\""), "{name}: {variable}");
            assert!(is("/refresh", "2"), "{name}: {variable} is not asked anew when the time range changes");
            assert!(!text(variable, "/label").is_empty(), "{name}: {variable}");
        }
    }
}

/// Names of the alerts.
fn alerts() -> BTreeSet<String> {
    let file = read("dashboards/prometheus/alerts.yaml");
    let names = file.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(|name| name.trim_matches('"').to_owned()).collect()
}

#[test]
fn every_alert_has_a_runbook_and_tests() {
    let names = alerts();
    assert!(names.len() >= 12, "{names:?}");
    let tests: String = files("dashboards/prometheus/tests", ".yaml")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut complaints = Vec::new();
    for name in &names {
        let path = format!("docs/runbooks/{name}.md");
        let page = fs::read_to_string(root().join(&path)).unwrap_or_default();
        for heading in ["## What it means", "## What to look at", "## What to do", "## How to silence"] {
            if !page.contains(heading) {
                complaints.push(format!("{path}: no \"{heading}\""));
            }
        }
        if !tests.contains(&format!("alertname=\"{name}\"")) {
            complaints.push(format!("{name}: no test in which it fires"));
        }
    }
    let pages = files("docs/runbooks", ".md")
        .into_iter()
        .map(|p| p.file_stem().unwrap().to_str().unwrap().to_owned());
    for page in pages.filter(|page| page != "README" && !names.contains(page)) {
        complaints.push(format!("docs/runbooks/{page}.md: there is no such alert"));
    }
    none(&complaints);
}

#[test]
fn runbooks_are_where_alerts_say_that_the_package_puts_them() {
    let urls: BTreeSet<_> = read("dashboards/prometheus/alerts.yaml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook_url: "))
        .map(|url| url.trim_matches('"').to_owned())
        .collect();
    assert_eq!(urls.len(), alerts().len());
    let manifest = read("Cargo.toml");
    for url in urls {
        let path = url.strip_prefix("file:///").unwrap();
        let (folder, page) = path.rsplit_once('/').unwrap();
        let packed = manifest.lines().find(|line| line.contains(&format!("\"{folder}/\""))).unwrap();
        let source = packed.split('"').nth(1).unwrap().replace("*.md", page);
        assert!(root().join(&source).is_file(), "{source}");
    }
}

#[test]
fn every_alert_tells_what_is_wrong_and_where_to_read_on() {
    let file = read("dashboards/prometheus/alerts.yaml");
    let mut complaints = String::new();
    for alert in file.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap().trim_matches('"');
        let runbook = format!("/{name}.md\"");
        let has = |key: &str, what: &str| {
            alert.lines().any(|line| line.trim().strip_prefix(key).is_some_and(|value| value.contains(what)))
        };
        for (key, what) in [
            ("summary:", "{{"),
            ("description:", "{{"),
            ("runbook_url:", runbook.as_str()),
            ("severity:", "\""),
        ] {
            if !has(key, what) {
                writeln!(complaints, "{name}: no {key}").unwrap();
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}
