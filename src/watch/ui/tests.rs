use super::super::testbed::{leaking, looked};
use super::*;
use crate::record::TcpState;

fn ui() -> Ui {
    let mut ui = Ui::new(Arc::new(leaking()));
    ui.fit(Pane::Sockets, 10);
    ui
}

fn press(ui: &mut Ui, keys: &str) -> Effect {
    keys.chars().map(|key| ui.key(if key == '\n' { Key::Enter } else { Key::Char(key) })).last().unwrap_or(Effect::None)
}

fn states(ui: &Ui) -> Vec<TcpState> {
    ui.shown.sockets.iter().map(|at| ui.model.rows[*at as usize].entry.state).collect()
}

#[test]
fn the_longest_held_stands_first_and_listeners_last() {
    let mut ui = ui();
    let held = |ui: &Ui| ui.model.held(&ui.model.rows[ui.shown.sockets[0] as usize]);
    // In CLOSE_WAIT for two seconds before the first look, thirty seconds ago.
    assert_eq!(held(&ui), Duration::from_secs(32));
    assert_eq!(states(&ui).last(), Some(&TcpState::Listen));
    press(&mut ui, "r");
    assert_eq!(states(&ui)[0], TcpState::Listen);
    press(&mut ui, "s");
    assert_eq!((states(&ui)[0], ui.sort(Pane::Sockets)), (TcpState::CloseWait, Sort::State));
}

#[test]
fn a_filter_holds_while_it_is_typed_and_escape_takes_it_back() {
    let mut ui = ui();
    let all = ui.shown.sockets.len();
    press(&mut ui, "/time_w");
    assert!(!states(&ui).is_empty() && states(&ui).iter().all(|state| *state == TcpState::TimeWait));
    ui.key(Key::Escape);
    assert_eq!(ui.shown.sockets.len(), all);
    press(&mut ui, "/q:443\n");
    ui.key(Key::Char('q'));
    assert_eq!((ui.filter(), ui.shown.sockets.len()), ("q:443", 0));
    press(&mut ui, "c");
    assert!(states(&ui).iter().all(|state| *state == TcpState::CloseWait) && ui.shown.sockets.len() > 600);
    ui.key(Key::Escape);
    assert_eq!(ui.shown.sockets.len(), all);
}

#[test]
fn from_a_group_to_its_sockets() {
    let mut ui = ui();
    press(&mut ui, "3\n");
    assert_eq!((ui.pane, ui.filter()), (Pane::Sockets, "pid:4242"));
    ui.key(Key::Escape);
    press(&mut ui, "2\n");
    assert_eq!(ui.filter(), "10.0.0.9:1433");
    assert_eq!(ui.shown.sockets.len(), 640);
}

#[test]
fn the_cursor_stays_on_its_socket_and_in_the_table() {
    let mut ui = ui();
    for _ in 0..4 {
        ui.key(Key::PageDown);
    }
    let under = ui.under_the_cursor().unwrap();
    assert_eq!((ui.cursor().at, ui.cursor().top), (36, 27));
    press(&mut ui, "r");
    assert_eq!(ui.cursor().at, 0, "another order begins at its top");
    press(&mut ui, "r");
    (0..36).for_each(|_| drop(ui.key(Key::Down)));
    ui.looked(Arc::new(looked(2..=33)));
    assert_eq!(ui.under_the_cursor(), Some(Entry { quiet: Some(Duration::from_secs(33)), ..under }));
    ui.key(Key::End);
    let last = ui.shown.sockets.len() - 1;
    assert_eq!((ui.cursor().at, ui.cursor().top), (last, last - 9));
    ui.key(Key::Down);
    press(&mut ui, "/nothing at all\n");
    assert_eq!((ui.cursor().at, ui.cursor().top), (0, 0));
    ui.key(Key::Up);
    ui.key(Key::Escape);
    assert_eq!(ui.cursor().at, 0);
}

#[test]
fn a_frozen_screen_waits_for_the_newest_look() {
    let mut ui = ui();
    press(&mut ui, "f");
    ui.looked(Arc::new(looked(2..=33)));
    ui.looked(Arc::new(looked(2..=34)));
    assert_eq!((ui.model.looks, ui.frozen()), (31, true));
    press(&mut ui, "f");
    assert_eq!((ui.model.looks, ui.frozen()), (33, false));
}

