//! Refused logins a second: in clear ours beside the loop, one round after the other, so that whatever else the machine
//! does strikes both; with the login packet in TLS ours alone, since the handshake is what it costs.

use closewait::tds::Encryption;

use super::bytes;
use super::client::{self, Way};
use super::part::ServerProcess;

const ROUNDS: usize = 25;
const LOGINS: u32 = 15_000;
const TLS_ROUNDS: usize = 9;
const TLS_LOGINS: u32 = 2_000;

/// One server's rounds: logins a second, and CPU time of the server for each.
#[derive(Default)]
struct Rounds {
    per_s: Vec<f64>,
    user_us: Vec<f64>,
    system_us: Vec<f64>,
}

impl Rounds {
    fn play(&mut self, server: &ServerProcess, way: Way, logins: u32, lengths: [usize; 2]) {
        let before = server.cpu();
        let took = client::play(server.address, way, logins, lengths);
        let [user, system] = [0, 1].map(|at| (server.cpu()[at] - before[at]).as_secs_f64() * 1e6 / f64::from(logins));
        self.per_s.push(f64::from(logins) / took.as_secs_f64());
        self.user_us.push(user);
        self.system_us.push(system);
    }

    fn print(&self, name: &str) {
        let (low, high) = range(&self.per_s);
        println!(
            "{name:<18} {:>10.0} {low:>10.0} {high:>10.0} {:>12.1} {:>12.1}",
            median(&self.per_s),
            median(&self.user_us),
            median(&self.system_us)
        );
    }
}

pub(crate) fn table() {
    let ours = ServerProcess::ours(&["--fault", "login-18456"]);
    let answers = bytes::answers(ours.address).expect("a login that is refused");
    let bare = ServerProcess::blocking_loop(&answers);
    let lengths = answers.map(|answer| answer.len());
    println!("refused logins a second, plain: {ROUNDS} rounds of {LOGINS} each, one after the other");
    head();
    let (mut our_rounds, mut bare_rounds) = (Rounds::default(), Rounds::default());
    // The first round of each finds cold caches and an empty table of TIME_WAIT.
    for server in [&ours, &bare] {
        Rounds::default().play(server, Way::Plain, LOGINS, lengths);
    }
    for _ in 0..ROUNDS {
        our_rounds.play(&ours, Way::Plain, LOGINS, lengths);
        bare_rounds.play(&bare, Way::Plain, LOGINS, lengths);
    }
    our_rounds.print("closewait serve");
    bare_rounds.print("blocking loop");
    let pairs: Vec<f64> = our_rounds.per_s.iter().zip(&bare_rounds.per_s).map(|(ours, bare)| ours / bare).collect();
    let (low, high) = range(&pairs);
    let ratio = median(&our_rounds.per_s) / median(&bare_rounds.per_s);
    println!("ratio of medians {ratio:.2}; of neighbouring rounds {low:.2} to {high:.2}");
}

/// The login packet in TLS, a full handshake each; the answers are as long as in clear.
pub(crate) fn tls_table() {
    let ours = ServerProcess::ours(&["--fault", "login-18456"]);
    println!("refused logins a second, login packet in TLS: {TLS_ROUNDS} rounds of {TLS_LOGINS} full handshakes each");
    if bytes::negotiated(ours.address, Encryption::Off).expect("an answer") != Some(Encryption::Off) {
        println!("skipped: this server speaks no TLS");
        return;
    }
    head();
    let lengths = bytes::answers(ours.address).expect("a login that is refused").map(|answer| answer.len());
    let mut rounds = Rounds::default();
    Rounds::default().play(&ours, Way::Tls, TLS_LOGINS, lengths);
    for _ in 0..TLS_ROUNDS {
        rounds.play(&ours, Way::Tls, TLS_LOGINS, lengths);
    }
    rounds.print("TLS 1.2");
}

fn head() {
    println!("{:<18} {:>10} {:>10} {:>10} {:>12} {:>12}", "", "median", "lowest", "highest", "user us", "system us");
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
}
