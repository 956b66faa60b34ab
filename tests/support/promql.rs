//! The selectors of a `PromQL` expression, by a parser that agrees with that of Prometheus.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, AggregateExpr, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use undercurrent::export::metrics::{CATALOG, Metric, MetricKind};

/// What stands for `$__rate_interval` and `$__range` while parsing: times that nobody writes.
pub(crate) const RATE_INTERVAL: Duration = Duration::from_secs(127);
pub(crate) const RANGE: Duration = Duration::from_secs(1021);

/// A selection of series, and what is done with it.
#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) name: String,
    /// Names and values of the matchers, regular expressions with `~`.
    matchers: Vec<(String, String)>,
    /// Labels by which the series are grouped or joined.
    used_labels: BTreeSet<String>,
    /// Function over time.
    pub(crate) function: Option<String>,
    /// Its range.
    pub(crate) range: Option<Duration>,
}

impl Selector {
    /// The metric of the catalog that it selects: a histogram by any of its series.
    pub(crate) fn metric(&self) -> Option<&'static Metric> {
        let histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| self.name.strip_suffix(end));
        CATALOG.iter().find(|metric| match metric.kind {
            MetricKind::Histogram => Some(metric.name) == histogram,
            _ => metric.name == self.name,
        })
    }

    /// Whether it is Prometheus' own, or the result of a recording rule.
    pub(crate) fn is_foreign(&self) -> bool {
        self.name == "up" || self.name.contains(":undercurrent_")
    }

    /// Whether it only goes up.
    pub(crate) fn is_counter(&self) -> bool {
        ["_total", "_bucket", "_count", "_sum"].iter().any(|end| self.name.ends_with(end))
    }

    /// Labels that must be there for the expression to mean something.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.matchers.iter().map(|(name, _)| name.as_str()).chain(self.used_labels.iter().map(String::as_str))
    }

    /// Whether it is restricted to what is chosen on the dashboard for a label.
    pub(crate) fn is_chosen(&self, label: &str) -> bool {
        self.matchers.iter().any(|(name, value)| name == label && *value == format!("~${label}"))
    }
}

/// The selectors of an expression of a dashboard or rule, or why it cannot be parsed.
pub(crate) fn selectors(expr: &str) -> Result<Vec<Selector>, String> {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let plain =
        expr.replace("$__rate_interval", &seconds(RATE_INTERVAL)).replace("$__range", &seconds(RANGE));
    let mut visitor = Selectors::default();
    let Ok(_) = walk_expr(&mut visitor, &parser::parse(&plain)?);
    Ok(visitor.found)
}

#[derive(Default)]
struct Selectors {
    found: Vec<Selector>,
    /// Functions and groupings around what is visited.
    around: Vec<Around>,
}

enum Around {
    Function(String),
    Labels(BTreeSet<String>),
    Nothing,
}

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        self.around.push(match expr {
            Expr::Call(call) => Around::Function(call.func.name.to_string()),
            Expr::Aggregate(AggregateExpr { modifier: Some(LabelModifier::Include(labels)), .. }) => {
                Around::Labels(labels.labels.iter().cloned().collect())
            }
            _ => Around::Nothing,
        });
        match expr {
            Expr::VectorSelector(selector) => self.add(selector, None),
            Expr::MatrixSelector(matrix) => self.add(&matrix.vs, Some(matrix.range)),
            _ => {}
        }
        Ok(true)
    }

    fn post_visit(&mut self, _: &Expr) -> Result<bool, Infallible> {
        self.around.pop();
        Ok(true)
    }
}

impl Selectors {
    fn add(&mut self, selector: &VectorSelector, range: Option<Duration>) {
        let matcher = |matcher: &promql_parser::label::Matcher| {
            let sign = if matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_)) { "~" } else { "" };
            (matcher.name.clone(), format!("{sign}{}", matcher.value))
        };
        let function = self.around.iter().rev().find_map(|around| match around {
            Around::Function(name) => Some(name.clone()),
            _ => None,
        });
        // The innermost grouping: those around it are of its result.
        let used_labels = self.around.iter().rev().find_map(|around| match around {
            Around::Labels(labels) => Some(labels.clone()),
            _ => None,
        });
        self.found.push(Selector {
            name: selector.name.clone().unwrap_or_default(),
            matchers: selector.matchers.matchers.iter().map(matcher).collect(),
            used_labels: used_labels.unwrap_or_default(),
            function,
            range,
        });
    }
}
