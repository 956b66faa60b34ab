//! A webhook: one request a finding, its body the finding in the form that is asked for.

use crate::sensor::{FindingFormat, WebhookConfig};

use super::http::Post;
use super::{Note, Sink, Waiting};

pub(super) struct Webhook {
    post: Post,
    format: FindingFormat,
    waiting: Waiting,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig) -> anyhow::Result<Self> {
        let post = Post::new(config.url.clone(), &config.bearer_token_file)?;
        Ok(Self { post, format: config.format, waiting: Waiting::default() })
    }
}

impl Sink for Webhook {
    fn take(&mut self, note: &Note) -> u64 {
        self.waiting.take(note)
    }

    fn flush(&mut self) -> (u64, anyhow::Result<()>) {
        let Self { post, format, waiting } = self;
        waiting.flush(|event| post.send(&format.render(event)))
    }

    fn waiting(&self) -> usize {
        self.waiting.0.len()
    }
}
