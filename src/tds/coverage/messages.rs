//! Rows: versions, messages, PRELOGIN, encryption, logins, features.

use super::super::captures::{
    ODBC_LOGIN, PYTDS_EXECUTE, TEDIOUS_BATCH, TEDIOUS_BEGIN, TEDIOUS_PRELOGIN, TSQL_4_2, TSQL_5_0, TSQL_7_1,
    TSQL_PRELOGIN, hex,
};
use super::super::{
    Assembler, Encryption, Feature, FedAuthLibrary, LegacyLogin, Login7, PacketType, Prelogin, Rpc, ServerMessage,
    SqlBatch, TdsVersion, Token, TransactionRequest, packets,
};
use super::{Row, Section, not_spoken, refused, spoken};

pub(super) fn sections() -> Vec<Section> {
    vec![
        Section { title: "Versions", rows: versions() },
        Section { title: "Messages", rows: messages() },
        Section { title: "PRELOGIN options", rows: prelogin() },
        Section { title: "Encryption", rows: encryption() },
        Section { title: "Logins", rows: logins() },
        Section { title: "Feature extensions", rows: features() },
    ]
}

fn negotiated(asked: u32) -> bool {
    TdsVersion::negotiate(asked, true).is_some_and(|version| version.login() == asked)
}

/// Whether the refusal of a login record is a message that ends with an error's DONE.
fn refuses(record: &str, token: u8) -> bool {
    let message = ServerMessage {
        number: 17802,
        state: 1,
        class: 20,
        text: "no".to_owned(),
        server: String::new(),
        procedure: String::new(),
        line: 1,
    };
    let reply = LegacyLogin::decode(&hex(record)).unwrap().refusal(&message);
    reply[0] == token && reply.ends_with(&[0xFD, 2, 0, 0, 0, 0, 0, 0, 0])
}

fn versions() -> Vec<Row> {
    vec![
        refused("0x04020000", "4.2", "17802, as ERROR and DONE in its own form", || refuses(TSQL_4_2, 0xAA)),
        refused("0x05000000", "5.0", "17802, as LOGINACK (failed), EED and DONE", || refuses(TSQL_5_0, 0xAD)),
        spoken("0x70000000", "7.0", "with or without PRELOGIN", || negotiated(0x7000_0000)),
        spoken("0x71000000", "7.1", "with or without PRELOGIN", || negotiated(0x7100_0000)),
        spoken("0x71000001", "7.1 revision 1", "", || negotiated(0x7100_0001)),
        spoken("0x72090002", "7.2", "", || negotiated(0x7209_0002)),
        spoken("0x730a0003", "7.3 A", "", || negotiated(0x730A_0003)),
        spoken("0x730b0003", "7.3 B", "", || negotiated(0x730B_0003)),
        spoken("0x74000004", "7.4", "", || negotiated(0x7400_0004)),
        spoken("0x08000000", "8.0", "in strict connections; 7.4 in others", || negotiated(0x0800_0000)),
    ]
}

/// Whether a message of this type comes out of its packets whole.
fn joined(kind: PacketType) -> bool {
    let mut assembler = Assembler::new();
    assembler.push(&packets(kind, 0, 512, &[7; 900]));
    assembler.next(4096).is_ok_and(|message| message.is_some_and(|message| message.kind == kind))
}

fn messages() -> Vec<Row> {
    vec![
        spoken("0x01", "SQL batch", "", || SqlBatch::decode(&hex(TEDIOUS_BATCH), TdsVersion::V7_4).is_ok()),
        refused("0x02", "login before TDS 7", "17802", || LegacyLogin::decode(&hex(TSQL_4_2)).is_ok()),
        spoken("0x03", "remote procedure call", "", || Rpc::decode(&hex(PYTDS_EXECUTE), TdsVersion::V7_4).is_ok()),
        spoken("0x04", "reply", "", || joined(PacketType::REPLY)),
        spoken("0x06", "attention", "answered with DONE (0x20)", || joined(PacketType::ATTENTION)),
        refused("0x07", "bulk load", "4002; INSERT BULK before it is 208", || joined(PacketType::BULK_LOAD)),
        not_spoken("0x08", "FEDAUTH token", "such a login is refused before"),
        spoken("0x0e", "transaction manager request", "begin, commit, rollback; others are 8501", || {
            TransactionRequest::decode(&hex(TEDIOUS_BEGIN), TdsVersion::V7_4) == Ok(TransactionRequest::Begin)
        }),
        spoken("0x10", "LOGIN7", "", || Login7::decode(&hex(ODBC_LOGIN)).is_ok()),
        not_spoken("0x11", "SSPI", "such a login is refused before"),
        spoken("0x12", "PRELOGIN", "TLS handshakes travel in it", || Prelogin::decode(&hex(TSQL_PRELOGIN)).is_ok()),
        not_spoken("0x53", "SMP (MARS)", "MARS is answered off"),
    ]
}

