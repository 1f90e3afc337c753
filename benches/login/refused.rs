//! Refused logins a second, in clear: ours beside the loop, one round after the other, so that whatever else the machine
//! does strikes both.

use super::part::ServerProcess;
use super::{bytes, client};

const ROUNDS: usize = 25;
const LOGINS: u32 = 15_000;

/// One server's rounds: logins a second, and CPU time of the server for each.
#[derive(Default)]
struct Rounds {
    per_s: Vec<f64>,
    user_us: Vec<f64>,
    system_us: Vec<f64>,
}

impl Rounds {
    fn play(&mut self, server: &ServerProcess, lengths: [usize; 2]) {
        let before = server.cpu();
        let took = client::play(server.address, LOGINS, lengths);
        let [user, system] = [0, 1].map(|at| (server.cpu()[at] - before[at]).as_secs_f64() * 1e6 / f64::from(LOGINS));
        self.per_s.push(f64::from(LOGINS) / took.as_secs_f64());
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
    println!("{:<18} {:>10} {:>10} {:>10} {:>12} {:>12}", "", "median", "lowest", "highest", "user us", "system us");
    let (mut our_rounds, mut bare_rounds) = (Rounds::default(), Rounds::default());
    // The first round of each finds cold caches and an empty table of TIME_WAIT.
    for server in [&ours, &bare] {
        Rounds::default().play(server, lengths);
    }
    for _ in 0..ROUNDS {
        our_rounds.play(&ours, lengths);
        bare_rounds.play(&bare, lengths);
    }
    our_rounds.print("closewait serve");
    bare_rounds.print("blocking loop");
    let pairs: Vec<f64> = our_rounds.per_s.iter().zip(&bare_rounds.per_s).map(|(ours, bare)| ours / bare).collect();
    let (low, high) = range(&pairs);
    let ratio = median(&our_rounds.per_s) / median(&bare_rounds.per_s);
    println!("ratio of medians {ratio:.2}; of neighbouring rounds {low:.2} to {high:.2}");
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
}
