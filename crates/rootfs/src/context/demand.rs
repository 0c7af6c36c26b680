//! What all that is wanted comes to, folder by folder: a walk asks it which paths to look at.

use std::cmp::Ordering;

use lapstrake_parser::glob::Glob;

use crate::TreePath;
use crate::copy::part::{Known, Part, Taking};

/// Something wanted of a folder, after links were followed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// The folder.
    pub(super) base: TreePath,
    /// Which paths below the folder are named; without one the folder itself is.
    pub(super) pattern: Option<Glob>,
    /// What is taken of a named folder.
    pub(super) part: Part,
}

/// Everything that is wanted, sorted by folder.
#[derive(Debug, Default)]
pub(super) struct Demands {
    list: Vec<Demand>,
}

/// What is wanted of one folder, as far as the way to it decides that.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// Everything in it.
    All,
    /// What these demands say of each path.
    Some(Vec<Pending>),
}

/// A demand that the way to a folder has not decided.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Index of the demand.
    demand: usize,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// Below the base; no named path was reached yet.
    Above,
    /// In a named folder, which takes so many bytes of a path below it.
    Inside { prefix: usize, known: Known },
}

impl Demand {
    fn is_whole(&self) -> bool {
        self.pattern.is_none() && self.part.is_whole()
    }

    /// What is wanted in the folder at `path`, which is the base or was named.
    fn inside(&self, index: usize, path: &TreePath) -> Wish {
        if self.part.is_whole() {
            return Wish::All;
        }
        let place = Place::Inside { prefix: prefix(path), known: Known::default() };
        Wish::Some(vec![Pending { demand: index, place }])
    }

    /// What is wanted in the base.
    fn at_base(&self, index: usize) -> Wish {
        match &self.pattern {
            None => self.inside(index, &self.base),
            Some(_) => Wish::Some(vec![Pending { demand: index, place: Place::Above }]),
        }
    }

    /// Whether `path` is named by the pattern.
    fn names(&self, path: &TreePath) -> bool {
        let Some(pattern) = &self.pattern else { return false };
        path.starts_with(&self.base) && path != &self.base && pattern.matches(self.below(path))
    }

    fn below<'p>(&self, path: &'p TreePath) -> &'p [u8] {
        path.as_bytes().get(prefix(&self.base)..).unwrap_or_default()
    }

    /// What becomes of `path`, and what is wanted in it should it be a folder.
    fn step(&self, index: usize, path: &TreePath, place: &Place) -> (Taking, Wish) {
        let wish = |place| Wish::Some(vec![Pending { demand: index, place }]);
        match place {
            Place::Above if self.names(path) => (Taking::Taken, self.inside(index, path)),
            Place::Above => {
                let pattern = self.pattern.as_ref();
                match pattern.is_some_and(|pattern| pattern.may_match_below(self.below(path))) {
                    true => (Taking::Passed, wish(Place::Above)),
                    false => (Taking::Left, Wish::nothing()),
                }
            }
            Place::Inside { prefix, known } => {
                let below = path.as_bytes().get(*prefix..).unwrap_or_default();
                let (taking, known) = self.part.descend(below, known);
                (taking, wish(Place::Inside { prefix: *prefix, known }))
            }
        }
    }
}

impl Demands {
    /// Adds a demand. Returns whether it wants anything that the others did not surely want.
    pub(super) fn add(&mut self, demand: Demand) -> bool {
        let covers = |other: &Demand| other.is_whole() && demand.base.starts_with(&other.base);
        if self.list.iter().any(|other| covers(other) || *other == demand) {
            return false;
        }
        let place = self.list.partition_point(|other| other.base <= demand.base);
        self.list.insert(place, demand);
        true
    }

    /// The folders to walk from, none below another.
    pub(super) fn roots(&self) -> Vec<TreePath> {
        let mut roots: Vec<TreePath> = Vec::new();
        for demand in &self.list {
            if !roots.last().is_some_and(|root| demand.base.starts_with(root)) {
                roots.push(demand.base.clone());
            }
        }
        roots
    }

    /// The folders of which everything is wanted, none below another.
    pub(super) fn whole(&self) -> impl Iterator<Item = &TreePath> {
        self.list.iter().filter(|demand| demand.is_whole()).map(|demand| &demand.base)
    }

    /// The demands with a pattern.
    pub(super) fn has_patterns(&self) -> bool {
        self.list.iter().any(|demand| demand.pattern.is_some())
    }

    /// For each demand whose pattern names the link `path`, what is wanted of the folder that it
    /// may lead to.
    pub(super) fn naming(&self, path: &TreePath) -> impl Iterator<Item = &Part> {
        self.list.iter().filter(|demand| demand.names(path)).map(|demand| &demand.part)
    }

    /// What is wanted of a folder from which a walk begins.
    pub(super) fn at_root(&self, root: &TreePath) -> Wish {
        self.bases_from(root)
            .take_while(|(_, demand)| demand.base == *root)
            .fold(Wish::nothing(), |wish, (index, demand)| wish.and(demand.at_base(index)))
    }

    /// What becomes of `path`, given what is wanted of the folder that it is in; and what is wanted
    /// in it should it be a folder itself.
    pub(super) fn descend(&self, path: &TreePath, folder: &Wish) -> (Taking, Wish) {
        let pending = match folder {
            Wish::All => return (Taking::Taken, Wish::All),
            Wish::Some(pending) => pending,
        };
        let (mut taking, mut wish) = (Taking::Left, Wish::nothing());
        for Pending { demand: index, place } in pending {
            let Some(demand) = self.list.get(*index) else { continue };
            let (one, inside) = demand.step(*index, path, place);
            taking = taking.max(one);
            if one != Taking::Left {
                wish = wish.and(inside);
            }
        }
        for (index, demand) in self.bases_from(path) {
            if demand.base == *path {
                // The folder that a pattern is looked for in comes along with what it matches.
                let is_named = demand.pattern.is_none();
                taking = taking.max(if is_named { Taking::Taken } else { Taking::Passed });
                wish = wish.and(demand.at_base(index));
            } else {
                taking = taking.max(Taking::Passed);
                break;
            }
        }
        (taking, wish)
    }

    /// The demands whose folders are at or below `path`, with their indexes.
    fn bases_from<'a>(&'a self, path: &TreePath) -> impl Iterator<Item = (usize, &'a Demand)> {
        let first = self.list.partition_point(|demand| demand.base.cmp(path) == Ordering::Less);
        let path = path.clone();
        let from = self.list.iter().enumerate().skip(first);
        from.take_while(move |(_, demand)| demand.base.starts_with(&path))
    }
}

impl Wish {
    fn nothing() -> Self {
        Self::Some(Vec::new())
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Some(mut pending), Self::Some(more)) => {
                pending.extend(more);
                Self::Some(pending)
            }
            _ => Self::All,
        }
    }
}

/// How many bytes of the path of something below `folder` lead to it.
fn prefix(folder: &TreePath) -> usize {
    match folder.is_root() {
        true => 0,
        false => folder.as_bytes().len() + 1,
    }
}
