//! Live socket states of this machine, full screen: what TCPView and `ss` do not show.
//!
//! A pure core: a [`Model`] is one look at the socket table folded onto the model before it; [`Ui`] is what keys have
//! made of the screen; [`draw`] puts both on a frame. The look, the terminal and the threads between them stand in one
//! file each. A look never keeps a key waiting: it runs in a thread of its own, as seldom as its cost asks for. The
//! choice not taken: to tell a socket by its addresses, which a reused port gives to another connection; the kernel's
//! cookie tells them apart.

mod command;
mod figures;
mod filter;
mod fold;
mod group;
mod growth;
mod history;
mod keys;
mod live;
mod look;
mod model;
mod once;
mod order;
mod pace;
mod peer;
mod question;
mod run;
mod scope;
mod snapshot;
mod terminal;
#[cfg(test)]
mod testbed;
mod theme;
mod trend;
mod ui;
mod view;

pub use fold::Look;
pub use group::{HolderGroup, PeerGroup, Since};
pub use keys::{Effect, Key};
pub use live::{End, live};
pub use look::{Looker, MachineLooker};
pub use model::{Holder, Model, Row};
pub use once::text;
pub use peer::Peer;
pub use run::{RunScreen, draw_run};
pub use scope::Scope;
pub use snapshot::{WatchSnapshot, schema, snapshot};
pub use terminal::{Screen, Terminal, restore};
pub use theme::Theme;
pub use ui::Ui;
pub use view::draw;
