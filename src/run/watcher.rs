//! The sampler's part: a plain loop, 50 times a second, with orders in between.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::role::{Farewell, Order, Word};
use crate::host::{BlockingChannel, Inside, Polled};
use crate::sample::{self, Sampler};
use crate::units::Monotonic;

/// Samples until the conductor says `End`, or is gone.
pub(super) fn watch(mut inside: Inside, config: sample::Config, client: bool, server: bool) -> Result<(), String> {
    let mut namespaces = inside.take_fds().into_iter();
    let client: Option<OwnedFd> = if client { namespaces.next() } else { None };
    let server: Option<OwnedFd> = if server { namespaces.next() } else { None };
    let mut channel = inside.blocking_channel().map_err(|error| error.to_string())?;
    channel.send(&Word::Ready(None)).map_err(|error| error.to_string())?;
    let begin = channel.recv_before::<Order>(Monotonic::from_nanos(u64::MAX)).map_err(|error| error.to_string())?;
    let Polled::Message(Order::Begin(start)) = begin else { return Ok(()) };
    let watched = Sampler::open(sample::Config { start, ..config }, client, server)
        .map_err(|error| error.to_string())
        .and_then(|sampler| sample_until_end(sampler, &mut channel));
    if let Err(error) = &watched {
        channel.send(&Word::Failed(error.clone())).map_err(|error| error.to_string())?;
    }
    watched
}

fn sample_until_end(mut sampler: Sampler, channel: &mut BlockingChannel) -> Result<(), String> {
    let mut next = Monotonic::now();
    let mut reason = Some(crate::record::TableReason::Start);
    loop {
        let sample = match reason.take() {
            Some(reason) => sampler.full(reason),
            None => sampler.tick(),
        };
        channel
            .send(&Word::Sample(Box::new(sample.map_err(|error| error.to_string())?)))
            .map_err(|error| error.to_string())?;
        next = next.after(sampler.period()).max(Monotonic::now());
        match channel.recv_before::<Order>(next).map_err(|error| error.to_string())? {
            Polled::Message(Order::FullTable(why)) => reason = Some(why),
            Polled::Message(Order::End) => break,
            Polled::Message(Order::Begin(_) | Order::Stop) | Polled::Nothing => {}
            Polled::Closed => return Ok(()),
        }
    }
    let (cpu, tables) = sampler.cpu();
    let farewell =
        Farewell { cpu_s: seconds(cpu), tables_s: seconds(tables), sampling: Some(sampler.facts()), accepted: None };
    channel.send(&Word::Ended(Box::new(farewell))).map_err(|error| error.to_string())
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
