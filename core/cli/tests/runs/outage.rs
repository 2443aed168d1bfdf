//! A database that goes away in the middle of a run: the run does not wait, says it once, and loses nothing.
//!
//! The server is reached through a proxy of this test, which cuts and refuses connections when it is told to.

use crate::environment::running::Running;
use crate::place::{
    Database, Place, answer, complaint, journaled, postgres, recording, replay, texts,
};
use claire_sidecar::{JournalReader, Tail};
use rusqlite::Connection;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest time that anything here takes.
const LONG: Duration = Duration::from_secs(120);
const BEHIND: &str = "the store is behind the journal";
const BACK: &str = "the store answers again";

/// A server that can be taken away.
struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    server: Server,
    is_up: AtomicBool,
    is_over: AtomicBool,
    /// Bytes that clients may still send before the proxy goes down by itself.
    budget: AtomicU64,
    /// What ends the connections that are open, on both sides.
    open: Mutex<Vec<Box<dyn Fn() + Send>>>,
}

#[derive(Clone)]
enum Server {
    Tcp(String),
    Unix(PathBuf),
}

impl Proxy {
    /// Stands before the server of this address; goes down when clients have sent so many bytes.
    fn start(url: &str, budget: u64) -> (Self, String) {
        let rest = url.split_once("://").expect("an address").1;
        let (authority, path) = rest.split_once('/').expect("a database");
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let parameter = |name: &str| {
            let pairs = path.split(['?', '&']);
            pairs
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        };
        let server = match parameter("host") {
            Some(folder) => Server::Unix(Path::new(&folder).join(".s.PGSQL.5432")),
            None => Server::Tcp(host.to_owned()),
        };
        let user = parameter("user").unwrap_or_else(|| user.to_owned());
        let database = path.split('?').next().unwrap_or_default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            server,
            is_up: AtomicBool::new(true),
            is_over: AtomicBool::new(false),
            budget: AtomicU64::new(budget),
            open: Mutex::default(),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || theirs.listen(Some(listener), address));
        let url = format!("postgres://{user}@{address}/{database}");
        let proxy = Self {
            address,
            shared,
            thread: Some(thread),
        };
        (proxy, url)
    }

    fn is_up(&self) -> bool {
        self.shared.is_up.load(Ordering::SeqCst)
    }

    fn go_up(&self) {
        self.shared.budget.store(u64::MAX, Ordering::SeqCst);
        self.shared.is_up.store(true, Ordering::SeqCst);
        // Whoever comes now is served, at the latest when this connects.
        wait_until("the proxy is up", || {
            TcpStream::connect(self.address).is_ok()
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the proxy's thread");
        }
    }
}

impl Shared {
    /// Accepts while it is up; while it is down the port is closed, so that connections are refused.
    fn listen(self: Arc<Self>, mut listener: Option<TcpListener>, address: SocketAddr) {
        while !self.is_over.load(Ordering::SeqCst) {
            if !self.is_up.load(Ordering::SeqCst) {
                listener = None;
                thread::yield_now();
                continue;
            }
            let Some(open) = listener.as_ref() else {
                listener = TcpListener::bind(address).ok();
                continue;
            };
            open.set_nonblocking(true).expect("a socket");
            match open.accept() {
                Ok((client, _)) => self.serve(client),
                Err(_) => thread::park_timeout(Duration::from_millis(1)),
            }
        }
        self.cut();
    }

    fn serve(self: &Arc<Self>, client: TcpStream) {
        client.set_nonblocking(false).expect("a socket");
        type Halves = (
            Box<dyn Read + Send>,
            Box<dyn Write + Send>,
            Box<dyn Fn() + Send>,
        );
        // Whoever is gone already needs no end.
        let (from, to, end): Halves = match &self.server {
            Server::Tcp(host) => {
                let server = TcpStream::connect(host).expect("the server is there");
                let [read, write] = [(); 2].map(|()| server.try_clone().expect("a socket"));
                let end = move || drop(server.shutdown(Shutdown::Both));
                (Box::new(read), Box::new(write), Box::new(end))
            }
            Server::Unix(path) => {
                let server = UnixStream::connect(path).expect("the server is there");
                let [read, write] = [(); 2].map(|()| server.try_clone().expect("a socket"));
                let end = move || drop(server.shutdown(Shutdown::Both));
                (Box::new(read), Box::new(write), Box::new(end))
            }
        };
        let [answers, kept] = [(); 2].map(|()| client.try_clone().expect("a socket"));
        let end_client = Box::new(move || drop(kept.shutdown(Shutdown::Both)));
        self.open.lock().expect("whole").extend([end, end_client]);
        let ours = Arc::clone(self);
        thread::spawn(move || ours.pass(Box::new(client), to, true));
        let ours = Arc::clone(self);
        thread::spawn(move || ours.pass(from, Box::new(answers), false));
    }

