//! Logins of a kind that this server does not take: with a token, with the operating system's user, and of dialects
//! before TDS 7.

use crate::fault::Refusal;
use crate::tds::{LegacyLogin, Login7};

/// What an SSPI blob begins with: NTLM's signature, SPNEGO's and Kerberos' GSS-API token, SPNEGO's answer.
const NTLM: &[u8] = b"NTLMSSP\0";
const GSS: u8 = 0x60;
const SPNEGO: u8 = 0xA1;

/// The number, and the state where it is not the usual one, by which a login is refused for what it is; none when it
/// has a user and a password.
///
/// A token: a box product without Microsoft Entra takes none, and says 18456; its error log has state 102, "Microsoft
/// Entra login failure". It says so at once, where a server with Entra would send the client for a token first.
///
/// Integrated: the machine is in no domain, so 18452. Where what came is nothing that SSPI says, 17806, the handshake
/// failed. NTLM would take a round of challenge and response first; nobody could check the response, and a refusal at
/// once is what every driver reports.
pub(super) fn refused_by_kind(login: &Login7) -> Option<(u32, Option<u8>)> {
    if login.fed_auth().is_some() {
        return Some((18456, Some(102)));
    }
    if !login.integrated() {
        return None;
    }
    let said = login.sspi.as_slice();
    let is_sspi = said.starts_with(NTLM) || matches!(said.first(), Some(&(GSS | SPNEGO)));
    Some((if is_sspi { 18452 } else { 17806 }, None))
}

/// What a login before TDS 7 is told: 17802, with the dialect that it asked for. SQL Server writes this number and text
/// to its error log only and closes, on which such clients report an unexpected end, or wait; here the client is told.
pub(super) fn unsupported(login: &LegacyLogin) -> Refusal {
    let text = format!(
        "The Tabular Data Stream (TDS) version {:#x} of the client library used to open the connection is unsupported \
         or unknown. The connection has been closed.",
        login.version()
    );
    Refusal { number: 17802, wire_state: 1, state: 1, class: 20, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::Feature;

    fn with_sspi(sspi: &[u8]) -> Login7 {
        Login7 { flags: [0, 0x80, 0, 0], sspi: sspi.to_vec(), ..Login7::default() }
    }

    #[test]
    fn a_user_and_a_password_are_no_reason() {
        assert_eq!(refused_by_kind(&Login7 { user: "sa".to_owned(), ..Login7::default() }), None);
    }

    #[test]
    fn a_token_is_refused_with_its_own_state() {
        let feature = Feature { id: Feature::FED_AUTH, data: vec![0x05, 0x01] };
        let login = Login7 { features: vec![feature], ..Login7::default() };
        assert_eq!(refused_by_kind(&login), Some((18456, Some(102))));
    }

    #[test]
    fn integrated_logins_by_what_sspi_said() {
        for (sspi, number) in [
            (b"NTLMSSP\0\x01\0\0\0".as_slice(), 18452),
            (&[0x60, 0x48, 0x06], 18452),
            (&[0xA1, 0x07], 18452),
            (b"NTLM", 17806),
            (&[], 17806),
        ] {
            assert_eq!(refused_by_kind(&with_sspi(sspi)), Some((number, None)), "{sspi:?}");
        }
        // Without the flag, but with what SSPI said.
        assert!(refused_by_kind(&Login7 { sspi: vec![0x60], ..Login7::default() }).is_some());
    }

    #[test]
    fn every_number_is_in_the_catalogue_but_the_dialects() {
        for number in [18456, 18452, 17806] {
            assert!(crate::fault::server_error(number).is_some());
        }
    }
}
