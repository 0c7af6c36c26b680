use std::sync::Arc;

use crate::copy::selection::{Copied, Item, Top, What};
use lapstrake_parser::ignore_file::IgnoreFile;

use crate::copy::{CopyError, CopySpec, Selection, Source, select};
use crate::{ContentHash, Entry, Kind, LayerManifest, Timestamp, TreePath, View};

/// A layer from lines: `d PATH`, `f PATH CONTENT`, `l PATH TARGET`, `h PATH FIRST`, `w PATH`,
/// `p PATH`. Parents come by themselves.
fn layer(lines: &[&str]) -> Arc<LayerManifest> {
    let mut entries = vec![Entry::directory(TreePath::root(), Timestamp::default())];
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (letter, path, rest) = (word(), TreePath::from(word()), word());
        let mut parent = path.parent();
        while let Some(directory) = parent {
            parent = directory.parent();
            entries.insert(0, Entry::directory(directory, Timestamp::default()));
        }
        let kind = match letter {
            "f" => {
                Kind::File { size: rest.len() as u64, content: ContentHash::of(rest.as_bytes()) }
            }
            "l" => Kind::Symlink { target: rest.into() },
            "h" => Kind::HardLink { target: rest.into() },
            "w" => Kind::Whiteout,
            "p" => Kind::Fifo,
            _ => Kind::Directory { opaque: false },
        };
        let mode = if letter == "d" { 0o755 } else { 0o644 };
        entries.push(Entry { kind, mode, ..Entry::directory(path, Timestamp::default()) });
    }
    Arc::new(LayerManifest::new(entries))
}

fn view(layers: &[&[&str]]) -> View {
    View::new(layers.iter().map(|lines| layer(lines)).collect())
}

fn spec(sources: &[&str]) -> CopySpec {
    let sources = sources.iter().map(|source| Source::Path(source.as_bytes().to_vec()));
    CopySpec { sources: sources.collect(), destination: b"/x".to_vec(), ..CopySpec::default() }
}

/// [`spec`] less what `exclude` matches.
fn spec_without(exclude: &[&str], sources: &[&str]) -> CopySpec {
    let exclude = IgnoreFile::from_patterns(exclude.iter().copied()).expect("patterns");
    CopySpec { exclude, ..spec(sources) }
}

/// What `pattern` matches below `base`, less what `exclude` matches.
fn spec_below(base: &str, pattern: &str, exclude: &[&str]) -> CopySpec {
    let source = Source::Below { base: base.into(), pattern: pattern.into() };
    CopySpec { sources: vec![source], ..spec_without(exclude, &[]) }
}

/// One line for an item: the index of its source, and the name of what is no directory or the
/// relative paths of what is in one, with a `>` behind those that only lead to others.
fn shown(item: &Item<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &item.top {
        Top::Inline { name, .. } => format!("{} inline {}", item.source, text(name)),
        Top::Single { name, copied } => {
            format!("{} {} = {}", item.source, text(name), copied.shown.entry.path)
        }
        Top::Directory(tree) => {
            let name = |copied: &Copied<'_>| {
                let mark = if copied.what == What::Passage { ">" } else { "" };
                text(tree.relative(copied)) + mark
            };
            let below: Vec<String> = tree.below.iter().map(name).collect();
            format!("{} [{}]", item.source, below.join(" "))
        }
    }
}

fn selected(view: &View, sources: &[&str]) -> Vec<String> {
    selected_by(view, &spec(sources))
}

fn selected_by(view: &View, spec: &CopySpec) -> Vec<String> {
    let selection = select(view, spec).expect("a selection");
    selection.items.iter().map(shown).collect()
}

fn hash_of(view: &View, spec: &CopySpec) -> ContentHash {
    select(view, spec).expect("a selection").content_hash()
}

