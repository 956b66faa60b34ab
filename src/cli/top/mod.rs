//! `top`: a running sensor in a terminal, by its API.

mod client;
mod keys;
mod view;

use std::io::{IsTerminal, Write as _, stdout};
use std::process::ExitCode;
use std::time::Duration;

use ratatui::crossterm::event;

use super::args::TopArgs;
use super::{Failure, clock};
use client::{Client, State};
use keys::Place;

/// How long a key is waited for at a time.
const WAIT: Duration = Duration::from_millis(200);

pub(super) fn run(args: &TopArgs) -> Result<ExitCode, Failure> {
    let client = Client::new(args).map_err(Failure::Usage)?;
    let first = client.fetch()?;
    if args.once || !stdout().is_terminal() {
        writeln!(stdout(), "{}", view::plain(&first))?;
        return Ok(ExitCode::SUCCESS);
    }
    let terminal = ratatui::try_init()?;
    let outcome = watch(&client, first, terminal, Duration::from_secs(args.interval.into()));
    ratatui::restore();
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// Shows the sensor until the user has seen enough.
fn watch(
    client: &Client,
    mut state: State,
    mut terminal: ratatui::DefaultTerminal,
    every: Duration,
) -> anyhow::Result<()> {
    let (mut place, mut trouble) = (Place::default(), None);
    let mut fetched = clock::instant();
    loop {
        place.settle(&state);
        terminal.draw(|frame| view::draw(frame, &state, &place, trouble.as_deref()))?;
        if event::poll(WAIT)? && !place.key(&event::read()?) {
            return Ok(());
        }
        if fetched.elapsed() >= every {
            fetched = clock::instant();
            match client.fetch() {
                Ok(new) => (state, trouble) = (new, None),
                // What was seen last stays, with the reason why it is old.
                Err(error) => trouble = Some(format!("{error:#}")),
            }
        }
    }
}
