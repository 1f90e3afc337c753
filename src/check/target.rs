//! The server as the command knows it: names, addresses, and what stands in its arguments and its environment.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::Error;
use crate::sandbox::is_reserved;
use crate::units::HostPort;

/// The server's name where none is asked for; `.test` belongs to nobody (RFC 6761).
pub const NAME: &str = "sql.test";

/// The login that the command is given. The server refuses it, or takes any.
const USER: &str = "app";
const PASSWORD: &str = "closewait-Check1";

/// Where servers listen, and how the command's host comes to know them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Lines of the command's /etc/hosts.
    pub(super) hosts: Vec<(IpAddr, String)>,
    /// Addresses that the server's host is given.
    pub(super) addresses: Vec<IpAddr>,
    /// Where servers listen on the server's host.
    pub(super) remote: Vec<SocketAddr>,
    /// Where servers listen on the command's own host.
    pub(super) local: Vec<SocketAddr>,
}

impl Plan {
    /// What it takes that each of `aliases` is the server; the hosts of the command and of the server have these addresses,
    /// or one where they are one.
    pub(super) fn new(aliases: &[HostPort], client: IpAddr, server: IpAddr) -> Self {
        let mut plan = Self::default();
        for alias in aliases {
            // An address alone, and not every one of its host: what is not the server must not pass for it.
            match address(alias) {
                None if is_localhost(alias) => {
                    add(&mut plan.local, (Ipv4Addr::LOCALHOST, alias.port).into());
                    add(&mut plan.local, (Ipv6Addr::LOCALHOST, alias.port).into());
                }
                Some(own) if own.is_loopback() || own == client => add(&mut plan.local, (own, alias.port).into()),
                Some(address) => {
                    add(&mut plan.addresses, address);
                    add(&mut plan.remote, (address, alias.port).into());
                }
                None => {
                    add(&mut plan.hosts, (server, alias.host.clone()));
                    let listen = if server == client { &mut plan.local } else { &mut plan.remote };
                    add(listen, (server, alias.port).into());
                }
            }
        }
        plan
    }
}

