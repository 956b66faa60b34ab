//! The sensor's messages: on standard error, as text or JSON, with a level that can be changed while it runs.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Changes the level.
#[derive(Clone)]
pub(super) struct LogHandle(reload::Handle<LevelFilter, Registry>);

impl LogHandle {
    /// Begins to write messages.
    pub(super) fn start(config: &LogConfig) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(filter_of(config.level));
        let form: Box<dyn Layer<_> + Send + Sync> = match config.format {
            LogFormat::Text => {
                Box::new(fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false))
            }
            LogFormat::Json => Box::new(fmt::layer().json().with_writer(std::io::stderr).with_target(false)),
        };
        tracing_subscriber::registry().with(filter).with(form).try_init()?;
        Ok(Self(handle))
    }

    /// Writes nothing.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Self(reload::Layer::new(LevelFilter::OFF).1)
    }

    /// From now on, less grave messages than these are left out.
    pub(super) fn set_level(&self, level: LogLevel) {
        // It fails only where the subscriber is gone, and so is the program then.
        let _ = self.0.reload(filter_of(level));
    }
}

const fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
