//! Five refused logins with tiberius. LEAKY: a second handle of each socket outlives the refusal.
//!
//! `Client::connect` takes the stream and drops it on every error. This program keeps a clone, to read round-trip times
//! from: then the drop closes one of two handles, and the kernel sends FIN only with the last.

use std::env::var;
use std::error::Error;
use std::net::TcpStream as Socket;
use std::time::Duration;

use tiberius::{AuthMethod, Client, Config};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

const TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut gauges = Vec::new();
    for login in 1..=5 {
        match open(&mut gauges).await {
            Ok(()) => println!("login {login}: logged in"),
            Err(error) => println!("login {login}: refused ({error})"),
        }
    }
    // The program goes on: what it holds now, it leaks.
    sleep(Duration::from_secs_f64(var("LINGER").map_or(Ok(4.0), |seconds| seconds.parse())?)).await;
    Ok(())
}

/// One login, and its orderly end; `gauges` has the second handle of every connection that is open.
async fn open(gauges: &mut Vec<Socket>) -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    config.host(var("CLOSEWAIT_HOST")?);
    config.port(var("CLOSEWAIT_PORT")?.parse()?);
    config.authentication(AuthMethod::sql_server(var("CLOSEWAIT_USER")?, var("CLOSEWAIT_PASSWORD")?));
    config.trust_cert();
    let socket = timeout(TIMEOUT, TcpStream::connect(config.get_addr())).await??.into_std()?;
    gauges.push(socket.try_clone()?);
    let stream = TcpStream::from_std(socket)?.compat_write();
    let client = timeout(TIMEOUT, Client::connect(config, stream)).await??;
    client.close().await?;
    gauges.pop();
    Ok(())
}
