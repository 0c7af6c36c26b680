//! Contexts on this machine, and what names the others.

use super::*;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lap-context-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn fault(context: &Path, file: Option<&Path>) -> String {
    local(context, file).err().expect("a failure").text()
}

fn place_fault(context: &Path) -> String {
    place(context).unwrap_err().text()
}

#[test]
fn what_a_context_is() {
    let folder = Folder::new("places");
    assert!(matches!(place(&folder.0).unwrap(), Place::Folder(path) if path == folder.0));
    assert!(matches!(place(Path::new("-")).unwrap(), Place::Stdin));
    for text in [
        "https://github.com/a/b.git#main:sub",
        "git@github.com:a/b",
        "ssh://git@h/x",
        "git://h/x",
        "github.com/a/b",
    ] {
        assert!(matches!(place(Path::new(text)).unwrap(), Place::Git(_)), "{text}");
    }
    for text in ["https://h/context.tar.gz", "http://h/Dockerfile"] {
        assert!(matches!(place(Path::new(text)).unwrap(), Place::Http(_)), "{text}");
    }
    let text = place_fault(Path::new("https://h/x.git?brnch=x"));
    assert!(text.contains("unknown query key \"brnch\""), "{text}");
    assert!(place_fault(Path::new("http://h:x/")).contains("host or port"));
    assert!(place_fault(Path::new("file:///etc")).contains("does not exist"));
    assert!(place_fault(Path::new("ext::sh -c x")).contains("does not exist"));
}

#[test]
fn the_usual_names_in_order() {
    let folder = Folder::new("names");
    let text = fault(&folder.0, None);
    assert!(text.contains("there is no Dockerfile in ") && text.contains("-f"), "{text}");
    folder.write("dockerfile", "lower");
    assert_eq!(local(&folder.0, None).unwrap().dockerfile, b"lower");
    folder.write("Dockerfile", "upper");
    assert_eq!(local(&folder.0, None).unwrap().dockerfile, b"upper");
}

#[test]
fn what_is_missing_is_named_with_a_remedy() {
    let folder = Folder::new("missing");
    let file = folder.write("Dockerfile", "");
    folder.write("sub/Other", "");
    assert!(place_fault(Path::new("/nonexistent/x")).contains("/nonexistent/x does not exist"));
    assert!(place_fault(&file).contains("is not a directory"));
    assert!(place(Path::new("./https://h/x")).unwrap_err().text().contains("does not exist"));
    let text = fault(&folder.0, Some(Path::new("sub/Other")));
    assert!(text.contains("the Dockerfile sub/Other does not exist"), "{text}");
    assert!(text.contains(&format!("-f {}/sub/Other", folder.0.display())), "{text}");
    assert!(fault(&folder.0, Some(&folder.0)).contains("is a directory"));
}

#[test]
fn the_file_of_its_own_comes_before_the_common_one() {
    let folder = Folder::new("ignore");
    let dockerfile = folder.write("Dockerfile", "");
    let ignores = |path: &[u8]| local(&folder.0, None).unwrap().ignore.matches(path);
    assert!(!ignores(b"a"));
    folder.write(".dockerignore", "a\n");
    assert!(ignores(b"a"));
    let own = dockerfile.with_extension("dockerignore");
    fs::write(own, "b\n").unwrap();
    assert!(ignores(b"b") && !ignores(b"a"));
}

#[test]
fn an_ignore_file_cannot_lead_out_of_the_context() {
    let folder = Folder::new("out");
    folder.write("Dockerfile", "");
    folder.write("sub/ignored", "a\n");
    let link = folder.0.join(".dockerignore");
    for outside in ["/etc/passwd", "../../etc/passwd", "sub/../../x"] {
        std::os::unix::fs::symlink(outside, &link).unwrap();
        let text = fault(&folder.0, None);
        let place = format!("{} is a link that leads out of the context", link.display());
        assert!(text.contains(&place) && text.contains("put a copy"), "{text}");
        fs::remove_file(&link).unwrap();
    }
    std::os::unix::fs::symlink("sub/ignored", &link).unwrap();
    assert!(local(&folder.0, None).unwrap().ignore.matches(b"a"));
}

#[test]
fn a_link_with_dots_is_followed_while_others_rename() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = Folder::new("renamed");
    folder.write("real/file", "x");
    folder.write("links/one/keep", "");
    let link = folder.0.join("links/one/file");
    std::os::unix::fs::symlink("../../links/../real/file", link).unwrap();
    let other = folder.write("other/a", "");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let renamed = other.with_file_name("b");
            while !is_over.load(Ordering::Relaxed) {
                fs::rename(&other, &renamed).unwrap();
                fs::rename(&renamed, &other).unwrap();
            }
        });
        let failed = (0..20_000).find_map(|_| open_in(&folder.0, "links/one/file").err());
        is_over.store(true, Ordering::Relaxed);
        assert!(failed.is_none(), "{failed:?}");
    });
}
