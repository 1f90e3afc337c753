//! Another implementation, where it is installed: OpenSSL's client in strict mode, over TCP.

use std::process::Stdio;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::*;

#[tokio::test]
async fn openssl_verifies_the_printed_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("ca.pem");
    std::fs::write(&pem, identity().pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let table = [
        (Credential::Good, "-tls1_2", "db.test", "Verify return code: 0 (ok)"),
        (Credential::Good, "-tls1_3", "localhost", "Verify return code: 0 (ok)"),
        (Credential::Expired, "-tls1_3", "db.test", "certificate has expired"),
        (Credential::WrongName, "-tls1_2", "db.test", "ostname mismatch"),
        (Credential::Untrusted, "-tls1_3", "db.test", "certificate in certificate chain"),
    ];
    for (credential, version, name, expected) in table {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-alpn", "tds/8.0", version, "-CAfile"]).arg(&pem);
        command.args(["-verify_return_error", "-x509_strict", "-verify_hostname", name, "-servername", name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let Ok(mut child) = command.spawn() else {
            crate::skipped("openssl_verifies_the_printed_certificate", "openssl is not installed");
            return;
        };
        // It ends when its input does; the server's end must end it.
        let stdin = child.stdin.take();
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = accept(stream, Framing::Raw, credential).await;
        assert_eq!(accepted.is_ok(), credential == Credential::Good, "{credential:?}: {accepted:?}");
        if let Ok(mut transport) = accepted {
            transport.write_all(b"a reply of the server\n").await.unwrap();
            transport.shutdown().await.unwrap();
            let _ = transport.read(&mut [0; 64]).await;
        }
        let output = child.wait_with_output().await.unwrap();
        drop(stdin);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(expected), "{credential:?}: {said}");
        if credential == Credential::Good {
            assert!(said.contains("ALPN protocol: tds/8.0") && said.contains("a reply of the server"), "{said}");
        }
    }
}