#[test]
fn nothing_is_destroyed_without_a_yes() {
    let mut ui = ui();
    assert_eq!(press(&mut ui, "x"), Effect::None);
    assert_eq!(ui.question.as_ref().map(|it| it.sockets.len()), Some(1));
    assert_eq!(press(&mut ui, "q"), Effect::None, "any other key is a no, and no other command");
    assert_eq!((ui.question.as_ref(), ui.note.as_deref()), (None, Some("nothing was destroyed")));
    let Effect::Destroy(one) = press(&mut ui, "xy") else { panic!("a yes") };
    assert_eq!((one.len(), one[0].state), (1, TcpState::CloseWait));
    let Effect::Destroy(marked) = press(&mut ui, "   xy") else { panic!("a yes") };
    assert_eq!((marked.len(), ui.marked.len()), (3, 0));
    // A listener is never asked for, nor anything from a table of groups.
    press(&mut ui, "Gx");
    assert_eq!(ui.question, None);
    press(&mut ui, "2x");
    assert!(ui.question.is_none() && ui.note.is_some());
}

#[test]
fn it_is_said_what_will_be_destroyed() {
    let mut ui = ui();
    let asked = |ui: &Ui| ui.question.as_ref().unwrap().text(&ui.model);
    press(&mut ui, "x");
    let one = "Nothing is marked. Destroy the socket under the cursor: CLOSE_WAIT 10.0.0.1:32768 to 10.0.0.9:1433 of \
               4242 python3.11 pooler.py --pool?";
    assert!(asked(&ui).starts_with(one) && asked(&ui).ends_with("y/N"), "{}", asked(&ui));
    press(&mut ui, "n x");
    assert!(asked(&ui).starts_with("Destroy 1 marked socket: CLOSE_WAIT 10.0.0.1:32768 to"), "{}", asked(&ui));
    press(&mut ui, "n/time_w\n  x");
    assert!(asked(&ui).starts_with("Destroy 2 marked sockets: 2 TIME_WAIT of -? (1 more marked"), "{}", asked(&ui));
}

#[test]
fn a_mark_that_the_filter_hides_is_not_destroyed() {
    let mut ui = ui();
    press(&mut ui, "  /time_w\n ");
    let Effect::Destroy(shown) = press(&mut ui, "xy") else { panic!("a yes") };
    assert_eq!(shown.iter().map(|it| it.state).collect::<Vec<_>>(), [TcpState::TimeWait]);
    // The two that were hidden are marked still, and nothing under the cursor is taken for them.
    assert_eq!(press(&mut ui, "x"), Effect::None);
    assert!(ui.question.is_none() && ui.note.as_ref().unwrap().contains("hides"), "{:?}", ui.note);
    press(&mut ui, "/");
    (0..6).for_each(|_| drop(ui.key(Key::Backspace)));
    ui.key(Key::Enter);
    let Effect::Destroy(rest) = press(&mut ui, "xy") else { panic!("a yes") };
    assert_eq!(rest.iter().map(|it| it.state).collect::<Vec<_>>(), [TcpState::CloseWait; 2]);
}

#[test]
fn a_mark_goes_with_its_socket() {
    let mut ui = Ui::new(Arc::new(looked(2..=3)));
    press(&mut ui, "/time_w\n   ");
    assert_eq!(ui.marked.len(), 3);
    ui.looked(Arc::new(looked(2..=4)));
    assert_eq!(ui.marked.len(), 0);
}

#[test]
fn keys_have_their_effects() {
    let mut ui = ui();
    assert_eq!(
        (press(&mut ui, "w"), press(&mut ui, "?j"), press(&mut ui, "q")),
        (Effect::Snapshot, Effect::None, Effect::Quit)
    );
    let spans: Vec<u64> = (0..3)
        .map(|_| {
            press(&mut ui, "t");
            ui.span.as_secs()
        })
        .collect();
    assert_eq!(spans, [900, 7200, 120]);
    ui.key(Key::Tab);
    ui.key(Key::BackTab);
    ui.key(Key::BackTab);
    assert_eq!(ui.pane, Pane::Processes);
}