#[test]
fn sources_name_what_a11_1_says() {
    let view = view(&[&[
        "f a.txt a",
        "f b.txt bb",
        "f [x].txt bracket",
        "f x.txt x",
        "f d/one 1",
        "f d/two 2",
        "f d/s/three 3",
        "f e/one 4",
        "l flink a.txt",
        "l dlink d",
        "l chain flink",
        "l abs /b.txt",
        "l l1 a.txt",
        "l l2 d",
        "l up ../../../b.txt",
    ]]);
    for (source, expected) in [
        ("a.txt", vec!["0 a.txt = /a.txt"]),
        ("/a.txt", vec!["0 a.txt = /a.txt"]),
        ("../b.txt", vec!["0 b.txt = /b.txt"]),
        ("./d/../a.txt/", vec!["0 a.txt = /a.txt"]),
        ("d", vec!["0 [one s s/three two]"]),
        ("d/", vec!["0 [one s s/three two]"]),
        ("d/.", vec!["0 [one s s/three two]"]),
        (
            "*.txt",
            vec![
                "0 [x].txt = /[x].txt",
                "0 a.txt = /a.txt",
                "0 b.txt = /b.txt",
                "0 x.txt = /x.txt",
            ],
        ),
        ("?.txt", vec!["0 a.txt = /a.txt", "0 b.txt = /b.txt", "0 x.txt = /x.txt"]),
        ("[b-z]*.txt", vec!["0 b.txt = /b.txt", "0 x.txt = /x.txt"]),
        ("d/*", vec!["0 one = /d/one", "0 [three]", "0 two = /d/two"]),
        ("*/one", vec!["0 one = /d/one", "0 one = /e/one"]),
        ("[x].txt", vec!["0 x.txt = /x.txt"]),
        ("[[]x].txt", vec!["0 [x].txt = /[x].txt"]),
        ("d*/t*", vec!["0 two = /d/two"]),
        ("nope*", vec![]),
        ("flink", vec!["0 flink = /a.txt"]),
        ("chain", vec!["0 chain = /a.txt"]),
        ("abs", vec!["0 abs = /b.txt"]),
        ("up", vec!["0 up = /b.txt"]),
        ("dlink", vec!["0 [one s s/three two]"]),
        ("dlink/one", vec!["0 one = /d/one"]),
        ("dlink/*e", vec!["0 one = /d/one"]),
        ("l[12]", vec!["0 l1 = /a.txt", "0 [one s s/three two]"]),
    ] {
        assert_eq!(selected(&view, &[source]), expected, "{source}");
    }
    assert_eq!(
        selected(&view, &["d/s", "a*"]),
        ["0 [three]", "1 a.txt = /a.txt", "1 abs = /b.txt"]
    );
    let whole = selected(&view, &["."]);
    assert!(whole.iter().all(|item| item.contains("d/s/three")), "{whole:?}");
}

#[test]
fn what_is_missing_is_an_error_with_a_suggestion() {
    let view =
        view(&[&["f src/main.rs x", "f README.md x", "l dead nowhere", "l o1 o2", "l o2 o1"]]);
    for (source, path, near) in [
        ("readme.md", "/readme.md", Some("/README.md")),
        ("scr/main.rs", "/scr/main.rs", Some("/src/main.rs")),
        ("src/mian.rs", "/src/mian.rs", Some("/src/main.rs")),
        ("completely/else", "/completely/else", None),
        ("dead", "/dead", None),
        ("README.md/x", "/README.md/x", None),
    ] {
        let spec = spec(&["src", source]);
        match select(&view, &spec).expect_err(source) {
            CopyError::Missing { index: 1, path: at, near: suggested } => {
                assert_eq!(at.to_string(), path);
                assert_eq!(suggested.map(|near| near.to_string()).as_deref(), near, "{source}");
            }
            other => panic!("{source}: {other}"),
        }
    }
    let error = select(&view, &spec(&["nope/*.rs"])).map(|_| ()).expect_err("no folder");
    assert!(matches!(error, CopyError::NoMatch { index: 0, .. }), "{error}");
    let error = select(&view, &spec(&["o1"])).map(|_| ()).expect_err("a loop");
    assert!(matches!(error, CopyError::Resolve { index: 0, .. }), "{error}");
}

