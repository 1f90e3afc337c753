//! Packets to messages: the same stream gives the same messages and the same error, however it is split.
#![no_main]

use closewait::tds::{Assembler, Error, Message, packets};

const LIMIT: usize = 2000;

/// What comes of reads of these sizes, over and over: every message, and the error that ends the stream.
fn joined(stream: &[u8], reads: &[usize]) -> (Vec<Message>, Option<Error>) {
    let (mut assembler, mut rest, mut messages) = (Assembler::new(), stream, Vec::new());
    for read in reads.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(*read));
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
    let Some((sizes, stream)) = input.split_first_chunk::<4>() else { return };
    let reads = sizes.map(|size| usize::from(size) + 1);
    let whole = joined(stream, &[usize::MAX]);
    assert_eq!(joined(stream, &reads), whole);
    for message in whole.0 {
        assert!(message.payload.len() <= LIMIT);
        let again = packets(message.kind, 0, 8 + reads[0], &message.payload);
        assert_eq!(joined(&again, &reads[1..]).0, [Message { status: again[1], ..message }]);
    }
});
