//! Packets to messages: the same stream gives the same messages and the same error, however it is split.
#![no_main]

use closewait::tds::{Assembler, Error, Message, packets};

const LIMIT: usize = 2000;

/// What comes of reads of these sizes, over and over: every message, and the error that ends the stream.
fn joined(stream: &[u8], reads: &[u8]) -> (Vec<Message>, Option<Error>) {
    let (mut assembler, mut rest, mut messages) = (Assembler::new(), stream, Vec::new());
    for read in reads.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(usize::from(*read) + 1));
        assembler.push(now);
        loop {
            match assembler.next(LIMIT) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        if later.is_empty() {
            break;
        }
        rest = later;
    }
    (messages, None)
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((reads, stream)) = input.split_first_chunk::<4>() else { return };
    let (messages, error) = joined(stream, reads);
    assert_eq!((&messages, error), (&joined(stream, &[0]).0, joined(stream, &[0]).1));
    for message in messages {
        assert!(message.payload.len() <= LIMIT);
        let again = packets(message.kind, 0, 9 + usize::from(reads[0]), &message.payload);
        assert_eq!(joined(&again, reads).0, [Message { status: again[1], ..message }]);
    }
});
