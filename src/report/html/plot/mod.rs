//! Plots as pure functions of values: scales, paths, panels, figures. Nothing here knows what a socket is.

mod figure;
mod panel;
mod path;
mod scale;
mod thin;
mod unit;

pub(super) use figure::{Entry, Figure};
pub(super) use panel::{Look, Mark, Number, Panel, Series, Stroke};
pub(super) use scale::Scale;
pub(super) use thin::thin;
pub(super) use unit::Unit;
