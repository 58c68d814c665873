//! [`ChannelSink`]: from the engine's thread to whoever answers the client.
//!
//! The channel itself has no bound, so that nothing is ever lost and the engine never waits; what bounds it is
//! [`Sink::has_room`], which the engine asks before every step of the sequence: beyond [`STREAM_QUEUE_MAX`] events it
//! pauses.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use engine::{Completion, Error, Event, Logprobs, Sink};
use tokio::sync::mpsc;

use super::{TokenReport, bill::Bill};

/// Number of events that may wait for a slow reader before its sequence is paused.
pub(super) const STREAM_QUEUE_MAX: usize = 256;

/// What the engine tells a sink, with data of its own.
pub(super) enum Message {
    Prompt(Vec<Logprobs>),
    Event { choice: usize, token: Option<TokenReport>, text: String },
    End { choice: usize, result: Result<Completion, Error> },
}

/// The number of messages in the channel, shared by both ends.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Notes that a message was taken out.
    pub(super) fn took(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A flag of the reader's: it wants no more tokens, but still the end.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct ChannelSink {
    sender: mpsc::UnboundedSender<Message>,
    room: Room,
    stop: Stop,
    bill: Bill,
}

impl ChannelSink {
    pub(super) fn new(bill: Bill) -> (Self, mpsc::UnboundedReceiver<Message>, Room, Stop) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (room, stop) = (Room::default(), Stop::default());
        (Self { sender, room: room.clone(), stop: stop.clone(), bill }, receiver, room, stop)
    }

    fn send(&self, message: Message) -> ControlFlow<()> {
        self.room.0.fetch_add(1, Ordering::Relaxed);
        if self.sender.send(message).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for ChannelSink {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        if self.stop.is_set() {
            return ControlFlow::Break(());
        }
        let token = event.token.map(|id| TokenReport { id, logprobs: event.logprobs.cloned() });
        if token.is_some() {
            self.bill.token();
        }
        if token.is_none() && event.text.is_empty() {
            return if self.is_open() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        self.send(Message::Event { choice: event.choice, token, text: event.text.to_owned() })
    }

    fn prompt(&mut self, logprobs: Vec<Logprobs>) {
        // Nobody listens any more: then nobody needs to know.
        let _ = self.send(Message::Prompt(logprobs));
    }

    fn begun(&mut self, n_cached: usize) {
        self.bill.begun(n_cached);
    }

    fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        self.bill.charge(n_prompt, n_completion);
    }

    fn finish(&mut self, choice: usize, end: Result<Completion, Error>) {
        // Nobody listens any more: then nobody needs to know.
        let _ = self.send(Message::End { choice, result: end });
    }

    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    fn has_room(&self) -> bool {
        self.room.0.load(Ordering::Relaxed) < STREAM_QUEUE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_stops_leaves_no_room_and_one_who_goes_closes() {
        let (mut sink, mut receiver, room, _) = ChannelSink::new(Bill::default());
        let event = || Event { choice: 0, token: Some(tokenizer::TokenId(1)), text: "a", logprobs: None };
        for _ in 0..STREAM_QUEUE_MAX {
            assert!(sink.has_room());
            assert!(sink.event(event()).is_continue());
        }
        assert!(!sink.has_room());
        // Still nothing is lost.
        assert!(sink.event(event()).is_continue());
        for _ in 0..2 {
            assert!(receiver.try_recv().is_ok());
            room.took();
        }
        assert!(sink.has_room() && sink.is_open());
        drop(receiver);
        assert!(!sink.is_open());
        assert!(sink.event(event()).is_break());
    }
}
