//! Rows: tokens, ENVCHANGE, procedures, data types.

use super::super::captures::hex;
use super::super::{Error, Procedure, Rpc, TdsVersion, Token};
use super::{Row, Section, not_spoken, refused, spoken};

pub(super) fn sections() -> Vec<Section> {
    vec![
        Section { title: "Tokens", rows: tokens() },
        Section { title: "ENVCHANGE", rows: env_changes() },
        Section { title: "Procedures", rows: procedures() },
        Section { title: "Data types of parameters", rows: types() },
    ]
}

/// Whether these bytes are tokens that are written as they were read.
fn same(bytes: &str) -> bool {
    let bytes = hex(bytes);
    let tokens = Token::decode_all(&bytes, TdsVersion::V7_4).unwrap();
    Token::encode_all(&tokens, TdsVersion::V7_4) == bytes
}

fn tokens() -> Vec<Row> {
    vec![
        not_spoken("0x78", "OFFSET", ""),
        spoken("0x79", "RETURNSTATUS", "", || same("79 00000000")),
        spoken("0x81", "COLMETADATA", "INTN, NUMERICN, NVARCHAR", || same("81 0100 00000000 0100 26 04 01 6100")),
        not_spoken("0x88", "ALTMETADATA", ""),
        not_spoken("0xa3", "DATACLASSIFICATION", "no column is classified"),
        not_spoken("0xa4", "TABNAME", ""),
        not_spoken("0xa5", "COLINFO", ""),
        not_spoken("0xa9", "ORDER", ""),
        spoken("0xaa", "ERROR", "", || same("aa 1400 18480000 01 0e 0200 6e006f00 01 5300 00 01000000")),
        spoken("0xab", "INFO", "", || same("ab 1400 45160000 02 00 0200 6e006f00 01 5300 00 01000000")),
        spoken("0xac", "RETURNVALUE", "", || same("ac 0000 00 01 00000000 0100 26 04 04 07000000")),
        spoken("0xad", "LOGINACK", "", || same("ad 0c00 01 74000004 01 4d00 100003e8")),
        spoken("0xae", "FEATUREEXTACK", "", || same("ae 0a 01000000 01 ff")),
        spoken("0xd1", "ROW", "", || same("81 0100 00000000 0100 26 04 00 d1 04 07000000")),
        not_spoken("0xd2", "NBCROW", ""),
        not_spoken("0xd3", "ALTROW", ""),
        spoken("0xe3", "ENVCHANGE", "", || same("e3 0700 01 01 6100 01 6200")),
        not_spoken("0xe4", "SESSIONSTATE", "no state changes that a client would have to bring back"),
        not_spoken("0xed", "SSPI", "integrated logins are refused at once"),
        not_spoken("0xee", "FEDAUTHINFO", "token logins are refused at once"),
        spoken("0xfd", "DONE", "", || same("fd 1000 c100 0100000000000000")),
        spoken("0xfe", "DONEPROC", "", || same("fe 0000 0000 0000000000000000")),
        spoken("0xff", "DONEINPROC", "", || same("ff 1100 c100 0100000000000000")),
    ]
}

fn env_changes() -> Vec<Row> {
    vec![
        spoken("1", "database", "", || same("e3 0700 01 01 6100 01 6200")),
        spoken("2", "language", "", || same("e3 0500 02 01 6100 00")),
        not_spoken("3, 5, 6", "character set, sorting", "of TDS 7.0 only, and not needed there"),
        spoken("4", "packet size", "", || same("e3 0b00 04 02 38003000 02 34003000")),
        spoken("7", "collation", "from TDS 7.1 on", || same("e3 0800 07 05 0904d00034 00")),
        spoken("8", "transaction begun", "from TDS 7.2 on", || same("e3 0b00 08 08 0100000000000000 00")),
        spoken("9", "transaction committed", "from TDS 7.2 on", || same("e3 0b00 09 00 08 0100000000000000")),
        spoken("10", "transaction rolled back", "from TDS 7.2 on", || same("e3 0b00 0a 00 08 0100000000000000")),
        not_spoken("11, 12, 15-17", "distributed transactions", "such requests are 8501"),
        not_spoken("13", "mirroring partner", ""),
        spoken("18", "session reset", "", || same("e3 0300 12 00 00")),
        not_spoken("19", "user instance", ""),
        spoken("20", "routing", "", || same("e3 0c00 14 0700 00 9905 0100 6400 0000")),
    ]
}

fn is(id: u16, name: &str) -> bool {
    Procedure::Id(id).name() == name
}

fn procedures() -> Vec<Row> {
    vec![
        refused("1", "sp_cursor", "2812", || is(1, "sp_cursor")),
        refused("2", "sp_cursoropen", "2812", || is(2, "sp_cursoropen")),
        refused("3", "sp_cursorprepare", "2812", || is(3, "sp_cursorprepare")),
        refused("4", "sp_cursorexecute", "2812", || is(4, "sp_cursorexecute")),
        refused("5", "sp_cursorprepexec", "2812", || is(5, "sp_cursorprepexec")),
        refused("6", "sp_cursorunprepare", "2812", || is(6, "sp_cursorunprepare")),
        refused("7", "sp_cursorfetch", "2812", || is(7, "sp_cursorfetch")),
        refused("8", "sp_cursoroption", "2812", || is(8, "sp_cursoroption")),
        refused("9", "sp_cursorclose", "2812", || is(9, "sp_cursorclose")),
        spoken("10", "sp_executesql", "", || is(10, "sp_executesql")),
        spoken("11", "sp_prepare", "", || is(11, "sp_prepare")),
        spoken("12", "sp_execute", "", || is(12, "sp_execute")),
        spoken("13", "sp_prepexec", "", || is(13, "sp_prepexec")),
        spoken("14", "sp_prepexecrpc", "of a procedure that is answered itself", || is(14, "sp_prepexecrpc")),
        spoken("15", "sp_unprepare", "", || is(15, "sp_unprepare")),
        spoken("-", "sp_reset_connection", "by name, by EXEC, and by the packet's status bits", || is(16, "")),
        refused("-", "any other", "2812", || is(17, "")),
    ]
}

