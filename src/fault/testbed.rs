//! A sample connection for the faults' tests: what each answers at each stage of it.

use std::borrow::Cow;

use super::{Action, Dialect, FaultSpec, LoginStage, Script, Stage, Step};
use crate::tds::{Assembler, Encryption, Error, Login7, Message, Prelogin, PreloginOption, TdsVersion, Token};

/// A narrow and a wide version.
pub(super) const VERSIONS: [TdsVersion; 2] = [TdsVersion::V7_1, TdsVersion::V7_4];

const ADDRESS: &str = "192.0.2.7:1433";

fn spec(text: &str) -> FaultSpec {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(super) const fn dialect(version: TdsVersion) -> Dialect<'static> {
    Dialect { version, spid: 51, packet_size: 4096, server: "SQL01" }
}

pub(super) fn login() -> Login7 {
    Login7 { user: "app".to_owned(), database: "shop".to_owned(), ..Login7::default() }
}

pub(super) fn at_accept(text: &str) -> Action {
    spec(text).act(&Stage::Accepted)
}

/// A PRELOGIN with this ENCRYPTION.
fn sample(encryption: Option<u8>) -> Prelogin<'static> {
    let option = |token, data: &'static [u8]| PreloginOption { token, data: Cow::Borrowed(data) };
    let mut options = vec![option(Prelogin::VERSION, &[0; 6])];
    options
        .extend(encryption.map(|value| PreloginOption { token: Prelogin::ENCRYPTION, data: Cow::Owned(vec![value]) }));
    options.push(option(Prelogin::MARS, &[0]));
    Prelogin { options }
}

/// At a PRELOGIN with this ENCRYPTION.
pub(super) fn asked(text: &str, encryption: Option<u8>) -> Action {
    let asked = sample(encryption);
    let reply = asked.reply([16, 0, 3, 0xE8, 0, 0], Encryption::NotSupported);
    spec(text).act(&Stage::Prelogin { asked: &asked, reply: &reply })
}

pub(super) fn at_prelogin(text: &str) -> Action {
    asked(text, Some(2))
}

pub(super) fn at_handshake(text: &str, strict: bool) -> Action {
    spec(text).act(&Stage::Handshake { strict })
}

pub(super) fn at_login_of(text: &str, version: TdsVersion) -> Action {
    let address = ADDRESS.parse().unwrap();
    spec(text).act(&Stage::Login(&LoginStage { login: &login(), dialect: dialect(version), address }))
}

pub(super) fn at_login(text: &str) -> Action {
    at_login_of(text, TdsVersion::V7_4)
}

pub(super) fn at_request_of(text: &str, number: u64, version: TdsVersion) -> Action {
    spec(text).act(&Stage::Request { number, dialect: dialect(version) })
}

pub(super) fn at_request(text: &str, number: u64) -> Action {
    at_request_of(text, number, TdsVersion::V7_4)
}

/// At every stage: accepted, PRELOGIN, both handshakes, the login, and two requests.
pub(super) fn act(text: &str) -> [Action; 7] {
    [
        at_accept(text),
        at_prelogin(text),
        at_handshake(text, false),
        at_handshake(text, true),
        at_login(text),
        at_request(text, 1),
        at_request(text, 2),
    ]
}

pub(super) fn script(action: Action) -> Script {
    match action {
        Action::Instead(script) => script,
        other => panic!("no script: {other:?}"),
    }
}

/// The bytes of a script of one `Send`.
pub(super) fn sent(action: Action) -> Vec<u8> {
    match script(action).steps.as_slice() {
        [Step::Send(bytes)] => bytes.clone(),
        other => panic!("not one Send: {other:?}"),
    }
}

/// The one message of these bytes; none when it is not whole.
pub(super) fn message(bytes: &[u8]) -> Option<Message> {
    let mut assembler = Assembler::new();
    assembler.push(bytes);
    let message = assembler.next(usize::MAX / 2).unwrap();
    assert!(message.is_none() || !assembler.is_inside(), "bytes behind the message");
    message
}

/// The tokens of what is sent to a login, or to the first request of a session.
pub(super) fn reply(text: &str, version: TdsVersion) -> Result<Vec<Token>, Error> {
    let action = match at_login_of(text, version) {
        Action::Proceed => at_request_of(text, 1, version),
        action => action,
    };
    let bytes = sent(action);
    Token::decode_all(&message(&bytes).expect("a whole message").payload, version)
}
