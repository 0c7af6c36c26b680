//! Which of several holdings go, and in what order. Pure.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use lapstrake_rootfs::LayerId;

use super::holding::{Holding, HoldingKind};
use super::{Goal, Prune};
use crate::Origin;

/// What goes: the least recently used first, and what stands on something before that. What
/// something that stays stands on stays.
pub(super) fn select(holdings: &[Holding], prune: &Prune<'_>, now: i64) -> Vec<Holding> {
    let used = with_uses_from_above(holdings);
    let used = |holding: &Holding| {
        let from_above = holding.layer.and_then(|layer| used.get(&layer).copied());
        from_above.unwrap_or(holding.used).max(holding.used)
    };
    let limit = i64::try_from(prune.unused_for.as_nanos()).unwrap_or(i64::MAX);
    let may_go = |holding: &&Holding| {
        let is_kept = matches!(
            holding.kind,
            HoldingKind::Record | HoldingKind::ContextIndex | HoldingKind::Note | HoldingKind::Log
        );
        let is_old = now.saturating_sub(used(holding)) >= limit;
        !holding.is_used && (prune.all || !is_kept) && is_old && (prune.wanted)(holding)
    };
    let mut chosen: Vec<&Holding> = holdings.iter().filter(may_go).collect();
    drop_needed(&mut chosen, holdings);
    chosen.sort_by_key(|holding| (used(holding), Reverse(holding.created)));
    let count = enough(&freed(&chosen), prune.goal);
    chosen.truncate(count);
    drop_needed(&mut chosen, holdings);
    let sizes = freed(&chosen);
    let with_size = chosen.into_iter().zip(sizes);
    with_size.map(|(holding, reclaimable)| Holding { reclaimable, ..holding.clone() }).collect()
}

/// The last use of each layer that something stands on, that of what stands on it included.
fn with_uses_from_above(holdings: &[Holding]) -> HashMap<LayerId, i64> {
    let mut uses: HashMap<LayerId, i64> = HashMap::new();
    loop {
        let mut is_done = true;
        for holding in holdings {
            let own = holding.layer.and_then(|layer| uses.get(&layer).copied());
            let used = own.unwrap_or(holding.used).max(holding.used);
            for below in holding.origins.iter().filter_map(|origin| origin.below) {
                let known = uses.entry(below).or_insert(i64::MIN);
                if *known < used {
                    (*known, is_done) = (used, false);
                }
            }
        }
        if is_done {
            return uses;
        }
    }
}

/// Takes out what something stands on that stays.
fn drop_needed(chosen: &mut Vec<&Holding>, holdings: &[Holding]) {
    loop {
        let going: HashSet<&str> = chosen.iter().map(|holding| holding.id.as_str()).collect();
        let stay = holdings.iter().filter(|holding| !going.contains(holding.id.as_str()));
        let needed = stood_on(stay.flat_map(|holding| &holding.origins));
        let before = chosen.len();
        chosen.retain(|holding| holding.layer.is_none_or(|layer| !needed.contains(&layer)));
        if chosen.len() == before {
            return;
        }
    }
}

/// What records stand on.
pub(super) fn stood_on<'a>(origins: impl Iterator<Item = &'a Origin>) -> HashSet<LayerId> {
    origins.filter_map(|origin| origin.below).collect()
}

/// The bytes that each frees when they go in this order.
fn freed(chosen: &[&Holding]) -> Vec<u64> {
    let mut left: HashMap<(u64, u64), u64> = HashMap::new();
    let release = |holding: &&Holding| -> u64 {
        let gone = holding.files.iter().filter_map(|(file, links)| {
            let left = left.entry(*file).or_insert(links.all);
            *left = left.saturating_sub(links.here);
            (*left == 0).then_some(links.size)
        });
        gone.sum()
    };
    chosen.iter().map(release).collect()
}

/// How many have to go, of which each frees so many bytes.
fn enough(sizes: &[u64], goal: Goal) -> usize {
    let wanted = match goal {
        Goal::Keep(0) => return sizes.len(),
        Goal::Keep(keep) => sizes.iter().sum::<u64>().saturating_sub(keep),
        Goal::Free(free) => free,
    };
    let mut free: u64 = 0;
    let is_less = |size: &&u64| {
        let is_less = free < wanted;
        free = free.saturating_add(**size);
        is_less
    };
    sizes.iter().take_while(is_less).count()
}
