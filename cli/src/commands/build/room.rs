//! `--max-size`: the room that the store may take while a build runs.
//!
//! From the first step that is executed, or layer that comes from elsewhere, on, the store is measured
//! again and again, the files of running steps included, and once more before the image gets its name;
//! then also when nothing was executed, if the image is new. When the store takes more than it
//! may, images without a name are none any more, and of all that nothing needs then goes what was
//! used least recently. When that is not enough, the build ends, and what it made goes as well. Of several builds
//! one at a time does so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant, SystemTime};

use lapstrake_cache::{ActionLock, Gauge, Goal, Holding, HoldingKind, Prune, Store, nanoseconds};
use lapstrake_executor::Cancel;
use lapstrake_solver::Event;
use lapstrake_solver::event::{ImageProgress, LayerState};

use crate::args::Build;
use crate::failure::Failure;
use crate::progress::Mode;
use crate::{human, images, output, session};

/// The least time between two looks.
const REST: Duration = Duration::from_millis(100);
/// How many times as long as it takes to look is rested at least.
const SHARE: u32 = 10;

/// See the module.
pub(super) struct Room {
    cap: u64,
    /// When the build began: nanoseconds since 1970.
    began: i64,
    /// Has no lease, as whoever removes must not.
    store: Store,
    cancel: Cancel,
    has_begun: AtomicBool,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    phase: Phase,
    gauge: Gauge,
    /// Bytes that were removed.
    removed: u64,
    /// Whether the build cannot go on.
    was_refused: bool,
    /// Why not, until it is told.
    failure: Option<Failure>,
    /// Other builds stay as long as this is held: they may have room when this one has cleared its own.
    turn: Option<ActionLock>,
}

/// How far the build is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing was executed, and nothing came.
    #[default]
    Idle,
    Working,
    Over,
}

/// What `build` and the configuration allow; `None` for any.
pub(super) fn wanted(
    build: &Build,
    store: &Store,
    cancel: &Cancel,
) -> Result<Option<Room>, Failure> {
    let cap = match build.max_size {
        Some(size) => Some(size.0),
        None => session::config()?.store.max_size,
    };
    cap.filter(|cap| *cap > 0).map(|cap| Room::new(cap, store, cancel.clone())).transpose()
}

/// A room while it is watched.
pub(super) struct Watched<'a>(&'a Room);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.state().phase = Phase::Over;
        self.0.moved.notify_all();
    }
}

impl Room {
    /// For a build with a lease of its own on the same store.
    fn new(cap: u64, store: &Store, cancel: Cancel) -> Result<Self, Failure> {
        let store = Store::open(store.root()).map_err(|error| Failure::of(&error))?;
        let (began, has_begun) = (nanoseconds(SystemTime::now()), AtomicBool::new(false));
        let (state, moved) = (Mutex::default(), Condvar::new());
        Ok(Self { cap, began, store, cancel, has_begun, state, moved })
    }

