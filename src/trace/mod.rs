//! One connection explained, frame by frame: what each frame is, in which TCP state it leaves either end, and which frame
//! is missing.
//!
//! A connection is played on a *stage* of its own: a client on one host, the embedded server on the other, and a *lookout*
//! that captures whole frames on the client's host and looks at both hosts' socket tables. Then everything is a value:
//! `explain` tells what the bytes are, `states` in which states the ends are, and `account` joins them with the server's
//! journal into a record. The choice not taken: decrypting and dissecting by another program (tshark), which knows neither
//! end's state and would have to be installed; a capture file for it is written beside the record.

mod account;
mod crew;
mod error;
mod explain;
mod missing;
mod options;
mod part;
mod play;
mod recording;
mod role;
mod states;

pub use error::Error;
pub use options::{Options, Subject};
pub use part::{is_mine, part};
pub use play::play;
pub use recording::Recording;
