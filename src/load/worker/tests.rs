//! A worker against real sockets on loopback; nothing here waits for a time, only for events.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use super::{Report, Worker, pass_panic_on};
use crate::client::{self, Client, Close, Driver, Login};
use crate::load::attempts::Attempts;
use crate::load::{Arrivals, Config, Retry, Share};
use crate::record::{ArmFacts, ArmRun, Event, LoadInterval, Outcome, Phase, PortRangeSummary, Run};
use crate::units::{Monotonic, Rate, Span};

/// More than a server may say: an attempt of the `tcp` driver then ends as a protocol error.
static TOO_MUCH: [u8; 66_000] = [0; 66_000];

fn burst(size: u32, retry: Retry) -> Config {
    Config {
        arrivals: Arrivals::Burst { size, every: Span::from_secs(1) },
        attempts: Some(u64::from(size)),
        duration: None,
        in_flight: 1000,
        max_held: 1000,
        retry,
        seed: 1,
    }
}

fn client(target: SocketAddr, close: &str) -> Client {
    Client::new(client::Config {
        target,
        server_name: "test".into(),
        driver: Driver::Tcp,
        close: close.parse().unwrap(),
        close_logged_in: Close::Orderly,
        timeout: Span::from_secs(30),
        login: Login { user: "u".into(), password: "p".into(), database: None },
        source: None,
        per_socket_ports: None,
        encryption: client::Encryption::Off,
        authority: None,
    })
}

/// An address that refuses.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Serves each connection on its own.
async fn serve<F: Future<Output = ()> + 'static>(listener: TcpListener, each: impl Fn(TcpStream) -> F) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::task::spawn_local(each(stream));
    }
}

/// Closes at once.
async fn hang_up(stream: TcpStream) {
    drop(stream);
}

/// Says nothing, and never closes.
async fn stay_silent(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// Says too much, and never closes.
async fn chatter(mut stream: TcpStream) {
    let _ = stream.write_all(&TOO_MUCH).await;
    stay_silent(stream).await;
}

fn facts() -> ArmFacts {
    let ephemeral_ports = PortRangeSummary { low: 40000, high: 41999, count: 2000 };
    let text = String::new;
    ArmFacts {
        name: "arm".into(),
        driver: text(),
        close: text(),
        target: text(),
        sandbox: text(),
        port_search: text(),
        tcp_fin_timeout_s: 60,
        tcp_tw_reuse: 2,
        ephemeral_ports,
        repetition: None,
        server_close: Some("orderly".into()),
        faults: vec!["login-18456".into()],
        workers: 1,
        arrivals: text(),
        planned_s: None,
        planned_attempts: None,
    }
}

/// The arm that these reports make.
fn folded(intervals: Vec<LoadInterval>) -> ArmRun {
    let load = |interval| Event::Load { arm: "arm".into(), interval: Box::new(interval) };
    let mut events = vec![Event::ArmStarted(Box::new(facts()))];
    events.extend(intervals.into_iter().map(load));
    Run::from_events(&events).arms.remove(0)
}

/// Plays a worker, stopped when its reports say so, and lets it settle until they say so again.
async fn play(worker: Worker, stop_when: fn(&ArmRun) -> bool, settled_when: fn(&ArmRun) -> bool) -> ArmRun {
    let told = RefCell::new(Vec::new());
    let (stop, settled) = (Notify::new(), Notify::new());
    let say = |report| {
        let Report::Interval(interval) = report else { return };
        told.borrow_mut().push(*interval);
        let arm = folded(told.borrow().clone());
        if stop_when(&arm) {
            stop.notify_one();
        }
        if settled_when(&arm) {
            settled.notify_one();
        }
    };
    let all = async {
        worker.play(&say, &stop).await.unwrap();
        tokio::select! {
            () = worker.settle(&say) => {}
            () = settled.notified() => {}
        }
    };
    // Only a failure waits as long as this.
    let _ = tokio::time::timeout(Duration::from_secs(10), all).await;
    folded(told.into_inner())
}

/// A worker's place: its attempts stay on one thread.
async fn locally<T>(play: impl Future<Output = T>) -> T {
    LocalSet::new().run_until(play).await
}

/// Plays the whole schedule of a worker against an address that refuses.
async fn refused(config: Config) -> ArmRun {
    let worker = Worker::new(config, client(nobody().await, "orderly"), Share::ALL, Monotonic::now());
    let all = play(worker, |_| false, |arm| arm.outcomes.total() > 0);
    locally(all).await
}

#[tokio::test]
async fn attempts_that_a_stop_gives_up_have_an_outcome_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let mut config = burst(20, Retry::None);
    config.in_flight = 15;
    let arm = locally(async {
        tokio::task::spawn_local(serve(listener, stay_silent));
        let worker = Worker::new(config, client(target, "orderly"), Share::ALL, Monotonic::now());
        play(worker, |arm| arm.started == 15, |arm| arm.outcomes.total() == 20).await
    })
    .await;
    assert_eq!((arm.offered, arm.outcomes.total(), arm.given_up), (20, 20, 15));
    assert_eq!((arm.outcomes.of(Outcome::Other), arm.outcomes.of(Outcome::Capped)), (15, 5));
    assert_eq!(arm.latencies.of(Phase::Total), None, "what was given up has no latency");
}

