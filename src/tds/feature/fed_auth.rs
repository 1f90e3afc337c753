//! FEDAUTH: a login with a token [MS-TDS 2.2.6.4].

use super::super::Error;
use super::super::reader::Reader;

/// How a token reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FedAuthLibrary {
    /// A Live ID compact token, in the login.
    LiveId,
    /// A security token, in the login.
    SecurityToken,
    /// A token of Microsoft Entra (ADAL, MSAL), in a message of its own after the server said where to fetch it.
    Entra,
}

/// A request to log in with a token. The token itself is passed over: nobody here can check it, and what is not kept
/// cannot leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FedAuth {
    /// How the token comes.
    pub library: FedAuthLibrary,
    /// What the client makes of the server's FEDAUTHREQUIRED in PRELOGIN: 1 when it saw a 1.
    pub echo: bool,
}

impl FedAuth {
    pub(super) fn decode(data: &mut Reader<'_>) -> Result<Self, Error> {
        let options = data.u8()?;
        let library = match options >> 1 {
            0 => FedAuthLibrary::LiveId,
            1 => FedAuthLibrary::SecurityToken,
            2 => FedAuthLibrary::Entra,
            other => return Err(Error::Unknown { what: "FEDAUTH library", value: u32::from(other) }),
        };
        if library == FedAuthLibrary::Entra {
            // The workflow: password, integrated, interactive, and newer ones.
            data.u8()?;
        } else {
            let length = usize::try_from(data.u32()?).unwrap_or(usize::MAX);
            data.bytes(length)?;
            // A nonce, a channel binding, a signature: 32 bytes each, as PRELOGIN had it.
            if !data.is_empty() {
                data.array::<32>()?;
                let rest = data.clone().rest().len();
                data.bytes(rest)?;
            }
        }
        Ok(Self { library, echo: options & 1 != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> Result<FedAuth, Error> {
        FedAuth::decode(&mut Reader::new(data, "test"))
    }

    #[test]
    fn the_three_libraries() {
        let entra = FedAuth { library: FedAuthLibrary::Entra, echo: true };
        assert_eq!(read(&[0x05, 0x01]), Ok(entra));
        let token = FedAuth { library: FedAuthLibrary::SecurityToken, echo: false };
        assert_eq!(read(&[0x02, 2, 0, 0, 0, b'e', b'y']), Ok(token));
        assert_eq!(read(&[&[0x02, 0, 0, 0, 0], [7; 32].as_slice()].concat()), Ok(token));
        assert_eq!(read(&[0x00, 0, 0, 0, 0]).map(|asked| asked.library), Ok(FedAuthLibrary::LiveId));
    }

    #[test]
    fn a_cut_or_unknown_request_is_an_error() {
        for data in [[].as_slice(), &[0x04], &[0x06, 0], &[0x02, 9, 0, 0, 0, 1], &[0x02, 0, 0, 0, 0, 1]] {
            assert!(read(data).is_err(), "{data:?}");
        }
    }
}
