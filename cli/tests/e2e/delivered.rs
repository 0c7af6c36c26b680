//! `--push` of what a shared cache has: nothing comes here that the registry has already.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::{Answer, Context, Store, registry_address, tool};

/// More than all documents together, and far less than a layer of the project.
const DOCUMENTS: u64 = 1 << 20;

/// A way to the tests' registry that counts the bytes that come from it.
struct Relay {
    address: String,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = bytes.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(registry_address()).expect("the registry");
                let ends =
                    (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
                thread::spawn(move || pass(client, server, &AtomicU64::new(0)));
                let counter = counter.clone();
                thread::spawn(move || pass(ends.1, ends.0, &counter));
            }
        });
        Self { address, bytes }
    }

    /// Bytes since the last call.
    fn take(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, counter: &AtomicU64) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other way may be closed already.
    let _ = to.shutdown(Shutdown::Write);
}

/// A layer of 3 MiB that nothing makes smaller, a step that says whether it was executed, and what
/// changes the config alone.
fn project() -> Context {
    let context = Context::new(
        "FROM busybox\nWORKDIR /app\nCOPY big .\nRUN cat /proc/sys/kernel/random/uuid > /id\n\
         LABEL kind=test\nCMD [\"cat\", \"/id\"]\n",
    );
    let mut random = vec![0; 3 << 20];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .expect("bytes");
    fs::write(context.path().join("big"), random).expect("a file");
    context
}

/// The folders of layers that the store has: those of bases, and those that were built.
fn layers(store: &Store) -> (usize, usize) {
    let Ok(folders) = fs::read_dir(store.root().join("layers")) else { return (0, 0) };
    let names = folders.flatten().map(|folder| folder.file_name().to_string_lossy().into_owned());
    let built = names.map(|name| name.starts_with("blake3-"));
    let built: Vec<bool> = built.collect();
    let count = |kind: bool| built.iter().filter(|is_built| **is_built == kind).count();
    (count(false), count(true))
}

fn manifest(name: &str) -> Value {
    let name = format!("docker://{name}");
    let raw = tool("skopeo", &["inspect", "--raw", "--tls-verify=false", &name]);
    serde_json::from_str(&raw).expect("a manifest")
}

/// Names in a repository that no other test has.
struct Names(String);

impl Names {
    fn of(test: &str) -> Self {
        Self(format!("delivered/{test}-{}", std::process::id()))
    }

    fn at(&self, registry: &str, tag: &str) -> String {
        format!("{registry}/{}:{tag}", self.0)
    }
}

/// Builds on a new store and pushes.
fn pushed(context: &Context, name: &str, flags: &[&str]) -> (Store, Answer) {
    let store = Store::new();
    let answer = store.build_with(name, context.path(), &[&["--push"], flags].concat());
    (store, answer)
}

#[test]
fn what_the_registry_has_never_comes_here() {
    let (context, names, relay) = (project(), Names::of("kept"), Relay::new());
    let to = format!("type=registry,ref={},mode=max", names.at(&registry_address(), "cache"));
    let (first, _) = pushed(&context, &names.at(&registry_address(), "1"), &["--cache-to", &to]);

    let from = names.at(&relay.address, "cache");
    let name = names.at(&relay.address, "2");
    let (second, answer) = pushed(&context, &name, &["--cache-from", &from]);
    assert_eq!(answer.stderr.matches("CACHED").count(), 3, "{}", answer.stderr);
    assert_eq!(layers(&second), (0, 0));
    let came = relay.take();
    assert!(came < DOCUMENTS, "{came} bytes came from the registry");
    assert_eq!(answer.stderr.matches("there already").count(), 4, "{}", answer.stderr);
    // It is the same image, to the last bit, and it runs wherever it is wanted, here too.
    let at = |tag: &str| manifest(&names.at(&registry_address(), tag));
    assert_eq!(at("2"), at("1"));
    let id = first.prints(&names.at(&registry_address(), "1"), &[]);
    assert_eq!(Store::new().prints(&name, &[]), id);
    assert_eq!(second.prints(&name, &[]), id);
    assert!(relay.take() > 3 << 20);
    // Another build that starts from it on the store where it is not.
    let (third, _) = pushed(&context, &name, &["--cache-from", &from]);
    let follower =
        Context::new(&format!("FROM {name}\nRUN cp /id /copy\nCMD [\"cat\", \"/copy\"]\n"));
    third.build("follower", follower.path());
    assert_eq!(third.prints("follower", &[]), id);
}

#[test]
fn what_a_step_needs_comes_here() {
    let (context, names) = (project(), Names::of("changed"));
    let (cache, name) =
        (names.at(&registry_address(), "cache"), names.at(&registry_address(), "1"));
    let to = format!("type=registry,ref={cache},mode=max");
    pushed(&context, &name, &["--cache-to", &to]);
    context.write(
        "Dockerfile",
        "FROM busybox\nWORKDIR /app\nCOPY big .\nRUN wc -c < big > /id\nCMD [\"cat\", \"/id\"]\n",
    );
    let (second, answer) = pushed(&context, &name, &["--cache-from", &cache]);
    assert_eq!(answer.stderr.matches("CACHED").count(), 2, "{}", answer.stderr);
    assert_eq!(layers(&second), (1, 3));
    assert_eq!(Store::new().prints(&name, &[]), "3145728");
}

