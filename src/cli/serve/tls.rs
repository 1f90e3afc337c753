//! `closewait serve`: what is encrypted, by which certificate, and where a client gets it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::destination::{self, Kind};
use crate::cli::failure::Failure;
use crate::cli::named::named;
use crate::server::{Server, TlsConfig, TlsMode};

/// What is encrypted.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// What is encrypted [default: whatever the client asks for]
    ///
    /// off     nothing; a client that requires TLS gives up
    /// login   as SQL Server before 2022: the login packet alone, or
    ///         everything where the client asks for it; no TDS 8.0
    /// on      as with Force Encryption: everything, by TDS 8.0 too
    /// strict  as with Force Strict Encryption: TDS 8.0 alone
    #[arg(
        long = "tls",
        value_name = "MODE",
        value_parser = named::<TlsMode>,
        help_heading = "TLS",
        verbatim_doc_comment
    )]
    mode: Option<TlsMode>,

    /// The certificate chain, in PEM [default: one that is made at the start]
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    certificate: Option<PathBuf>,

    /// The key of --certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "TLS")]
    key: Option<PathBuf>,

    /// One more name or IP address for the certificate that is made at the start, beside localhost, the machine's name,
    /// 127.0.0.1 and ::1; repeatable
    #[arg(long = "tls-name", value_name = "NAME", conflicts_with = "certificate", help_heading = "TLS")]
    names: Vec<String>,

    /// Write the certificate and its CA to this file, in PEM, before the ready line: what a strict client has to trust
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    write_certificate: Option<PathBuf>,
}

impl TlsArgs {
    /// What the server is to do; refuses what contradicts itself.
    pub(super) fn config(&self) -> Result<TlsConfig, Failure> {
        let certificate = self.certificate.clone().zip(self.key.clone());
        let unused = if certificate.is_some() {
            Some("--certificate")
        } else if !self.names.is_empty() {
            Some("--tls-name")
        } else {
            self.write_certificate.as_ref().map(|_| "--write-certificate")
        };
        if let (Some(TlsMode::Off), Some(option)) = (self.mode, unused) {
            return Err(Failure::usage(anyhow::anyhow!("use {option}: --tls off has no certificate"))
                .hint("--tls login, on or strict, or no --tls for whatever the client asks for"));
        }
        if let Some(path) = &self.write_certificate {
            destination::may_go([(Kind::Certificate, path.as_path())])?;
        }
        Ok(TlsConfig { mode: self.mode, certificate, names: self.names.clone() })
    }

    /// Writes the certificate of a server that listens, if that was asked for.
    pub(super) fn write_certificate(&self, server: &Server) -> Result<(), Failure> {
        let Some(path) = &self.write_certificate else { return Ok(()) };
        replace(path, &server.certificate())
            .with_context(|| format!("write {}", path.display()))
            .map_err(Failure::machine)
    }
}

/// Writes the whole file or nothing, whoever reads it meanwhile.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().ok_or(std::io::ErrorKind::IsADirectory)?.to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| {
        // It is not there where it could not be made.
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        fs::write(&path, "an older and longer certificate").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        fs::create_dir(dir.path().join("taken")).unwrap();
        assert!(replace(&dir.path().join("taken"), "new").is_err(), "a directory is not replaced");
        assert!(replace(&dir.path().join(".."), "new").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
