//! Where the user is.

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

use super::client::State;

/// Which table is looked at, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Hosts rather than findings.
    pub(super) hosts: bool,
    /// The row.
    pub(super) row: usize,
    /// Whether all that is known of the row is shown.
    pub(super) open: bool,
}

impl Place {
    /// Keeps to rows that there are.
    pub(super) fn settle(&mut self, state: &State) {
        let rows = if self.hosts { state.hosts.len() } else { state.findings.len() };
        self.row = self.row.min(rows.saturating_sub(1));
        self.open &= rows > 0;
    }

    /// Takes an event; false where the user wants to leave.
    pub(super) fn key(&mut self, event: &Event) -> bool {
        const PAGE: usize = 10;
        let Event::Key(key) = event else { return true };
        if key.kind != KeyEventKind::Press {
            return true;
        }
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Esc if !self.open => return false,
            KeyCode::Esc => self.open = false,
            KeyCode::Enter => self.open ^= true,
            KeyCode::Tab | KeyCode::BackTab => *self = Self { hosts: !self.hosts, ..Self::default() },
            KeyCode::Down | KeyCode::Char('j') => self.row += 1,
            KeyCode::Up | KeyCode::Char('k') => self.row = self.row.saturating_sub(1),
            KeyCode::PageDown => self.row += PAGE,
            KeyCode::PageUp => self.row = self.row.saturating_sub(PAGE),
            KeyCode::Home => self.row = 0,
            KeyCode::End => self.row = usize::MAX,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_lead_around_and_out() {
        let state = State { findings: vec![serde_json::Value::Null; 3], ..State::default() };
        let mut place = Place::default();
        let mut press = |code: KeyCode| {
            let stays = place.key(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
            place.settle(&state);
            (stays, place.hosts, place.row, place.open)
        };
        assert_eq!(press(KeyCode::Down), (true, false, 1, false));
        assert_eq!(press(KeyCode::End), (true, false, 2, false));
        assert_eq!(press(KeyCode::Down), (true, false, 2, false));
        assert_eq!(press(KeyCode::Enter), (true, false, 2, true));
        assert_eq!(press(KeyCode::Esc), (true, false, 2, false));
        assert_eq!(press(KeyCode::Tab), (true, true, 0, false));
        assert_eq!(press(KeyCode::Enter), (true, true, 0, false), "there is no host to open");
        assert!(!press(KeyCode::Char('q')).0);
    }
}