/// The address that a host is, as it is on the wire; none of a name.
pub(super) fn address(alias: &HostPort) -> Option<IpAddr> {
    alias.host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Whether a name means the command's own host.
pub(super) fn is_localhost(alias: &HostPort) -> bool {
    alias.host.eq_ignore_ascii_case("localhost")
}

pub(super) fn add<T: PartialEq>(to: &mut Vec<T>, it: T) {
    if !to.contains(&it) {
        to.push(it);
    }
}

/// Refuses what cannot be a host: the resolver would never ask for it.
///
/// # Errors
/// When a name has characters that no host name has, or is too long.
pub(super) fn check(alias: &HostPort) -> Result<(), Error> {
    let host = &alias.host;
    if let Some(ip) = address(alias) {
        // A link-local one means nothing without its link, and no `--as` can name that.
        let needs_a_link = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        let nobody = ip.is_unspecified() || ip.is_multicast() || broadcast || needs_a_link || is_reserved(ip);
        return if nobody { Err(Error::Alias(host.clone())) } else { Ok(()) };
    }
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // `127.1` and `0x7f.1` are addresses to the resolver (inet_aton(3)), which asks nobody for them.
    let is_hex = |label: &str| {
        label
            .strip_prefix("0x")
            .or(label.strip_prefix("0X"))
            .is_some_and(|it| it.chars().all(|c| c.is_ascii_hexdigit()))
    };
    let numbers = host.split('.').all(|label| is_hex(label) || label.chars().all(|c| c.is_ascii_digit()));
    if host.len() <= 253 && !numbers && host.trim_end_matches('.').split('.').all(label) {
        Ok(())
    } else {
        Err(Error::Alias(host.clone()))
    }
}

/// What the command is told about its server.
#[derive(Debug, Clone)]
pub(super) struct Told(HostPort);

impl Told {
    pub(super) const fn new(target: HostPort) -> Self {
        Self(target)
    }

    /// Placeholders and what stands for them; a variable of the environment has the same name in capitals.
    fn values(&self) -> [(&'static str, String); 6] {
        let (target, HostPort { host, port }) = (&self.0, &self.0);
        // A client that encrypts meets a certificate made for this check: it is told to trust it.
        [
            ("host", host.clone()),
            ("port", port.to_string()),
            ("url", format!("mssql://{USER}:{PASSWORD}@{target}/master?encrypt=false&trustServerCertificate=true")),
            (
                "ado",
                format!(
                    "Server=tcp:{host},{port};Database=master;User ID={USER};Password={PASSWORD};Encrypt=False;TrustServerCertificate=True"
                ),
            ),
            (
                "odbc",
                format!(
                    "Driver={{ODBC Driver 18 for SQL Server}};Server=tcp:{host},{port};Database=master;UID={USER};PWD={PASSWORD};Encrypt=no;TrustServerCertificate=yes"
                ),
            ),
            (
                "jdbc",
                format!(
                    "jdbc:sqlserver://{host}:{port};databaseName=master;user={USER};password={PASSWORD};encrypt=false;trustServerCertificate=true"
                ),
            ),
        ]
    }

    /// An argument with its placeholders filled in; other braces stay.
    pub(super) fn fill(&self, argument: &OsString) -> OsString {
        let mut bytes = argument.as_bytes().to_vec();
        for (name, value) in self.values() {
            bytes = replaced(&bytes, format!("{{{name}}}").as_bytes(), value.as_bytes());
        }
        OsString::from_vec(bytes)
    }

    /// The environment's variables.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let values =
            self.values().into_iter().map(|(name, value)| (format!("CLOSEWAIT_{}", name.to_uppercase()), value));
        let login = [("USER", USER), ("PASSWORD", PASSWORD)];
        let login = login.map(|(name, value)| (format!("CLOSEWAIT_{name}"), value.to_owned()));
        values.chain(login).map(|(name, value)| (name.into(), value.into())).collect()
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(text: &str) -> HostPort {
        text.parse().unwrap()
    }

    #[test]
    fn names_addresses_and_localhost_go_to_their_hosts() {
        let (client, server): (IpAddr, IpAddr) = ([198, 18, 0, 1].into(), [198, 18, 0, 2].into());
        let aliases = ["db.prod:1433", "10.1.2.3:1444", "localhost:1433", "db2.prod:1433", "[fd12::1]:1433"].map(alias);
        let plan = Plan::new(&aliases, client, server);
        assert_eq!(plan.hosts, [(server, "db.prod".to_owned()), (server, "db2.prod".to_owned())]);
        assert_eq!(plan.addresses, ["10.1.2.3", "fd12::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
        assert_eq!(plan.remote, ["198.18.0.2:1433", "10.1.2.3:1444", "[fd12::1]:1433"].map(|at| at.parse().unwrap()));
        assert_eq!(plan.local, ["127.0.0.1:1433", "[::1]:1433"].map(|at| at.parse().unwrap()));

        // Where both are one host, a name and localhost are one listener.
        let one: IpAddr = Ipv4Addr::LOCALHOST.into();
        let plan = Plan::new(&["db.prod:1433", "localhost:1433"].map(alias), one, one);
        assert_eq!((plan.remote.len(), plan.local.len()), (0, 2), "{plan:?}");
    }

    #[test]
    fn addresses_of_the_commands_own_host_are_listened_on_there() {
        let aliases = ["127.5.5.5:1433", "[::1]:1434", "198.18.0.1:1433", "[::ffff:10.0.0.1]:1433", "10.0.0.1:1433"];
        let plan = Plan::new(&aliases.map(alias), [198, 18, 0, 1].into(), [198, 18, 0, 2].into());
        assert_eq!(plan.local, ["127.5.5.5:1433", "[::1]:1434", "198.18.0.1:1433"].map(|at| at.parse().unwrap()));
        assert_eq!(plan.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()], "mapped and not are one");
        assert_eq!(plan.remote, ["10.0.0.1:1433".parse().unwrap()]);
    }

    #[test]
    fn what_cannot_be_a_host_is_refused() {
        for good in ["db", "db.prod.example", "10.1.2.3", "[fd12::1]", "a_b-c.d", "localhost", "127.5.5.5", "0xd.test"]
        {
            assert!(check(&alias(&format!("{good}:1433"))).is_ok(), "{good}");
        }
        let names = ["-db", "db..prod", "d$b", "ümlaut", &"x".repeat(64)];
        let numbers = ["300.1.2.3", "0.0.0.0", "224.0.0.1", "127.1", "0x7f.1", "0X7F000001", "198.18.0.3"];
        let six = ["[::]", "[ff02::1]", "[fe80::1]", "[::ffff:0.0.0.0]", "[::ffff:224.0.0.1]"];
        for bad in names.into_iter().chain(numbers).chain(six) {
            assert!(check(&alias(&format!("{bad}:1433"))).is_err(), "{bad}");
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let told = Told::new(alias("sql.test:1433"));
        let filled = |text: &str| told.fill(&text.into()).into_string().unwrap();
        assert_eq!(filled("--server={host},{port}"), "--server=sql.test,1433");
        assert_eq!(filled("{\"a\":{b}}"), "{\"a\":{b}}");
        assert!(filled("{jdbc}").starts_with("jdbc:sqlserver://sql.test:1433;"));
        assert!(filled("{odbc}").contains("{ODBC Driver 18"), "what was filled in is not searched again");
        let environment = told.environment();
        for name in ["HOST", "PORT", "USER", "PASSWORD", "URL", "ADO", "ODBC", "JDBC"] {
            assert!(environment.iter().any(|(key, _)| key == format!("CLOSEWAIT_{name}").as_str()), "{name}");
        }
    }
}
