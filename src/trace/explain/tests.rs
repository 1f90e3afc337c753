//! What is told of whole conversations, at every split.

use super::*;
use crate::tds::{
    Change, Encryption, EnvChange, Login7, PacketType, Password, Prelogin, PreloginOption, ServerMessage, Token,
};
use crate::tds::{Done, packets};

fn prelogin(encryption: u8) -> Vec<u8> {
    let option = |token, data: &'static [u8]| PreloginOption { token, data: data.into() };
    let encryption: &'static [u8] = if encryption == 0 { &[0] } else { &[2] };
    let prelogin = Prelogin {
        options: vec![option(Prelogin::VERSION, &[16, 0, 0, 0, 0, 0]), option(Prelogin::ENCRYPTION, encryption)],
    };
    packets(PacketType::PRELOGIN, 0, 4096, &prelogin.encode().unwrap())
}

fn reply_to_prelogin() -> Vec<u8> {
    let option = |token, data: Vec<u8>| PreloginOption { token, data: data.into() };
    let options = vec![option(Prelogin::VERSION, vec![0; 6]), option(Prelogin::ENCRYPTION, vec![2])];
    let reply = Prelogin { options }.reply([16, 0, 0, 0, 0, 0], Encryption::NotSupported);
    packets(PacketType::REPLY, 51, 4096, &reply.encode().unwrap())
}

fn login() -> Vec<u8> {
    let login = Login7 {
        tds_version: TdsVersion::V7_4.login(),
        packet_size: 4096,
        client_pid: 1,
        flags: [0; 4],
        host_name: "host".to_owned(),
        user: "app".to_owned(),
        password: Password::new("hunter2".to_owned()),
        app_name: "test".to_owned(),
        server_name: "sql".to_owned(),
        library: "lib".to_owned(),
        language: String::new(),
        database: "sales".to_owned(),
        sspi: Vec::new(),
        features: Vec::new(),
    };
    packets(PacketType::LOGIN7, 0, 4096, &login.encode().unwrap())
}

fn refusal() -> Vec<u8> {
    let error = ServerMessage {
        number: 18456,
        state: 1,
        class: 14,
        text: "Login failed for user 'app'.".to_owned(),
        server: "sql".to_owned(),
        procedure: String::new(),
        line: 1,
    };
    Token::encode_all(&[Token::Error(error), Token::Done(Done::of(Done::ERROR))], TdsVersion::V7_4)
}