#[tokio::test]
async fn an_attempt_that_never_began_has_an_outcome_too() {
    let client = client(nobody().await, "orderly");
    let attempts = Rc::new(Attempts::new(&burst(1, Retry::None), client, Share::ALL, Monotonic::now()));
    drop(attempts.arrive(Monotonic::now(), Duration::ZERO).unwrap());
    let interval = attempts.interval(Duration::ZERO, Duration::ZERO).unwrap();
    assert_eq!((interval.offered, interval.started, interval.given_up, interval.in_flight), (1, 0, 1, 0));
    assert_eq!(interval.outcomes.of(Outcome::Other), 1);
}

#[tokio::test]
async fn an_outcome_counts_before_its_close_has_come() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let arm = locally(async {
        tokio::task::spawn_local(serve(listener, chatter));
        let worker = Worker::new(burst(3, Retry::None), client(target, "drain"), Share::ALL, Monotonic::now());
        play(worker, |arm| arm.outcomes.total() == 3, |_| true).await
    })
    .await;
    assert_eq!((arm.outcomes.of(Outcome::ProtocolError), arm.given_up), (3, 0));
    assert_eq!(arm.latencies.of(Phase::Close), None, "no close came");
}

#[tokio::test]
async fn a_late_closers_closes_are_timed_and_come_when_they_are_due() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let arm = locally(async {
        tokio::task::spawn_local(serve(listener, hang_up));
        let close = client(target, "late:after=5ms");
        let worker = Worker::new(burst(10, Retry::None), close, Share::ALL, Monotonic::now());
        let closes = |arm: &ArmRun| arm.latencies.of(Phase::Close).is_some_and(|closes| closes.count() == 10);
        play(worker, |_| false, closes).await
    })
    .await;
    let closes = arm.latencies.of(Phase::Close).unwrap();
    assert_eq!((closes.count(), arm.held.get(&0)), (10, Some(&0)));
    let fastest = closes.at(0.0).unwrap();
    assert!((Duration::from_millis(4)..Duration::from_millis(80)).contains(&fastest), "{fastest:?}");
}

#[tokio::test]
async fn retries_are_none_of_the_schedules() {
    let arm = refused(burst(5, Retry::Fixed { delay: Span::from_millis(1), times: 3 })).await;
    assert_eq!((arm.offered, arm.started, arm.retries), (5, 5, 15));
    assert_eq!((arm.outcomes.of(Outcome::Refused), arm.schedule_lag.count()), (20, 5));
}

#[tokio::test]
async fn a_blocked_pool_counts_what_it_keeps() {
    let arm = refused(burst(50, Retry::PoolBlocking { first: Span::from_secs(5), most: Span::from_secs(60) })).await;
    assert!(arm.pool_blocked > 0);
    assert_eq!((arm.outcomes.of(Outcome::Refused), arm.outcomes.of(Outcome::LoginRejected)), (50, 0));
    let total = arm.latencies.of(Phase::Total).map_or(0, |total| total.count());
    assert_eq!(total, 50 - arm.pool_blocked, "an answer from the pool has no latency");
}

#[tokio::test]
async fn a_schedule_is_as_long_as_it_was_meant_to_be() {
    let config =
        Config { arrivals: Arrivals::Constant { rate: Rate::per_second(1e6).unwrap() }, ..burst(500, Retry::None) };
    let arm = refused(config).await;
    assert_eq!((arm.offered, arm.schedule), (500, Duration::from_micros(500)));
    assert!(arm.last_start > arm.schedule, "a debug build starts no million a second: {:?}", arm.last_start);
}

#[tokio::test]
#[should_panic(expected = "a bug in an attempt")]
async fn a_panic_is_not_one_attempt_fewer() {
    let mut tasks = JoinSet::new();
    tasks.spawn(async { panic!("a bug in an attempt") });
    pass_panic_on(tasks.join_next().await.unwrap());
}
