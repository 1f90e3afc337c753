use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::keys::Key;
use super::super::testbed::{leaking, looked};
use super::*;

fn screen(ui: &mut Ui, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, ui, &Scope::All, Theme::new(false))).unwrap();
    terminal.backend().to_string()
}

fn press(ui: &mut Ui, keys: &str) {
    keys.chars().for_each(|key| drop(ui.key(Key::Char(key))));
}

#[test]
fn a_small_screen() {
    let mut ui = Ui::new(Arc::new(leaking()));
    insta::assert_snapshot!("80x24-sockets", screen(&mut ui, 80, 24));
    press(&mut ui, "2");
    insta::assert_snapshot!("80x24-peers", screen(&mut ui, 80, 24));
    press(&mut ui, "3");
    insta::assert_snapshot!("80x24-processes", screen(&mut ui, 80, 24));
    press(&mut ui, "1x");
    insta::assert_snapshot!("80x24-question-unmarked", screen(&mut ui, 80, 24));
    press(&mut ui, "n  x");
    insta::assert_snapshot!("80x24-question", screen(&mut ui, 80, 24));
    press(&mut ui, "n/:443 est");
    insta::assert_snapshot!("80x24-filter", screen(&mut ui, 80, 24));
    ui.key(Key::Enter);
    press(&mut ui, "f?");
    insta::assert_snapshot!("80x24-help", screen(&mut ui, 80, 24));
}

/// Everything that is asked and said can be read, at the size where it was cut.
#[test]
fn questions_and_refusals_are_whole_on_a_small_screen() {
    let refusal = "0 of 1 destroyed; REFUSED: it needs root (CAP_NET_ADMIN): start it with sudo, or end the process \
                   that holds them";
    for width in [60, 80] {
        let mut ui = Ui::new(Arc::new(leaking()));
        let read = |ui: &mut Ui| {
            let screen = screen(ui, width, 24).replace('"', "");
            screen.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        press(&mut ui, "x");
        let question = ui.question.as_ref().unwrap().text(ui.model());
        assert!(read(&mut ui).contains(&question), "{}", read(&mut ui));
        press(&mut ui, "n");
        ui.tell(refusal);
        assert!(read(&mut ui).contains(refusal), "{}", read(&mut ui));
    }
    let mut ui = Ui::new(Arc::new(leaking()));
    press(&mut ui, "?");
    assert!(screen(&mut ui, 80, 24).contains("queue N/M"), "the last word of its page");
    assert!(screen(&mut ui, 60, 16).contains("higher terminal"));
}

/// The end of what is typed is where it is typed.
#[test]
fn the_end_of_a_long_filter_shows_and_the_hint_gives_way() {
    let bottom = |typed: &str, width| {
        let mut ui = Ui::new(Arc::new(leaking()));
        press(&mut ui, "/");
        press(&mut ui, typed);
        screen(&mut ui, width, 24).lines().last().unwrap().trim_matches('"').to_owned()
    };
    assert!(bottom(":443", 80).starts_with("filter: :443    words: :PORT, pid:N, a state, part of an address or"));
    let words = "pid:4242 close_wait 10.0.0.9 python pooler.py --pool";
    assert_eq!(bottom(words, 80), format!("filter: {words}    words: :PORT, p…"));
    let long = format!("{}{words}", "x".repeat(90));
    for width in [60, 80, 160] {
        let (bottom, kept) = (bottom(&long, width), usize::from(width) - 10);
        let end: String = if width == 160 { long.clone() } else { format!("…{}", &long[long.len() - kept..]) };
        assert!(bottom.starts_with(&format!("filter: {end}")), "{bottom}");
    }
}

#[test]
fn a_screen_that_is_too_small_says_so_in_full() {
    for (width, height) in [(59, 24), (20, 10), (80, 15), (12, 8)] {
        let screen = screen(&mut Ui::new(Arc::new(leaking())), width, height).replace('"', "");
        let read = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(read, "closewait watch needs 60 columns and 16 lines", "{width}x{height}");
    }
}

#[test]
fn a_listener_has_a_queue_and_no_bytes() {
    let mut ui = Ui::new(Arc::new(leaking()));
    press(&mut ui, "G");
    for (width, height) in [(80, 24), (160, 50)] {
        let screen = screen(&mut ui, width, height);
        let listener = screen.lines().find(|line| line.contains("LISTEN      0.0.0.0:443")).unwrap();
        assert!(listener.contains(" * queue 2/50 ") && !listener.contains(" 50 "), "{listener}");
    }
}

#[test]
fn a_large_screen() {
    let mut ui = Ui::new(Arc::new(leaking()));
    insta::assert_snapshot!("160x50", screen(&mut ui, 160, 50));
}

#[test]
fn every_size_draws_something() {
    let mut ui = Ui::new(Arc::new(leaking()));
    for (width, height) in [(1, 1), (59, 40), (60, 16), (79, 23), (119, 60), (120, 40), (300, 20), (300, 100)] {
        for key in ["1", "2", "3", "G", "?", "x", "/"] {
            press(&mut ui, key);
            assert!(screen(&mut ui, width, height).contains(|c: char| c.is_alphabetic()) || width == 1);
        }
        ui.key(Key::Escape);
    }
}

#[test]
fn before_the_first_look_and_with_nothing_to_see() {
    let mut ui = Ui::new(Arc::new(looked([])));
    assert!(screen(&mut ui, 80, 24).contains("0 sockets"));
}

#[test]
fn colour_only_repeats_what_words_say() {
    let mut ui = Ui::new(Arc::new(leaking()));
    let mut draw_in = |colour: bool| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &mut ui, &Scope::All, Theme::new(colour))).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let coloured = buffer.content.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count();
        (terminal.backend().to_string(), coloured)
    };
    let ((plain, none), (coloured, some)) = (draw_in(false), draw_in(true));
    assert_eq!((plain, none), (coloured, 0));
    assert!(some > 0);
}
