//! The private files of `/etc`. They are written on a tmpfs over `/proc`, which every system has and which is free for
//! that moment; each is bound over its original, and the tmpfs is taken away again, so that only the binds hold it.
//!
//! The choice not taken: temporary files on a disk, which a killed process leaves behind.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::report::{At, Failed};
use super::{EnclosureStep, mounts};

const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

/// Where the name service cache listens; asked before any file is read.
const CACHE_SOCKETS: [&str; 2] = ["/run/nscd", "/var/run/nscd"];

/// Replaces `/etc/hosts`, and with `offline` whatever else would look up a name.
pub(super) fn replace(hosts: &[(IpAddr, String)], offline: bool, notices: &mut Vec<String>) -> Result<(), Failed> {
    let own_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut wanted = vec![("hosts", hosts_file(hosts, &own_name))];
    if offline {
        // Absent where the C library is not glibc, and then of no use.
        let current = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
        wanted.push(("nsswitch.conf", switch_file(&current)));
        wanted.push(("resolv.conf", RESOLV_CONF.to_owned()));
        hide_caches(notices);
    }
    let place = Path::new("/proc");
    mounts::tmpfs(place).at(EnclosureStep::Mount)?;
    let bound = wanted.iter().try_for_each(|(name, text)| bind(place, name, text, notices));
    mounts::detach(place).at(EnclosureStep::Mount)?;
    bound
}

fn bind(place: &Path, name: &str, text: &str, notices: &mut Vec<String>) -> Result<(), Failed> {
    let (file, target) = (place.join(name), Path::new("/etc").join(name));
    fs::write(&file, text).at(EnclosureStep::PrivateFile)?;
    // Whatever the umask is, every user may read it.
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).at(EnclosureStep::PrivateFile)?;
    match mounts::bind(&file, &target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            notices.push(format!("there is no file {} to replace", target.display()));
            Ok(())
        }
        bound => bound.at(EnclosureStep::PrivateFile),
    }
}

fn hide_caches(notices: &mut Vec<String>) {
    let mut hidden = Vec::new();
    // The second is mostly a link to the first.
    for directory in CACHE_SOCKETS.iter().filter_map(|path| fs::canonicalize(path).ok()) {
        if hidden.contains(&directory) {
            continue;
        }
        if let Err(error) = mounts::tmpfs(&directory) {
            notices.push(format!("{} could not be hidden, so nscd may answer for names: {error}", directory.display()));
        }
        hidden.push(directory);
    }
}

/// The text of `/etc/hosts`. A machine's own name stays known, because programs look it up to tell who they are.
fn hosts_file(hosts: &[(IpAddr, String)], own_name: &str) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    for (address, name) in hosts {
        let _ = writeln!(text, "{address} {name}");
    }
    if !own_name.is_empty() && own_name != "localhost" && hosts.iter().all(|(_, name)| name != own_name) {
        let _ = writeln!(text, "127.0.0.1 {own_name}");
    }
    text
}

/// `current` with the line for hosts replaced: users and groups are looked up as before.
fn switch_file(current: &str) -> String {
    let mut text = "hosts: files\n".to_owned();
    for line in current.lines().filter(|line| !line.trim_start().starts_with("hosts:")) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_are_localhost_those_given_and_this_machine() {
        let given = [("198.18.0.2".parse().unwrap(), "db.example".to_owned())];
        let text = hosts_file(&given, "me");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "127.0.0.1 localhost");
        assert_eq!(lines[2..], ["198.18.0.2 db.example", "127.0.0.1 me"]);
        assert_eq!(hosts_file(&given, "db.example").lines().count(), 3, "a name that is given is not ours");
    }

    #[test]
    fn only_the_line_for_hosts_is_switched() {
        let text = switch_file("passwd: files sss\nhosts:  files dns\n");
        assert_eq!(text, "hosts: files\npasswd: files sss\n");
    }
}
