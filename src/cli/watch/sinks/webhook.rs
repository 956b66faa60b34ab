//! A webhook: one request a finding, its body the finding in the form that is asked for.

use crate::sensor::{FindingFormat, WebhookConfig};

use super::http::{Post, Trusted};
use super::{Note, Sink, Waiting};

#[derive(Debug)]
pub(in super::super) struct Target {
    post: Post,
    format: FindingFormat,
}

impl Target {
    pub(super) fn new(config: &WebhookConfig, trusted: &Trusted) -> anyhow::Result<Self> {
        let post = Post::new(config.url.clone(), &config.bearer_token_file, trusted)?;
        Ok(Self { post, format: config.format })
    }
}

pub(super) struct Webhook {
    target: Target,
    waiting: Waiting,
}

impl Webhook {
    pub(super) fn new(target: Target) -> Self {
        Self { target, waiting: Waiting::default() }
    }
}

impl Sink for Webhook {
    fn take(&mut self, note: &Note) -> u64 {
        self.waiting.take(note)
    }

    fn flush(&mut self) -> (u64, anyhow::Result<()>) {
        let Self { target: Target { post, format }, waiting } = self;
        waiting.flush(|event| post.send(&format.render(event)))
    }

    fn waiting(&self) -> usize {
        self.waiting.0.len()
    }

    fn turn_to(&mut self, target: super::Target) {
        if let super::Target::Webhook(target) = target {
            self.target = target;
        }
    }
}