#[test]
fn other_places_get_what_they_lack() {
    let (context, names) = (project(), Names::of("elsewhere"));
    let (cache, name) =
        (names.at(&registry_address(), "cache"), names.at(&registry_address(), "1"));
    let to = format!("type=registry,ref={cache},mode=max");
    pushed(&context, &name, &["--cache-to", &to]);
    let wanted = manifest(&name);
    // Another repository of the registry takes what was built from there.
    let other = Names::of("neighbour").at(&registry_address(), "1");
    let (second, answer) = pushed(&context, &other, &["--cache-from", &cache]);
    assert_eq!(layers(&second).1, 0, "{}", answer.stderr);
    assert_eq!(manifest(&other), wanted);
    // A registry of another name has nothing and can take nothing from there.
    let port = registry_address().rsplit(':').next().map(str::to_owned).expect("a port");
    let foreign = Names::of("foreign").at(&format!("localhost:{port}"), "1");
    let (third, answer) = pushed(&context, &foreign, &["--cache-from", &cache]);
    assert_eq!(layers(&third), (1, 3), "{}", answer.stderr);
    assert_eq!(manifest(&foreign), wanted);
    // One name of two has it.
    let flags = [
        "--cache-from",
        cache.as_str(),
        "-t",
        &Names::of("second").at(&format!("localhost:{port}"), "1"),
    ];
    let (fourth, _) = pushed(&context, &name, &flags);
    assert_eq!(layers(&fourth), (1, 3));
}

/// What is to be here as well, or to leave in another form, comes here.
#[test]
fn what_is_wanted_here_comes_here() {
    let (context, names) = (project(), Names::of("wanted"));
    let (cache, name) =
        (names.at(&registry_address(), "cache"), names.at(&registry_address(), "1"));
    let to = format!("type=registry,ref={cache},mode=max");
    pushed(&context, &name, &["--cache-to", &to]);
    let zstd = format!("type=registry,name={name}-zstd,compression=zstd");
    let cases: [(&[&str], usize); 4] = [
        (&["--load"], 1),
        (&["--sbom", "true"], 1),
        (&["--build-arg", "SOURCE_DATE_EPOCH=9"], 0),
        // The base leaves as it came, and that is there.
        (&["-o", &zstd], 0),
    ];
    for (flags, bases) in cases {
        let flags = [&["--cache-from", cache.as_str()], flags].concat();
        let (store, answer) = pushed(&context, &format!("{name}-more"), &flags);
        // Those with other times are layers as well.
        let (base, built) = layers(&store);
        assert!(base == bases && built >= 3, "{flags:?}: {base} {built} {}", answer.stderr);
    }
    let kinds: BTreeMap<String, usize> = BTreeMap::new();
    let layers = manifest(&format!("{name}-zstd"));
    let kinds =
        layers["layers"].as_array().expect("layers").iter().fold(kinds, |mut kinds, layer| {
            *kinds.entry(layer["mediaType"].to_string()).or_default() += 1;
            kinds
        });
    let zstd = "\"application/vnd.oci.image.layer.v1.tar+zstd\"";
    assert_eq!(kinds.get(zstd), Some(&3), "{kinds:?}");
}

/// An image that is a cache of itself is pushed again without its layers, and is one again.
#[test]
fn an_image_that_tells_of_itself_goes_on_telling() {
    let (context, names, relay) = (project(), Names::of("inline"), Relay::new());
    let name = names.at(&registry_address(), "1");
    pushed(&context, &name, &["--cache-to", "type=inline"]);
    let wanted = manifest(&name);
    let (from, again) = (names.at(&relay.address, "1"), names.at(&relay.address, "2"));
    let flags = ["--cache-to", "type=inline", "--cache-from", &from];
    let (second, answer) = pushed(&context, &again, &flags);
    assert_eq!(layers(&second), (0, 0), "{}", answer.stderr);
    assert!(relay.take() < DOCUMENTS);
    assert_eq!(manifest(&names.at(&registry_address(), "2")), wanted);
    // With another cache, whose layers have manifests of their own.
    let cache = format!("type=registry,ref={}", names.at(&relay.address, "cache"));
    pushed(&context, &name, &["--cache-from", &name, "--cache-to", &cache]);
    let flags = ["--cache-to", "type=inline", "--cache-from", &cache];
    let (third, answer) = pushed(&context, &again, &flags);
    assert_eq!(layers(&third), (0, 0), "{}", answer.stderr);
    assert_eq!(manifest(&names.at(&registry_address(), "2")), wanted);
}