    fn pass(&self, mut from: Box<dyn Read + Send>, mut to: Box<dyn Write + Send>, counts: bool) {
        let mut bytes = [0; 4_096];
        while let Ok(count) = from.read(&mut bytes) {
            if count == 0 || !self.is_up.load(Ordering::SeqCst) {
                break;
            }
            let left = self.budget.load(Ordering::SeqCst);
            let passed = left.min(count as u64) as usize;
            if counts {
                self.budget.fetch_sub(passed as u64, Ordering::SeqCst);
            }
            // The other side is gone where this fails.
            if to.write_all(&bytes[..passed]).is_err() {
                break;
            }
            if counts && passed < count {
                self.is_up.store(false, Ordering::SeqCst);
                self.cut();
            }
        }
    }

    fn cut(&self) {
        let open = std::mem::take(&mut *self.open.lock().expect("whole"));
        open.iter().for_each(|end| end());
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::yield_now();
    }
}

fn is_finished(dir: &Path) -> bool {
    let Ok(mut reader) = JournalReader::open(dir) else {
        return false;
    };
    while let Ok(Some(_)) = reader.next_message() {}
    matches!(reader.tail(), Tail::Finished(_))
}

/// Returns the digest of a run that nothing disturbs.
fn reference() -> serde_json::Value {
    let place = Place::new();
    let arguments = replay(&place, recording(), None);
    let output = place.claire(&texts(&arguments)).output().expect("started");
    answer(&output)["digest"].clone()
}

/// Checks a run that came to its end with a complete store.
fn check(place: &Place, url: &str, output: &Output) {
    let complaints = complaint(output);
    assert_eq!(output.status.code(), Some(0), "{complaints}");
    assert_eq!(answer(output)["digest"], reference());
    assert_eq!(place.stored(url), journaled(&place.journal()).0);
    for words in [BEHIND, BACK] {
        assert_eq!(
            complaints.matches(words).count(),
            1,
            "{words}: {complaints}"
        );
    }
}

/// What clients send before the first rows are on their way, and some of them.
const BUDGET: u64 = 60_000;

#[test]
fn a_server_that_goes_away_and_returns_has_all_rows() {
    let Some(Database::Postgres(server)) = postgres() else {
        return;
    };
    let place = Place::new();
    let (proxy, url) = Proxy::start(&server, BUDGET);
    let arguments = replay(&place, recording(), Some(&url));
    let running = Running::start(&mut place.claire(&texts(&arguments)));
    wait_until("the server goes away", || !proxy.is_up());
    // The run comes to its end without it: nothing on the way to the journal waits for a database.
    wait_until("the run ends", || is_finished(&place.journal()));
    wait_until("it is said", || running.has_said(BEHIND));
    assert!(!proxy.is_up() && place.stored(&server) != journaled(&place.journal()).0);
    proxy.go_up();
    check(&place, &server, &running.end());
}

#[test]
fn a_run_that_ends_before_its_server_is_back_leaves_all_to_rebuild() {
    let Some(Database::Postgres(server)) = postgres() else {
        return;
    };
    let place = Place::new();
    let (proxy, url) = Proxy::start(&server, BUDGET);
    let arguments = replay(&place, recording(), Some(&url));
    let mut command = place.claire(&texts(&arguments));
    command.env("CLAIRE_STORE__WAIT_S", "1");
    let output = Running::start(&mut command).end();
    assert!(!proxy.is_up());
    proxy.go_up();
    rebuild_after(&place, &url, &output);
    assert_eq!(place.stored(&server), journaled(&place.journal()).0);
}

