//! The embedded database: an index that several processes may have open at once.
//!
//! # Other versions
//! An earlier version lacks tables and nothing else: it gets them, and keeps all that it knows. A later
//! one is refused and left as it is, because what this program would write there may not be what
//! its own program reads. What has no version, or cannot be read, is damaged.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{Error, layout};

/// Statements that are kept compiled: more than a build has.
const STATEMENTS: usize = 64;

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The version of [`SCHEMA`].
const VERSION: i64 = 7;

/// Versions that lack nothing but tables.
const GROWS: std::ops::RangeInclusive<i64> = 1..=6;

/// `layer.boot` is the boot id of the kernel that wrote the layer, until it was flushed to disk;
/// then it is NULL.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tag (
        name TEXT PRIMARY KEY, manifest BLOB NOT NULL, updated INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS record (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS previous (step BLOB PRIMARY KEY, layer BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS layer (
        id TEXT PRIMARY KEY, size INTEGER NOT NULL, boot TEXT, diff_id BLOB, tar_size INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS packed (
        diff_id BLOB NOT NULL, packing TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
        PRIMARY KEY (diff_id, packing)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS place (
        digest BLOB NOT NULL, repository TEXT NOT NULL, PRIMARY KEY (digest, repository)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS account (
        step BLOB NOT NULL, key BLOB NOT NULL, number INTEGER NOT NULL, parts BLOB NOT NULL,
        files BLOB NOT NULL, PRIMARY KEY (step, key)
    );
    CREATE TABLE IF NOT EXISTS place_step (place BLOB PRIMARY KEY, step BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS alike (
        step BLOB NOT NULL, key BLOB NOT NULL, PRIMARY KEY (step, key)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS origin (
        key BLOB PRIMARY KEY, used INTEGER NOT NULL, below TEXT, step BLOB, name TEXT, project TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS evicted (
        key BLOB PRIMARY KEY, time INTEGER NOT NULL, step BLOB
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS took (
        key BLOB PRIMARY KEY, milliseconds INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS told (key BLOB PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS account_key ON account (key);
    CREATE INDEX IF NOT EXISTS record_value ON record (value);
    CREATE INDEX IF NOT EXISTS origin_used ON origin (used);
    CREATE INDEX IF NOT EXISTS evicted_step ON evicted (step) WHERE step IS NOT NULL;
    CREATE INDEX IF NOT EXISTS layer_diff_id ON layer (diff_id);
    CREATE INDEX IF NOT EXISTS layer_boot ON layer (boot) WHERE boot IS NOT NULL;
";

/// Written last: a database that has all tables and does not know everything yet is of no version.
const WHOLE: &str = "PRAGMA user_version = 7";

/// Opens the database below `root`. A damaged one is moved aside to `store.db.bad` and a new one
/// begun: what it knew is missed, not lost. Where one of an earlier version is given what it lacks, the
/// store is first given the folders that it lacks.
///
/// # Errors
/// [`Error::Database`] and [`Error::Io`]; [`Error::Newer`] for a database of a later version.
pub(crate) fn open(root: &Path) -> Result<(Connection, Fresh), Error> {
    let path = root.join("store.db");
    match connect(&path).and_then(|connection| Ok((version(&connection)?, connection))) {
        Ok((VERSION, connection)) => Ok((connection, Fresh(false))),
        // Nobody has said yet that it is whole.
        Ok((0, connection)) => begin(connection),
        Ok((version, connection)) if GROWS.contains(&version) => {
            layout::complete(root)?;
            let (connection, _) = begin(connection)?;
            finish(&connection)?;
            Ok((connection, Fresh(false)))
        }
        Ok((found, _)) if found > VERSION => {
            Err(Error::Newer { root: root.into(), found, known: VERSION })
        }
        Ok((_, connection)) => {
            // Closed, it takes the files beside it away.
            drop(connection);
            anew(root)
        }
        Err(error) if is_damage(&error) => anew(root),
        Err(error) => Err(Error::database("begin")(error)),
    }
}

/// Moves the database aside and begins a new one.
pub(crate) fn anew(root: &Path) -> Result<(Connection, Fresh), Error> {
    for suffix in ["", "-wal", "-shm"] {
        let from = root.join(format!("store.db{suffix}"));
        let to = root.join(format!("store.db{suffix}.bad"));
        // Where nothing can be moved, the next line says why.
        drop(fs::rename(from, to));
    }
    begin(connect(&root.join("store.db")).map_err(Error::database("begin"))?)
}

/// Says that a new database knows all that there is to be known.
pub(crate) fn finish(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(WHOLE).map_err(Error::database("finish"))
}

/// What is wrong with the inside of the database; nothing if it is sound.
pub(crate) fn fault(connection: &Connection) -> Result<Option<String>, Error> {
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check {
        Ok(text) if text == "ok" => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(error) if is_damage(&error) => Ok(Some(error.to_string())),
        Err(error) => Err(Error::database("check")(error)),
    }
}

/// Opens the database below `root` to be read only. Nothing beside it is made: where no process has it
/// open, it is read as a file that does not change. Somebody who begins to write meanwhile can spoil what is
/// read, not what is stored. `None` for one of another version.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn look(root: &Path) -> rusqlite::Result<Option<Connection>> {
    let path = root.join("store.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // An empty one is what a process leaves that found no room to begin.
    let journal = fs::metadata(root.join("store.db-wal"));
    let connection = match journal.is_ok_and(|journal| journal.len() > 0) {
        true => Connection::open_with_flags(path, flags)?,
        false => {
            let mut name = String::from("file:");
            for byte in path.as_os_str().as_bytes() {
                match byte {
                    b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
                    _ if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
                    _ => name.push_str(&format!("%{byte:02x}")),
                }
            }
            name.push_str("?immutable=1");
            Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
    };
    connection.busy_timeout(Duration::from_millis(50))?;
    let is_known = version(&connection)? == VERSION;
    Ok(is_known.then_some(connection))
}

/// Whether the database was begun just now and knows nothing yet.
pub(crate) struct Fresh(pub(crate) bool);

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    Ok(connection)
}

/// Whether it is the bytes of the file that are wrong, and no want of room, rights or patience.
fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn begin(connection: Connection) -> Result<(Connection, Fresh), Error> {
    // Several processes may begin at once; each statement is idempotent and the whole is one
    // transaction.
    write_ahead(&connection).map_err(Error::database("set the journal"))?;
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))
        .map_err(Error::database("make the tables"))?;
    Ok((connection, Fresh(true)))
}

/// Sets the journal. SQLite does not wait here as it does elsewhere while another process has the
/// database, perhaps to do the same.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}
