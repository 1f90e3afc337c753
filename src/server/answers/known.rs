//! What SQL Server 2022 says about itself and its session: a table, and no more than drivers and pools ask for.

use super::super::session::{BUILD, Session};
use super::SERVER;
use crate::tds::{ColumnType, Value};

/// A value and its type.
pub(super) type Cell = (ColumnType, Value);

/// What `SELECT @@VERSION` says.
const VERSION: &str = concat!(
    "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64) \n\tclosewait ",
    env!("CARGO_PKG_VERSION"),
    ", an embedded stand-in for login failures"
);

const COLLATION: &str = "SQL_Latin1_General_CP1_CI_AS";

/// sysname: 128 characters.
const SYSNAME: ColumnType = ColumnType::NVarChar(256);

const fn int(value: i32) -> Cell {
    (ColumnType::Int, Value::Int(value))
}

const fn tiny(value: u8) -> Cell {
    (ColumnType::TinyInt, Value::TinyInt(value))
}

const fn small(value: i16) -> Cell {
    (ColumnType::SmallInt, Value::SmallInt(value))
}

fn name(value: &str) -> Cell {
    (SYSNAME, Value::Text(value.to_owned()))
}

/// A text of its own length.
pub(super) fn text(value: String) -> Cell {
    let units = value.encode_utf16().count().clamp(1, 4000);
    (ColumnType::NVarChar(u16::try_from(units * 2).unwrap_or(8000)), Value::Text(value))
}

/// A variable of the server, by its name in upper case.
pub(super) fn variable(variable: &str, session: &Session) -> Option<Cell> {
    let [major, minor, build_high, build_low, ..] = BUILD;
    Some(match variable {
        "@@VERSION" => (ColumnType::NVarChar(600), Value::Text(VERSION.to_owned())),
        // Session ids stay below 32,768.
        "@@SPID" => small(i16::try_from(session.spid).unwrap_or(i16::MAX)),
        "@@TRANCOUNT" => int(i32::try_from(session.transactions).unwrap_or(i32::MAX)),
        "@@MICROSOFTVERSION" => int(i32::from_be_bytes([major, minor, build_high, build_low])),
        "@@MAX_PRECISION" => tiny(38),
        // ANSI defaults as ODBC sets them: 5496 in decimal.
        "@@OPTIONS" => int(5496),
        "@@SERVERNAME" => name(SERVER),
        "@@SERVICENAME" => name("MSSQLSERVER"),
        "@@LANGUAGE" => name(&session.language),
        "@@LANGID" => small(0),
        "@@ROWCOUNT" | "@@ERROR" | "@@NESTLEVEL" | "@@FETCH_STATUS" | "@@PROCID" => int(0),
        "@@LOCK_TIMEOUT" => int(-1),
        "@@TEXTSIZE" => int(4096),
        "@@MAX_CONNECTIONS" => int(32_767),
        "@@DATEFIRST" => tiny(7),
        // Nothing was ever inserted here.
        "@@IDENTITY" => (ColumnType::Numeric, Value::Null),
        _ => return None,
    })
}

/// A function, or a keyword that is one, by its name in upper case and its argument; a missing argument is empty.
pub(super) fn function(function: &str, argument: &str, session: &Session) -> Option<Cell> {
    Some(match (function, argument) {
        ("DB_NAME" | "ORIGINAL_DB_NAME", "") => name(&session.database),
        ("DB_ID", "") => small(if session.database.eq_ignore_ascii_case("master") { 1 } else { 5 }),
        ("SUSER_SNAME" | "SUSER_NAME" | "ORIGINAL_LOGIN" | "SYSTEM_USER", "") => name(&session.user),
        ("USER_NAME" | "CURRENT_USER" | "SESSION_USER" | "USER" | "SCHEMA_NAME", "") => name("dbo"),
        ("HOST_NAME", "") => name(&session.host),
        ("APP_NAME", "") => name(&session.app),
        ("XACT_STATE", "") => small(i16::from(session.transactions > 0)),
        ("SCOPE_IDENTITY", "") => (ColumnType::Numeric, Value::Null),
        ("SERVERPROPERTY", property) => server_property(property),
        _ => return None,
    })
}

/// A property of the server. Where SQL Server has a sql_variant, its base type goes over the wire, since every driver
/// reads that. One that is not known is NULL, as there.
fn server_property(property: &str) -> Cell {
    let upper = property.to_uppercase();
    match upper.as_str() {
        "PRODUCTVERSION" => name("16.0.1000.6"),
        "PRODUCTLEVEL" => name("RTM"),
        "PRODUCTMAJORVERSION" => name("16"),
        "PRODUCTMINORVERSION" => name("0"),
        "PRODUCTBUILD" => name("1000"),
        "EDITION" => name("Developer Edition (64-bit)"),
        "ENGINEEDITION" => int(3),
        "SERVERNAME" | "MACHINENAME" | "COMPUTERNAMEPHYSICALNETBIOS" => name(SERVER),
        "COLLATION" => name(COLLATION),
        "ISCLUSTERED" | "ISHADRENABLED" | "ISINTEGRATEDSECURITYONLY" | "ISSINGLEUSER" | "ISLOCALDB" => int(0),
        "LCID" => int(1033),
        _ => (SYSNAME, Value::Null),
    }
}