/// A parameter of this type and value, and one behind it that must still be found.
fn read(kind_and_value: &str) -> Result<usize, Error> {
    let bytes = [hex("04000000 0100 7000 0000 0000"), hex(kind_and_value), hex("0000 26 04 04 09000000")].concat();
    let rpc = Rpc::decode(&bytes, TdsVersion::V7_4)?;
    assert_eq!(rpc.calls[0].parameters.last().and_then(|last| last.as_int()), Some(9));
    Ok(rpc.calls[0].parameters.len())
}

fn found(kind_and_value: &str) -> bool {
    read(kind_and_value) == Ok(2)
}

fn unknown(id: u32, kind_and_value: &str) -> bool {
    read(kind_and_value) == Err(Error::Unknown { what: "data type", value: id })
}

fn types() -> Vec<Row> {
    vec![
        spoken("0x1f", "NULL", "", || found("1f")),
        spoken("0x26, 0x30, 0x34, 0x38, 0x7f", "integers", "", || {
            ["26 08 08 0100000000000000", "30 01", "34 0100", "38 01000000", "7f 0100000000000000"]
                .iter()
                .all(|it| found(it))
        }),
        spoken("0x32, 0x68", "BIT", "", || found("32 01") && found("68 01 00")),
        spoken("0x3b, 0x3e, 0x6d", "FLOAT", "", || {
            found("3b 00000000") && found("3e 0000000000000000") && found("6d 04 04 00000000")
        }),
        spoken("0x37, 0x3f, 0x6a, 0x6c", "DECIMAL, NUMERIC", "", || {
            found("37 05 09 00 00")
                && found("3f 05 09 00 00")
                && found("6a 05 09 00 05 0107000000")
                && found("6c 11 26 00 00")
        }),
        spoken("0x3c, 0x7a, 0x6e", "MONEY", "", || {
            found("3c 0000000000000000") && found("7a 00000000") && found("6e 08 04 00000000")
        }),
        spoken("0x3a, 0x3d, 0x6f", "DATETIME", "", || {
            found("3a 00000000") && found("3d 0000000000000000") && found("6f 08 00")
        }),
        spoken("0x28 to 0x2b", "DATE, TIME, DATETIME2, DATETIMEOFFSET", "", || {
            found("28 03 664a0b") && found("29 07 00") && found("2a 07 00") && found("2b 07 00")
        }),
        spoken("0x24", "UNIQUEIDENTIFIER", "", || found("24 10 00")),
        spoken("0x25, 0x27, 0x2d, 0x2f", "short BINARY and CHAR", "", || {
            found("25 02 01 07") && found("27 02 00") && found("2d 02 00") && found("2f 02 02 6161")
        }),
        spoken("0xa5, 0xad", "VARBINARY, BINARY", "VARBINARY(max) too", || {
            found("a5 0800 0100 07") && found("a5 ffff ffffffffffffffff") && found("ad 0100 ffff")
        }),
        spoken("0xa7, 0xaf, 0xe7, 0xef", "VARCHAR, CHAR, NVARCHAR, NCHAR", "the (max) types too", || {
            found("a7 0800 0904d00034 0100 61")
                && found("af 0100 0904d00034 0100 61")
                && found("e7 ffff 0904d00034 feffffffffffffff 02000000 6100 00000000")
                && found("ef 0200 0904d00034 ffff")
        }),
        spoken("0x22, 0x23, 0x63", "IMAGE, TEXT, NTEXT", "", || {
            found("22 01000000 01000000 07")
                && found("23 01000000 0904d00034 ffffffff")
                && found("63 00000000 0904d00034 00000000")
        }),
        spoken("0x62", "SQL_VARIANT", "", || found("62 11000000 00000000")),
        spoken("0xf1", "XML", "", || found("f1 00 0000000000000000 00000000")),
        spoken("0xf0", "UDT", "", || found("f0 00 00 01 7500 ffffffffffffffff")),
        spoken("0xf3", "table", "passed over", || found("f3 00 00 01 7400 ffff 00 00")),
        refused("0xf4", "JSON", "8009: SQL Server 2022 does not know it", || unknown(0xF4, "f4")),
        refused("0xf5", "VECTOR", "8009: SQL Server 2022 does not know it", || unknown(0xF5, "f5")),
        spoken("fEncrypted", "an encrypted value", "read to its end, not decrypted", || {
            // A flag in the first parameter makes ParamCipherInfo follow.
            let info = hex(
                "04000000 0100 7000 0000 00 08 a5 0800 0100 07 26 04 02 01 05000000 01000000 01000000 0100000000000000 01",
            );
            Rpc::decode(&info, TdsVersion::V7_4).is_ok_and(|rpc| rpc.calls[0].parameters[0].cipher.len() == 25)
        }),
    ]
}