#[test]
fn stages_are_seen_through_all_of_their_layers() {
    let view =
        view(&[&["f d/a old", "f d/b b", "f d/gone x"], &["f d/a new", "w d/gone"], &["f d/c c"]]);
    assert_eq!(selected(&view, &["/d"]), ["0 [a b c]"]);
    assert_eq!(selected(&view, &["d/?"]), ["0 a = /d/a", "0 b = /d/b", "0 c = /d/c"]);
    assert_eq!(selected(&View::default(), &["."]), ["0 []"]);
}

fn whats<'a>(selection: &'a Selection<'_>) -> Vec<What<'a>> {
    match selection.items.first().map(|item| &item.top) {
        Some(Top::Directory(tree)) => tree.below.iter().map(|copied| copied.what).collect(),
        Some(Top::Single { copied, .. }) => vec![copied.what],
        _ => Vec::new(),
    }
}

#[test]
fn hard_links_whose_first_name_is_not_copied_become_files() {
    let view = view(&[&["f a same", "h t/b a", "h t/c a", "f t/d own"]]);
    let file = |text: &str| What::File {
        size: text.len() as u64,
        content: ContentHash::of(text.as_bytes()),
    };
    let spec_t = spec(&["t"]);
    let selection = select(&view, &spec_t).expect("a selection");
    assert_eq!(whats(&selection), [file("same"), What::HardLink { first: 0 }, file("own")]);
    let spec_all = spec(&["."]);
    let selection = select(&view, &spec_all).expect("a selection");
    let expected = [
        file("same"),
        What::Directory,
        What::HardLink { first: 0 },
        What::HardLink { first: 0 },
        file("own"),
    ];
    assert_eq!(whats(&selection), expected);
    let spec_one = spec(&["t/c"]);
    let selection = select(&view, &spec_one).expect("a selection");
    assert_eq!(whats(&selection), [file("same")]);
    let broken = self::view(&[&["h t/b a"]]);
    assert!(matches!(select(&broken, &spec_t), Err(CopyError::Broken { index: 0, .. })));
}