/// What is told, without what is told of parts.
fn told(explainer: &mut Explainer, from: Side, bytes: &[u8], at_once: usize) -> Vec<(String, String)> {
    let messages = bytes.chunks(at_once).flat_map(|chunk| explainer.data(from, chunk)).collect::<Vec<_>>();
    messages
        .into_iter()
        .filter(|message| !message.name.starts_with("part of"))
        .map(|message| (message.name, message.text))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

const REFUSED: [(&str, &str); 2] = [("ERROR 18456", "Login failed for user 'app'."), ("DONE", "error")];

#[test]
fn a_refused_login_in_clear_at_every_split() {
    for at_once in [1, 3, 8, 50, 4096] {
        let mut it = Explainer::new(Vec::new(), Vec::new());
        let mut says = |from, bytes: &[u8]| told(&mut it, from, bytes, at_once);
        assert_eq!(says(Side::Client, &prelogin(2)), pairs(&[("PRELOGIN", "no encryption")]));
        assert_eq!(says(Side::Server, &reply_to_prelogin()), pairs(&[("PRELOGIN reply", "no encryption")]));
        let login = says(Side::Client, &login());
        assert_eq!(login, pairs(&[("LOGIN7", "user 'app', application 'test', database 'sales'")]));
        assert!(!format!("{login:?}").contains("hunter2"));
        let refusal = packets(PacketType::REPLY, 51, 4096, &refusal());
        assert_eq!(says(Side::Server, &refusal), pairs(&REFUSED));
    }
}

#[test]
fn an_answer_in_many_packets_tells_each_token_once() {
    let refusal = packets(PacketType::REPLY, 51, 20, &refusal());
    for at_once in [1, 20, 40, 4096] {
        let mut it = Explainer::new(Vec::new(), Vec::new());
        assert_eq!(told(&mut it, Side::Server, &refusal, at_once), pairs(&REFUSED), "{at_once}");
    }
}

#[test]
fn an_answer_that_is_cut_tells_what_came() {
    let mut it = Explainer::new(Vec::new(), Vec::new());
    let refusal = packets(PacketType::REPLY, 51, 4096, &refusal());
    let messages = it.data(Side::Server, &refusal[..refusal.len() - 4]);
    let names: Vec<&str> = messages.iter().map(|message| message.name.as_str()).collect();
    assert_eq!(names, ["ERROR 18456", "part of REPLY"]);
    let whole = refusal.len() - 8;
    assert_eq!(messages[1].text, format!("{} of {whole} bytes so far", whole - 4));
}

#[test]
fn what_tls_hides_is_told_from_the_servers_side() {
    let record = |kind: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3][..], &length, body].concat()
    };
    let wrapped = |records: Vec<u8>| packets(PacketType::PRELOGIN, 0, 4096, &records);
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0xC0, 0x2C, 0]);
    let server_hello = [&[2, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat();
    let (login, change) = (login(), EnvChange::Database(Change { new: "sales".to_owned(), old: String::new() }));
    let welcome = Token::encode_all(&[Token::EnvChange(change), Token::Done(Done::of(0))], TdsVersion::V7_4);
    let welcome = packets(PacketType::REPLY, 51, 4096, &welcome);

    let mut it = Explainer::new(login.clone(), welcome.clone());
    it.data(Side::Client, &prelogin(0));
    it.data(Side::Server, &reply_to_prelogin());
    let (client, server) = (Side::Client, Side::Server);
    let first = it.data(client, &wrapped(record(22, &[1, 0, 0, 0])));
    assert_eq!((first[0].name.as_str(), first[0].text.as_str()), ("TLS handshake", "ClientHello"));
    let flight = it.data(server, &wrapped([record(22, &server_hello), record(22, &[14, 0, 0, 0])].concat()));
    assert_eq!(flight.len(), 1, "one flight is one line");
    assert_eq!(flight[0].text, "ServerHello (TLS 1.2), ServerHelloDone");
    it.data(client, &wrapped([record(20, &[1]), record(22, &[0; 40])].concat()));
    it.data(server, &wrapped([record(20, &[1]), record(22, &[0; 40])].concat()));

    // Two records for the login, in three pieces.
    let sealed = |length: usize| record(23, &vec![9; length + 24]);
    let both = [sealed(100), sealed(login.len() - 100)].concat();
    let messages: Vec<TraceMessage> = both.chunks(90).flat_map(|chunk| it.data(client, chunk)).collect();
    let last = messages.last().unwrap();
    assert!(last.name == "LOGIN7" && last.encrypted, "{messages:?}");
    let answer = it.data(server, &sealed(welcome.len()));
    assert!(answer.iter().all(|message| message.encrypted));
    assert_eq!(answer[0].text, "database sales");
    let unknown = it.data(client, &sealed(10));
    assert_eq!((unknown[0].name.as_str(), unknown[0].text.as_str()), ("TLS data", "10 bytes"));
}

#[test]
fn bytes_that_are_no_tds_are_counted() {
    let mut it = Explainer::new(Vec::new(), Vec::new());
    assert_eq!(told(&mut it, Side::Server, b"HTTP/1.1 200 OK", 4096), pairs(&[("no TDS", "15 bytes")]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_never_panic(
        data in proptest::collection::vec((proptest::bool::ANY, proptest::collection::vec(proptest::num::u8::ANY, 0..80)), 0..20),
        seed in 0u8..4,
    ) {
        let mut it = Explainer::new(vec![4; 300], vec![4; 300]);
        let begun = [prelogin(2), login(), vec![0x16, 3, 3, 0, 2], vec![0x17, 3, 3, 0, 40]];
        it.data(Side::Client, &begun[usize::from(seed)]);
        for (client, bytes) in data {
            it.data(if client { Side::Client } else { Side::Server }, &bytes);
        }
    }
}
