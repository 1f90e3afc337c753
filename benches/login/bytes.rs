//! What a client sends, made once, and one login with it.

use std::borrow::Cow;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use closewait::tds::{Encryption, HEADER_LEN, Header, Login7, PacketType, Password, Prelogin, PreloginOption, packets};

/// A PRELOGIN packet with the options that most drivers send.
pub(crate) fn prelogin(encryption: Encryption) -> Vec<u8> {
    let option = |token, data: &[u8]| PreloginOption { token, data: Cow::Owned(data.to_vec()) };
    let options = vec![
        option(Prelogin::VERSION, &[0; 6]),
        option(Prelogin::ENCRYPTION, &[encryption as u8]),
        option(Prelogin::INSTOPT, &[0]),
        option(Prelogin::THREADID, &[0; 4]),
        option(Prelogin::MARS, &[0]),
    ];
    let payload = Prelogin { options }.encode().expect("five options fit");
    packets(PacketType::PRELOGIN, 0, 4096, &payload)
}

/// A LOGIN7 packet.
pub(crate) fn login() -> Vec<u8> {
    let login = Login7 {
        tds_version: 0x7400_0004,
        packet_size: 4096,
        host_name: "web01".to_owned(),
        user: "app".to_owned(),
        password: Password::new("secret".to_owned()),
        app_name: "bench".to_owned(),
        server_name: "127.0.0.1".to_owned(),
        database: "shop".to_owned(),
        ..Login7::default()
    };
    packets(PacketType::LOGIN7, 0, 4096, &login.encode().expect("the texts are short"))
}

/// One packet, whole: a server's answer to a login has only one.
pub(crate) fn read_packet(stream: &mut TcpStream, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut room[filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        let header = room.first_chunk::<HEADER_LEN>().map(|header| Header::decode(*header));
        if filled >= HEADER_LEN && header.is_some_and(|header| filled >= usize::from(header.length)) {
            return Ok(filled);
        }
    }
}

/// What a server answers to a client that asks for this encryption.
pub(crate) fn negotiated(server: SocketAddr, asked: Encryption) -> io::Result<Option<Encryption>> {
    let mut stream = TcpStream::connect(server)?;
    let mut room = [0; 4096];
    stream.write_all(&prelogin(asked))?;
    let length = read_packet(&mut stream, &mut room)?;
    Ok(Prelogin::decode(&room[HEADER_LEN..length]).map_err(io::Error::other)?.encryption())
}

/// The two answers of a server that refuses, header and all, from one login in clear.
pub(crate) fn answers(server: SocketAddr) -> io::Result<[Vec<u8>; 2]> {
    let mut stream = TcpStream::connect(server)?;
    let mut room = [0; 4096];
    stream.write_all(&prelogin(Encryption::NotSupported))?;
    let length = read_packet(&mut stream, &mut room)?;
    let first = room[..length].to_vec();
    stream.write_all(&login())?;
    let mut second = Vec::new();
    stream.read_to_end(&mut second)?;
    Ok([first, second])
}