    /// Looks while the build works, until the result is dropped.
    pub(super) fn watch<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Watched<'scope> {
        scope.spawn(|| self.keep_looking());
        Watched(self)
    }

    fn keep_looking(&self) {
        let idle = |state: &mut State| state.phase == Phase::Idle;
        let mut state =
            self.moved.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        while state.phase == Phase::Working {
            let begin = Instant::now();
            self.look(&mut state);
            let rest = REST.max(begin.elapsed() * SHARE);
            let working = |state: &mut State| state.phase == Phase::Working;
            let waited = self.moved.wait_timeout_while(state, rest, working);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Something happened in the build.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Started { .. } | Event::Arriving { .. } => self.begin(),
            Event::Image {
                progress:
                    ImageProgress::Downloading { .. }
                    | ImageProgress::Layer { state: LayerState::Moving, .. },
                ..
            } => self.begin(),
            Event::Written { is_new } => self.settle(*is_new),
            _ => {}
        }
    }

    /// The store grows from now on.
    fn begin(&self) {
        // Only the first time takes the lock, which is held while somebody looks.
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            let mut state = self.state();
            if state.phase == Phase::Idle {
                state.phase = Phase::Working;
            }
            self.moved.notify_all();
        }
    }

    /// All is in the store. Cancels the build if it has no room, unless the build added nothing.
    fn settle(&self, is_new: bool) {
        let mut state = self.state();
        if state.phase == Phase::Working || (state.phase == Phase::Idle && is_new) {
            // Another build makes room, by its own end: whether that is enough is to be known.
            while self.look(&mut state) && !self.cancel.is_cancelled() {
                std::thread::sleep(REST);
            }
        }
        state.phase = Phase::Over;
        self.moved.notify_all();
    }

    /// After a build that failed and has no lease any more: removes down to what the store may take, first
    /// what this build made. Tells what went; when that cannot be, why.
    pub(super) fn clear(&self, mode: Mode) {
        let mut state = self.state();
        state.removed = 0;
        if !self.has_begun.load(Ordering::Relaxed) && !state.was_refused {
            return;
        }
        let reduced = self.reduce(&mut state);
        state.turn = None;
        drop(state);
        if mode != Mode::Quiet {
            output::stderr(&self.told());
        }
        if let Err(failure) = reduced {
            output::stderr(&failure.text());
        }
    }

    fn reduce(&self, state: &mut State) -> Result<(), Failure> {
        let is_new = |holding: &Holding| holding.created >= self.began;
        if self.excess(state)? > 0 {
            self.remove(state, Goal::Keep(0), &is_blob)?;
        }
        for wanted in [&is_new as &dyn Fn(&Holding) -> bool, &|_| true] {
            // A removal writes as well, so once may not be enough.
            loop {
                let excess = self.excess(state)?;
                if excess == 0 || self.remove(state, Goal::Free(excess), wanted)? == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Bytes that the store takes and may not take.
    fn excess(&self, state: &mut State) -> Result<u64, Failure> {
        let size = state.gauge.measure(&self.store).map_err(|error| Failure::of(&error))?;
        Ok(size.saturating_sub(self.cap))
    }

    /// Why the build was cancelled, if it was for want of room.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.state().failure.take()
    }

    /// A line about what was removed; empty for nothing.
    pub(super) fn told(&self) -> String {
        match self.state().removed {
            0 => String::new(),
            removed => format!(
                "removed {} of the cache: the store may take {}\n",
                human::size(removed),
                human::size(self.cap)
            ),
        }
    }

    /// As [`Room::fit`]; where there is no room, the build is cancelled.
    fn look(&self, state: &mut State) -> bool {
        if state.was_refused {
            return false;
        }
        self.fit(state).unwrap_or_else(|failure| {
            state.failure = Some(failure);
            state.was_refused = true;
            self.cancel.cancel();
            false
        })
    }

    /// Removes what has to go. Whether that is too little, and another build has the turn.
    fn fit(&self, state: &mut State) -> Result<bool, Failure> {
        let failure = |error| Failure::of(&error);
        let size = state.gauge.measure(&self.store).map_err(failure)?;
        if size <= self.cap {
            return Ok(false);
        }
        self.remove(state, Goal::Keep(0), &is_blob)?;
        let size = state.gauge.measure(&self.store).map_err(failure)?;
        // With a tenth of room behind, so that not every step has to do this.
        let over = size.saturating_sub(self.cap / 10 * 9);
        self.remove(state, Goal::Free(over), &|_| true)?;
        if self.excess(state)? == 0 {
            return Ok(false);
        }
        let Some(turn) = self.store.give_up().map_err(failure)? else { return Ok(true) };
        match self.excess(state)? {
            0 => Ok(false),
            excess => {
                state.turn = Some(turn);
                Err(full(self.cap.saturating_add(excess), self.cap))
            }
        }
    }

    /// How many went.
    fn remove(
        &self,
        state: &mut State,
        goal: Goal,
        wanted: &dyn Fn(&Holding) -> bool,
    ) -> Result<usize, Failure> {
        let images = images::local(&self.store);
        let prune = Prune { goal, unused_for: Duration::ZERO, all: false, wanted, dry_run: false };
        let removed = self.store.prune(&prune, &|| images.needed_by_names())?;
        let freed = removed.iter().map(|holding| holding.reclaimable).fold(0, u64::saturating_add);
        state.removed = state.removed.saturating_add(freed);
        Ok(removed.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_blob(holding: &Holding) -> bool {
    holding.kind == HoldingKind::Blob
}

fn full(left: u64, cap: u64) -> Failure {
    Failure::new(format!(
        "the store takes {} and may take {}, and images and this build need what is left",
        human::size(left),
        human::size(cap)
    ))
    .help("remove images with lap rmi, or allow more with --max-size or with max-size under [store] in the configuration")
}
