//! A snapshot plus what follows is the full run: engines with real strategies on made and recorded markets
//! are saved at many places, restored, and compared record for record and byte for byte to the end.

mod bytes;
mod continuation;
mod world;
