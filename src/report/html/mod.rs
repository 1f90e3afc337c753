//! A run as one HTML file: plots, findings, tables, and what is needed to play it again.
//!
//! The file asks nobody for anything: style, script and data lie inside, and its policy forbids the rest. Everything can be read
//! without the script, which adds values under the pointer and a legend that hides and shows. The choice not taken: a plotting
//! library, which is more to read than this room, and either a megabyte in each report or a request to somebody's server.

mod charts;
mod page;
mod places;
mod plot;
mod policy;
mod repeat;
mod tables;

use crate::record::{Run, Summary};

/// The run as one HTML file.
#[must_use]
pub fn html(run: &Run, summary: &Summary) -> String {
    let places = places::places(run, summary);
    let mut figures = charts::figures(run);
    for panel in figures.iter_mut().flat_map(|figure| &mut figure.panels) {
        let here = places.iter().enumerate().filter_map(|(index, place)| Some((index + 1, place.as_ref()?)));
        let marks = here.filter(|(_, place)| place.panel == panel.id).filter_map(|(number, place)| {
            let (from, to) = place.stretch?;
            Some(plot::Mark { number, from: panel.x.at(from), to: panel.x.at(to) })
        });
        panel.marks = marks.collect();
    }
    page::page(run, summary, &figures, &places).into_string()
}

#[cfg(test)]
mod tests;