/// Whether the reply to a real PRELOGIN has this option.
fn answered(token: u8) -> bool {
    let bytes = hex(TEDIOUS_PRELOGIN);
    let request = Prelogin::decode(&bytes).unwrap();
    request.option(token).is_some() && request.reply([16, 0, 3, 232, 0, 0], Encryption::Off).option(token).is_some()
}

fn prelogin() -> Vec<Row> {
    vec![
        spoken("0x00", "VERSION", "", || answered(Prelogin::VERSION)),
        spoken("0x01", "ENCRYPTION", "", || answered(Prelogin::ENCRYPTION)),
        spoken("0x02", "INSTOPT", "every instance is this one", || answered(Prelogin::INSTOPT)),
        spoken("0x03", "THREADID", "", || answered(Prelogin::THREADID)),
        spoken("0x04", "MARS", "off", || answered(Prelogin::MARS)),
        spoken("0x05", "TRACEID", "", || answered(Prelogin::TRACEID)),
        spoken("0x06", "FEDAUTHREQUIRED", "0", || answered(Prelogin::FEDAUTHREQUIRED)),
        not_spoken("0x07", "NONCE", "left out of the reply"),
    ]
}

/// Whether ENCRYPTION's value means this.
fn means(value: u8, expected: Encryption) -> bool {
    let bytes = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0, value];
    Prelogin::decode(&bytes).is_ok_and(|prelogin| prelogin.encryption() == Some(expected))
}

fn encryption() -> Vec<Row> {
    vec![
        spoken("2", "none", "", || means(2, Encryption::NotSupported)),
        spoken("0", "the login packet only", "", || means(0, Encryption::Off)),
        spoken("1", "the whole connection", "", || means(1, Encryption::On)),
        spoken("3", "the whole connection, or none", "", || means(3, Encryption::Required)),
        spoken("TLS first", "strict", "ALPN `tds/8.0`; ENCRYPTION says nothing", || negotiated(0x0800_0000)),
        not_spoken("0x80", "client certificate", "the bit is passed over"),
    ]
}

fn login_with(id: u8, data: &[u8]) -> Login7 {
    let features = vec![Feature { id, data: data.to_vec() }];
    Login7::decode(&Login7 { features, ..Login7::default() }.encode().unwrap()).unwrap()
}

fn logins() -> Vec<Row> {
    vec![
        spoken("-", "user and password", "", || !Login7::decode(&hex(TSQL_7_1)).unwrap().integrated()),
        refused("fIntSecurity", "integrated (SSPI)", "18452; 17806 when it is no SSPI", || {
            Login7 { sspi: vec![0x60], ..Login7::default() }.integrated()
        }),
        refused("FEDAUTH", "token", "18456, state 102", || {
            login_with(2, &[5, 1]).fed_auth().is_some_and(|asked| asked.library == FedAuthLibrary::Entra)
        }),
        not_spoken("ChangePassword", "new password", "read, and not kept"),
        not_spoken("AtchDBFile", "attached file", "read, and not kept"),
    ]
}

/// Whether a feature with this data is acknowledged so that our own decoder reads it.
fn acknowledged(id: u8, data: &[u8]) -> bool {
    let feature = Feature { id, data: data.to_vec() };
    feature.acknowledged().is_some_and(|answer| {
        let bytes = Token::encode_all(&[Token::FeatureExtAck(vec![answer.clone()])], TdsVersion::V7_4);
        Token::decode_all(&bytes, TdsVersion::V7_4) == Ok(vec![Token::FeatureExtAck(vec![answer])])
    })
}

fn features() -> Vec<Row> {
    vec![
        spoken("0x01", "SESSIONRECOVERY", "database and language are taken up again", || acknowledged(1, &[])),
        refused("0x02", "FEDAUTH", "18456, state 102", || login_with(2, &[2, 0, 0, 0, 0]).fed_auth().is_some()),
        spoken("0x04", "COLUMNENCRYPTION", "version 1, without enclaves; no column is encrypted", || {
            acknowledged(4, &[3])
        }),
        not_spoken("0x05", "GLOBALTRANSACTIONS", "read, left out: Azure SQL's"),
        not_spoken("0x08", "AZURESQLSUPPORT", "read, left out: Azure SQL's"),
        spoken("0x09", "DATACLASSIFICATION", "version 2; no column is classified", || acknowledged(9, &[2])),
        spoken("0x0a", "UTF8_SUPPORT", "", || acknowledged(0x0A, &[1])),
        not_spoken("0x0b", "AZURESQLDNSCACHING", "read, left out: Azure SQL's"),
        not_spoken("0x0d", "JSONSUPPORT", "left out: SQL Server 2022 does not know it"),
        not_spoken("0x0e", "VECTORSUPPORT", "left out: SQL Server 2022 does not know it"),
        not_spoken("0x0f", "ENHANCEDROUTINGSUPPORT", "left out: Azure SQL's"),
        not_spoken("0x10", "USERAGENT", "left out: SQL Server 2022 does not know it"),
    ]
}