/// Checks that a run ended without its store and said how to complete it; then does so.
fn rebuild_after(place: &Place, url: &str, output: &Output) {
    let complaints = complaint(output);
    assert_eq!(output.status.code(), Some(1), "{complaints}");
    // A store without room may take a small batch again in between; each outage is said once, and the last goes on.
    let [outages, over] = [BEHIND, BACK].map(|words| complaints.matches(words).count());
    assert_eq!(outages, over + 1, "{complaints}");
    let error = answer(output)["error"].clone();
    assert_eq!(error["code"], "STORE");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(hint.contains("claire db rebuild --journal"), "{hint}");
    let verified = place.verify();
    assert_eq!(
        (&verified["verdict"], &verified["digest"]),
        (&"equal".into(), &reference())
    );
    let journal = place.journal().display().to_string();
    let mut command = place.claire(&["db", "rebuild", "--journal", &journal, "--json"]);
    let rebuilt = command.args(["--store", url]).output().expect("started");
    let rebuilt = answer(&rebuilt);
    assert_eq!(
        (&rebuilt["ok"], &rebuilt["equal"]),
        (&true.into(), &true.into()),
        "{rebuilt}"
    );
    assert!(rebuilt["messages_added"].as_u64() > Some(0));
}

/// Makes the place's database and locks it until the connection lets go.
fn locked(place: &Place, url: &str) -> Connection {
    let migrated = place.claire(&["db", "migrate", "--store", url]).output();
    assert!(migrated.expect("started").status.success());
    let other = Connection::open(place.path("run.db")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    other
}

#[test]
fn a_file_that_another_process_locks_has_all_rows_afterwards() {
    let place = Place::new();
    let url = place.url();
    let other = locked(&place, &url);
    let arguments = replay(&place, recording(), Some(&url));
    let running = Running::start(&mut place.claire(&texts(&arguments)));
    wait_until("the run ends", || is_finished(&place.journal()));
    wait_until("it is said", || running.has_said(BEHIND));
    assert!(running.has_said("locked"));
    let waits = "waiting up to 60 s for the store: ";
    wait_until("the end says that it waits", || running.has_said(waits));
    other.execute_batch("ROLLBACK").expect("unlocked");
    check(&place, &url, &running.end());
}

#[test]
fn a_run_whose_store_stays_locked_says_so_and_what_it_came_to() {
    let place = Place::new();
    let url = place.url();
    let _held = locked(&place, &url);
    let arguments = replay(&place, recording(), Some(&url));
    let paper = "paper --speed max --seed 7 --for 10s --json --store";
    let paper = paper.split(' ').chain([url.as_str()]).map(str::to_owned);
    for (arguments, mode) in [(arguments, "replay"), (paper.collect(), "paper")] {
        let mut command = place.claire(&texts(&arguments));
        command.env("CLAIRE_STORE__WAIT_S", "2");
        let output = command.output().expect("started");
        assert_eq!(output.status.code(), Some(1), "{mode}");
        let value = answer(&output);
        assert_eq!(
            (&value["mode"], &value["ok"]),
            (&mode.into(), &false.into())
        );
        let error = value["error"]["message"].as_str().unwrap_or_default();
        assert!(error.contains("locked"), "{error}");
        assert_eq!(value["digest"].as_str().map(str::len), Some(64), "{value}");
        assert!(value["frames"].as_u64() > Some(0), "{value}");
        assert!(value["config_hash"].is_string(), "{value}");
    }
}

#[test]
fn a_file_that_is_deleted_is_made_again() {
    let place = Place::new();
    let url = place.url();
    let mut arguments = replay(&place, recording(), Some(&url));
    // At this speed the run takes more than two seconds: the file goes away in its middle.
    arguments.extend(["--speed".to_owned(), "50".to_owned()]);
    let running = Running::start(&mut place.claire(&texts(&arguments)));
    let log = place.path("run.db-wal");
    wait_until("rows are written", || {
        fs::metadata(&log).is_ok_and(|log| log.len() > 200_000)
    });
    fs::remove_file(place.path("run.db")).expect("removed");
    assert!(!is_finished(&place.journal()), "too late");
    let ended = running.end();
    let complaints = complaint(&ended);
    assert!(complaints.contains("run.db"), "{complaints}");
    check(&place, &url, &ended);
}

#[test]
fn a_store_without_room_leaves_all_to_rebuild() {
    let place = Place::new();
    let url = place.url();
    let arguments = replay(&place, recording(), Some(&url));
    // The journal's segments stay below the limit of 400 KiB a file, the store's files do not.
    let shell = "trap '' XFSZ; ulimit -f 800; exec \"$@\"";
    let mut command = place.claire_in(shell, &arguments);
    command.env("CLAIRE_JOURNAL__SEGMENT_MB", "0.1");
    command.env("CLAIRE_STORE__WAIT_S", "1");
    let output = Running::start(&mut command).end();
    let complaints = complaint(&output);
    assert!(complaints.contains("run.db"), "{complaints}");
    rebuild_after(&place, &url, &output);
    assert_eq!(place.stored(&url), journaled(&place.journal()).0);
}
