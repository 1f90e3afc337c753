//! Plots that belong together: one heading, one legend, one explanation.

use maud::{Markup, html};

use super::panel::{Look, Panel};

/// Plots with one legend.
pub(crate) struct Figure {
    /// Its anchor on the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What is drawn, and how to read it.
    pub(crate) text: String,
    pub(crate) legend: Vec<Entry>,
    pub(crate) panels: Vec<Panel>,
    /// Panels stand side by side where there is room.
    pub(crate) pairs: bool,
}

/// One entry of a legend, which shows and hides what bears its key.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) look: Look,
    /// It stands for a kind of line and not for a colour.
    pub(crate) plain: bool,
}

impl Entry {
    pub(crate) fn new(key: impl Into<String>, name: impl Into<String>, look: Look) -> Self {
        Self { key: key.into(), name: name.into(), look, plain: false }
    }

    /// An entry for a kind of line, whatever its colour.
    pub(crate) fn kind(key: impl Into<String>, name: impl Into<String>, look: Look) -> Self {
        Self { plain: true, ..Self::new(key, name, look) }
    }
}

impl Figure {
    pub(crate) fn markup(&self) -> Markup {
        let stacked = self.panels.first().is_some_and(|panel| panel.stacked);
        html! {
            figure id=(self.id) {
                figcaption { h3 { (self.title) } p { (self.text) } }
                div.legend role="group" aria-label={ "What is shown: " (self.title) } {
                    @for entry in &self.legend {
                        button type="button" aria-pressed="true" data-key=(entry.key) {
                            svg.swatch viewBox="0 0 24 12" aria-hidden="true" {
                                @if stacked {
                                    path class={ "area " (entry.look.class()) } d="M0 0H24V12H0Z" {}
                                } @else {
                                    path class={ "line " (entry.look.class()) (if entry.plain { " plain" } else { "" }) } d="M1 6H23" {}
                                }
                            }
                            (entry.name)
                        }
                    }
                }
                div.panels.pairs[self.pairs] { @for panel in &self.panels { (panel.markup()) } }
            }
        }
    }
}