#[test]
fn a_hard_link_of_a_lower_layer_does_not_meet_the_file_that_replaced_its_first_name() {
    let view = view(&[&["f t/a old", "h t/b t/a"], &["f t/a new"]]);
    let spec = spec(&["t"]);
    let selection = select(&view, &spec).expect("a selection");
    let contents: Vec<_> = whats(&selection)
        .into_iter()
        .map(|what| match what {
            What::File { content, .. } => content,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(contents, [ContentHash::of(b"new"), ContentHash::of(b"old")]);
}

#[test]
fn the_hash_does_not_know_where_things_were_nor_when() {
    let here = view(&[&["f p/src/a/one 1", "f p/src/two 2"]]);
    let there = view(&[&["f other/two 2"], &["f other/a/one 1"]]);
    assert_eq!(hash_of(&here, &spec(&["p/src"])), hash_of(&there, &spec(&["other"])));
    let mut entries = here.layers()[0].entries().to_vec();
    entries.iter_mut().for_each(|entry| entry.mtime.seconds += 7);
    let later = View::new(vec![Arc::new(LayerManifest::new(entries))]);
    assert_eq!(hash_of(&here, &spec(&["p"])), hash_of(&later, &spec(&["p"])));
}

/// ADD unpacks a file that is an archive, but not a here-document.
#[test]
fn the_hash_tells_here_documents_from_files() {
    let view = view(&[&["f two 2"]]);
    let sources = vec![Source::Inline { name: b"two".to_vec(), content: b"2".to_vec() }];
    let inline = CopySpec { sources, ..CopySpec::default() };
    assert_ne!(hash_of(&view, &inline), hash_of(&view, &spec(&["two"])));
}

#[test]
fn the_hash_knows_all_that_can_be_seen() {
    let base = ["f d/a 1", "f d/b 2", "l d/l a", "p d/p"];
    let of = |lines: &[&str], sources: &[&str]| hash_of(&view(&[lines]), &spec(sources));
    let hash = of(&base, &["d"]);
    for (what, lines) in [
        ("content", ["f d/a 3", "f d/b 2", "l d/l a", "p d/p"]),
        ("name", ["f d/A 1", "f d/b 2", "l d/l a", "p d/p"]),
        ("depth", ["f d/a/a 1", "f d/b 2", "l d/l a", "p d/p"]),
        ("target", ["f d/a 1", "f d/b 2", "l d/l b", "p d/p"]),
        ("kind", ["f d/a 1", "f d/b 2", "l d/l a", "d d/p"]),
        ("hard link", ["f d/a 1", "h d/b d/a", "l d/l a", "p d/p"]),
    ] {
        assert_ne!(of(&lines, &["d"]), hash, "{what}");
    }
    assert_ne!(of(&["f d/a 1", "f d/b 1"], &["d"]), of(&["f d/a 1", "h d/b d/a"], &["d"]));
    assert_ne!(of(&base, &["d/a", "d/b"]), of(&base, &["d/b", "d/a"]), "order");
    assert_ne!(of(&["f d/a 1"], &["d"]), of(&["f d/a 1"], &["d/a"]), "directory or file");
    assert_ne!(of(&["f a1 1"], &["a*"]), of(&["f a2 1"], &["a*"]), "names of matches");
    assert_ne!(of(&["d d/e", "d d/f"], &["d/e", "d/f"]), of(&["d d/e"], &["d/e"]), "count");
}

#[test]
fn owners_count_only_where_they_are_kept() {
    let view = view(&[&["f d/a 1"]]);
    let mut entries = view.layers()[0].entries().to_vec();
    entries.iter_mut().for_each(|entry| entry.uid = 7);
    let owned = View::new(vec![Arc::new(LayerManifest::new(entries))]);
    let with = |keep_owner, owner| CopySpec { keep_owner, owner, ..spec(&["d"]) };
    assert_eq!(hash_of(&view, &with(false, None)), hash_of(&owned, &with(false, None)));
    assert_ne!(hash_of(&view, &with(true, None)), hash_of(&owned, &with(true, None)));
    let given = with(true, Some((1, 2)));
    assert_eq!(hash_of(&view, &given), hash_of(&owned, &given));
}

#[test]
fn sizes_count_each_file_once() {
    let view = view(&[&["f d/a four", "h d/b d/a", "f c 1"]]);
    let chmod =
        CopySpec { mode: Some(lapstrake_parser::mode::Mode::Octal(0)), ..spec(&["d", "c"]) };
    assert_eq!(select(&view, &chmod).expect("a selection").size(), 5);
}

/// The tree that the conformance cases copy-exclude-* and copy-parents-* were recorded with.
fn tree() -> View {
    view(&[&[
        "f a.txt a",
        "f b.md b",
        "f d/one 1",
        "f d/two.txt 2",
        "f d/s/three 3",
        "d d/empty",
        "d e",
        "l link d",
    ]])
}

#[test]
fn what_is_excluded_is_left_out_below_what_is_named() {
    let view = tree();
    for (exclude, source, expected) in [
        (vec!["a.txt"], "a.txt", vec!["0 a.txt = /a.txt"]),
        (vec!["*.txt"], "*.txt", vec!["0 a.txt = /a.txt"]),
        (vec!["*.txt", "s"], "d*", vec!["0 [empty one]"]),
        (vec!["/one", "../one"], "d", vec!["0 [empty one s s/three two.txt]"]),
        (vec!["./one", "s/"], "d", vec!["0 [empty two.txt]"]),
        (vec!["*", "!s/three"], "d", vec!["0 [s> s/three]"]),
        (vec!["d", "!d/one"], ".", vec!["0 [a.txt b.md d> d/one e link]"]),
        (vec!["d", "!d/none"], ".", vec!["0 [a.txt b.md e link]"]),
        (vec!["s/**"], "d", vec!["0 [empty one s two.txt]"]),
        (vec!["**"], "d", vec!["0 []"]),
        (vec!["**/t*"], "link", vec!["0 [empty one s]"]),
        (vec![""], "e", vec!["0 []"]),
    ] {
        let found = selected_by(&view, &spec_without(&exclude, &[source]));
        assert_eq!(found, expected, "{exclude:?} {source}");
    }
}

#[test]
fn a_pattern_below_a_base_brings_the_way_to_its_matches() {
    let view = tree();
    for (base, pattern, exclude, expected) in [
        ("/", "d/s/three", vec![], vec!["0 [d> d/s> d/s/three]"]),
        ("d", "s/three", vec![], vec!["0 [s> s/three]"]),
        ("link", "s", vec![], vec!["0 [s s/three]"]),
        ("/", "link", vec![], vec!["0 [link]"]),
        ("/", "**/t*", vec![], vec!["0 [d> d/s> d/s/three d/two.txt]"]),
        ("/", "d", vec!["**/t*"], vec!["0 [d d/empty d/one d/s]"]),
        ("/", "d", vec!["d", "!d/s/three"], vec!["0 [d> d/s> d/s/three]"]),
        ("/", "d/none*", vec![], vec!["0 []"]),
        ("[de]", "*", vec![], vec!["0 [empty one s s/three two.txt]", "0 []"]),
        ("none*", "x", vec![], vec![]),
        (
            "d/*",
            "t*",
            vec![],
            vec!["0 []", "0 one = /d/one", "0 [three]", "0 two.txt = /d/two.txt"],
        ),
        ("a.txt", "*", vec![], vec!["0 a.txt = /a.txt"]),
    ] {
        let found = selected_by(&view, &spec_below(base, pattern, &exclude));
        assert_eq!(found, expected, "{base} {pattern} {exclude:?}");
    }
}

#[test]
fn a_literal_pattern_below_a_base_has_to_match() {
    let view = tree();
    for (base, pattern, exclude, missing) in [
        ("/", "d/none", vec![], "/d/none"),
        ("d", "none", vec![], "/d/none"),
        ("none", "*", vec![], "/none"),
        ("a.txt", "one", vec![], "/a.txt/one"),
        ("/", "link/one", vec![], "/link/one"),
        ("/", "d/one", vec!["*"], "/d/one"),
    ] {
        let error = select(&view, &spec_below(base, pattern, &exclude)).map(|_| ()).unwrap_err();
        match error {
            CopyError::Missing { path, .. } => assert_eq!(path.to_string(), missing),
            other => panic!("{base} {pattern}: {other:?}"),
        }
    }
    let error = select(&view, &spec_below("/", "d/[", &[])).map(|_| ()).unwrap_err();
    assert!(matches!(error, CopyError::Pattern { index: 0, .. }), "{error:?}");
}

#[test]
fn the_hash_knows_what_is_left_out_and_what_only_leads_there() {
    let change = |lines: &[&str]| {
        view(&[&["f d/one 1", "f d/two.txt 2", "f d/s/three 3", "d d/empty"], lines])
    };
    let before = change(&[]);
    let excluding = spec_without(&["two*", "s"], &["d"]);
    let base = hash_of(&before, &excluding);
    assert_eq!(hash_of(&change(&["f d/two.txt 22", "f d/s/new 4"]), &excluding), base);
    assert_ne!(hash_of(&change(&["f d/one 11"]), &excluding), base);
    assert_ne!(hash_of(&change(&["f d/new 1"]), &excluding), base);
    assert_eq!(hash_of(&before, &spec_without(&["two.txt", "s", "x"], &["d"])), base);
    assert_ne!(hash_of(&before, &spec_without(&["s"], &["d"])), base);

    let below = spec_below("/", "d/s/three", &[]);
    let base = hash_of(&before, &below);
    assert_eq!(hash_of(&change(&["f d/one 11", "f d/s/new 4"]), &below), base);
    assert_ne!(hash_of(&change(&["f d/s/three 33"]), &below), base);
    assert_ne!(hash_of(&before, &spec_below("d", "s/three", &[])), base, "the path is kept");
    assert_ne!(hash_of(&before, &spec_below("/", "d/s", &[])), base, "s is taken itself");
}
