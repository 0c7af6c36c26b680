//! Documents and blobs: what is checked, what is tried again, who is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use lapstrake_oci::{Descriptor, Digest, Index, MediaType, Platform, Reference};
use lapstrake_registry::{BlobReader, Client, Error, Timeouts};
use support::server::{Reply, Server, chain};
use support::{Image, MANIFEST_TYPE, client, reference, settings};

fn read(mut blob: BlobReader) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    blob.read_to_end(&mut bytes).map_err(|error| blob.error(error)).map(|_| bytes)
}

fn read_layer(client: &Client, server: &Server) -> Result<Vec<u8>, Error> {
    read(client.blob(&reference(server), &Image::new().layer())?)
}

#[test]
fn a_whole_image() {
    let image = Image::new();
    let server = Server::of(image.replies());
    let client = client();
    let reference = reference(&server);
    let resolved = client.resolve(&reference).unwrap();
    assert_eq!((resolved.digest, &resolved.bytes), (Digest::of(&image.manifest), &image.manifest));
    assert_eq!(resolved.media_type, MediaType::OciManifest);
    assert_eq!(resolved.endpoint, format!("http://{}", server.address()));
    let selected = client.select(&reference, resolved, &Platform::host()).unwrap();
    let (bytes, config) = client.config(&reference, &selected.manifest).unwrap();
    assert_eq!((bytes, config.rootfs.diff_ids.len()), (image.config, 1));
    let layer = client.blob(&reference, &selected.manifest.layers[0]).unwrap();
    assert_eq!(read(layer).unwrap(), image.layer);
    let accept = server.asked()[0].header("accept").unwrap().to_owned();
    for kind in ["oci.image.index", "oci.image.manifest", "manifest.list.v2", "manifest.v2"] {
        assert!(accept.contains(kind), "{accept}");
    }
}

#[test]
fn many_threads_share_a_client() {
    let image = Image::new();
    let server = Server::of(image.replies());
    let client = client();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(read_layer(&client, &server).unwrap(), image.layer));
        }
    });
}

/// Of one registry six blobs are on their way at once, whoever asks for them.
#[test]
fn a_registry_is_not_asked_for_all_at_once() {
    let image = Image::new();
    let (server, other) = (Server::of(image.replies()), Server::of(image.replies()));
    let client = client();
    let open = || client.blob(&reference(&server), &image.layer()).unwrap();
    let mut open_blobs: Vec<BlobReader> = (0..6).map(|_| open()).collect();
    thread::scope(|scope| {
        let seventh = scope.spawn(|| read(open()));
        // Another registry has nothing to do with it.
        assert_eq!(read_layer(&client, &other).unwrap(), image.layer);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(server.asked().len(), 6);
        assert_eq!(read(open_blobs.remove(0)).unwrap(), image.layer);
        assert_eq!(seventh.join().unwrap().unwrap(), image.layer);
    });
    assert_eq!(server.asked().len(), 7);
}

/// The referrers API (distribution-spec 1.1, "Listing Referrers"), over several pages.
#[test]
fn what_is_about_an_image_comes_in_pages() {
    let subject = Digest::of(b"subject");
    let about: Vec<Descriptor> =
        ["a", "b"].map(|name| Descriptor::of(MediaType::OciManifest, name.as_bytes())).into();
    let page = |entry: &Descriptor| Index::new(MediaType::OciIndex, vec![entry.clone()]).to_bytes();
    let (first, second) = (page(&about[0]).unwrap(), page(&about[1]).unwrap());
    let path = format!("/v2/app/referrers/{subject}");
    let next = format!("<{path}?last=1>; rel=\"next\"");
    let server = Server::of(vec![
        (path.clone(), Reply::ok(first).with("Link", &next)),
        (format!("{path}?last=1"), Reply::ok(second)),
    ]);
    assert_eq!(client().referrers(&reference(&server), &subject).unwrap(), about);
    assert_eq!(server.asked()[0].header("accept"), Some("application/vnd.oci.image.index.v1+json"));

    for (reply, said) in [
        (Reply::ok("{}"), "schema version"),
        (Reply::ok("no JSON"), "what is about"),
        (Reply::ok(vec![b' '; 5 << 20]), "larger"),
        (Reply::new(500, ""), "500"),
    ] {
        let server = Server::of(vec![(path.clone(), reply)]);
        let error = client().referrers(&reference(&server), &subject).unwrap_err();
        assert!(chain(&error).contains(said), "{}", chain(&error));
    }
}

#[test]
fn an_index_leads_to_the_platform() {
    let image = Image::new();
    let entry = |platform: &str, bytes: &[u8]| Descriptor {
        platform: Some(Platform::parse(platform).unwrap()),
        ..Descriptor::of(MediaType::OciManifest, bytes)
    };
    let entries = vec![entry("linux/s390x", b"other"), entry("linux/amd64", &image.manifest)];
    let index = Index::new(MediaType::OciIndex, entries).to_bytes().unwrap();
    let mut replies = image.replies();
    replies[0].1 =
        Reply::ok(&index).with("Content-Type", "application/vnd.oci.image.index.v1+json");
    let server = Server::of(replies);
    let (client, reference) = (client(), reference(&server));
    let resolved = client.resolve(&reference).unwrap();
    let select =
        |text: &str| client.select(&reference, resolved.clone(), &Platform::parse(text).unwrap());
    assert_eq!(select("linux/amd64").unwrap().resolved.digest, Digest::of(&image.manifest));
    let error = select("linux/arm64").unwrap_err().to_string();
    assert!(
        error.ends_with("has no image for linux/arm64, only for linux/s390x, linux/amd64"),
        "{error}"
    );
    // Right bytes, but the entry is of another size than it says.
    let mut wrong = Descriptor::of(MediaType::OciManifest, &image.manifest);
    wrong.size += 1;
    assert!(chain(&client.manifest(&reference, &wrong).unwrap_err()).contains("wrong size"));
    let mut wrong = Descriptor::of(MediaType::OciIndex, &image.manifest);
    wrong.media_type = MediaType::DockerManifestList;
    assert!(chain(&client.manifest(&reference, &wrong).unwrap_err()).contains("ambiguous"));
}

/// S58: indexes in indexes are followed, but not for ever.
#[test]
fn an_index_of_indexes() {
    let image = Image::new();
    let mut replies = image.replies();
    let mut below = Descriptor::of(MediaType::OciManifest, &image.manifest);
    let mut tops = Vec::new();
    for _ in 0..5 {
        let index = Index::new(MediaType::OciIndex, vec![below]).to_bytes().unwrap();
        below = Descriptor::of(MediaType::OciIndex, &index);
        tops.push(below.digest);
        let path = format!("/v2/app/manifests/{}", below.digest);
        let kind = MediaType::OciIndex.to_string();
        replies.push((path, Reply::ok(index).with("Content-Type", &kind)));
    }
    let server = Server::of(replies);
    let select = |top: Digest| {
        let reference = reference(&server).with_digest(top);
        let resolved = client().resolve(&reference)?;
        client().select(&reference, resolved, &Platform::host())
    };
    assert_eq!(select(tops[3]).unwrap().resolved.bytes, image.manifest);
    assert!(matches!(select(tops[4]), Err(Error::IndexDepth { .. })));
}

/// S56, S57, S58.
#[test]
fn documents_that_are_not_what_was_asked_for() {
    let image = Image::new();
    let pinned = format!("@{}", Digest::of(b"another manifest"));
    let stated = Digest::of(b"x").to_string();
    let ambiguous = format!(
        "{},\"manifests\":[]}}",
        String::from_utf8_lossy(&image.manifest).trim_end_matches('}')
    );
    let ambiguous = ambiguous.replacen("]}}", "]}", 1);
    let typed = |body: &[u8]| Reply::ok(body).with("Content-Type", MANIFEST_TYPE);
    let cases = [
        (pinned.as_str(), typed(&image.manifest), "is not what it should be"),
        (
            "",
            typed(&image.manifest).with("Docker-Content-Digest", &stated),
            "is not what it should be",
        ),
        (
            "",
            Reply::ok(&image.manifest)
                .with("Content-Type", "application/vnd.oci.image.index.v1+json"),
            "ambiguous",
        ),
        ("", Reply::ok(&image.manifest).with("Content-Type", "text/html"), "ambiguous"),
        ("", typed(ambiguous.as_bytes()), "cannot use"),
        ("", typed(b"<html>"), "cannot use"),
        ("", typed(&vec![b' '; 5 << 20]), "larger than 4194304 bytes"),
        ("", typed(&vec![b' '; 5 << 20]).chunked(), "larger than 4194304 bytes"),
    ];
    for (suffix, reply, expected) in cases {
        let server = Server::start(move |_, _| Some(reply.clone()));
        let reference = Reference::parse(&format!("{}/app{suffix}", server.address())).unwrap();
        let error = client().resolve(&reference).unwrap_err();
        assert!(chain(&error).contains(expected), "{expected}: {}", chain(&error));
        assert_eq!(server.asked().len(), 1, "{expected}");
    }
}

/// S56: wrong bytes, too few, too many; with and without a length.
#[test]
fn blobs_that_are_not_what_was_asked_for() {
    let image = Image::new();
    let mut flipped = image.layer.clone();
    flipped[1000] ^= 1;
    let short = &image.layer[..image.layer.len() - 1];
    let mut long = image.layer.clone();
    long.push(0);
    let cases = [
        (Reply::ok(&flipped), "is not what it should be"),
        (Reply::ok(&flipped).chunked(), "is not what it should be"),
        (Reply::ok(short), "got 1199999"),
        (Reply::ok(short).chunked(), "got 1199999"),
        (Reply::ok(&long), "got 1200001"),
        (Reply::ok(&long).chunked(), "got 1200001"),
        (Reply::ok(""), "got 0"),
    ];
    for (reply, expected) in cases {
        let server = Server::start(move |_, _| Some(reply.clone()));
        let error = read_layer(&client(), &server).unwrap_err();
        assert!(chain(&error).contains(expected), "{expected}: {}", chain(&error));
        assert_eq!(server.asked().len(), 1, "{expected}");
    }
}

/// Whoever reads just as many bytes as there should be never gets the last of a wrong blob.
#[test]
fn the_last_bytes_are_held_back_until_all_is_right() {
    let mut flipped = Image::new().layer;
    flipped[0] ^= 1;
    let server = Server::start(move |_, _| Some(Reply::ok(&flipped)));
    let mut blob = client().blob(&reference(&server), &Image::new().layer()).unwrap();
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    assert!(blob.read_exact(&mut bytes).is_err());
    assert!(blob.read(&mut bytes).is_err(), "and so does every further read");
}

#[test]
fn an_empty_blob() {
    let empty = Descriptor::of(MediaType::OciEmpty, b"");
    let server = Server::start(|_, _| Some(Reply::ok("")));
    assert!(read(client().blob(&reference(&server), &empty).unwrap()).unwrap().is_empty());
    let wrong = Descriptor::new(MediaType::OciEmpty, Digest::of(b"x"), 0);
    assert!(client().blob(&reference(&server), &wrong).is_err());
}

#[test]
fn a_cut_connection_is_taken_up_again() {
    let image = Image::new();
    let layer = image.layer.clone();
    let server = Server::start(move |asked, before| {
        let start: usize = match asked.header("range") {
            Some(range) => range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?,
            None => 0,
        };
        let rest = &layer[start..];
        let range = format!("bytes {start}-{}/{}", layer.len() - 1, layer.len());
        let reply =
            Reply::new(if start > 0 { 206 } else { 200 }, rest).with("Content-Range", &range);
        Some(if before < 2 { reply.cut_after(400_000) } else { reply })
    });
    assert_eq!(read_layer(&client(), &server).unwrap(), image.layer);
    let ranges: Vec<Option<String>> =
        server.asked().iter().map(|asked| asked.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=400000-".to_owned()), Some("bytes=800000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_is_skipped_through() {
    let image = Image::new();
    let layer = image.layer.clone();
    let server = Server::start(move |_, before| {
        let reply = Reply::ok(&layer);
        Some(if before == 0 { reply.cut_after(400_000) } else { reply })
    });
    assert_eq!(read_layer(&client(), &server).unwrap(), image.layer);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn another_range_than_asked_for_is_refused() {
    let layer = Image::new().layer;
    let server = Server::start(move |_, before| {
        Some(match before {
            0 => Reply::ok(&layer).cut_after(400_000),
            _ => Reply::new(206, &layer[1..]).with("Content-Range", "bytes 1-1199999/1200000"),
        })
    });
    let error = read_layer(&client(), &server).unwrap_err();
    assert!(chain(&error).contains("another range"), "{}", chain(&error));
}

#[test]
fn a_connection_that_is_always_cut_is_given_up() {
    let layer = Image::new().layer;
    let server = Server::start(move |_, _| Some(Reply::ok(&layer).cut_after(10)));
    let error = read_layer(&client(), &server).unwrap_err();
    assert!(chain(&error).contains("was cut"), "{}", chain(&error));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn waits_as_long_as_the_registry_asks_to() {
    let image = Image::new();
    let server = Server::start(move |asked, before| {
        Some(match before {
            0 => Reply::new(429, "").with("Retry-After", "1"),
            1 => Reply::new(503, ""),
            _ => image.reply(&asked.path),
        })
    });
    let start = Instant::now();
    client().resolve(&reference(&server)).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn gives_up_when_it_is_asked_to_wait_too_long_or_too_often() {
    let hour = Server::start(|_, _| {
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull limit"}]}"#;
        Some(Reply::new(429, body).with("Retry-After", "3600"))
    });
    let text = chain(&client().resolve(&reference(&hour)).unwrap_err());
    assert!(text.contains("429: pull limit, wait or log in"), "{text}");
    assert_eq!(hour.asked().len(), 1);
    let broken = Server::start(|_, _| Some(Reply::new(500, "")));
    assert!(chain(&client().resolve(&reference(&broken)).unwrap_err()).contains("answered 500"));
    assert_eq!(broken.asked().len(), 3);
}

#[test]
fn a_connection_that_ends_without_an_answer_is_tried_again() {
    let image = Image::new();
    let server = Server::start(move |asked, before| (before > 0).then(|| image.reply(&asked.path)));
    client().resolve(&reference(&server)).unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn silence_names_the_host() {
    let short = Duration::from_millis(100);
    let client = |timeouts: Timeouts| {
        let mut settings = settings();
        settings.timeouts = timeouts;
        settings.retry.attempts = 1;
        Client::new(settings).unwrap()
    };
    let long = Duration::from_secs(20);
    let server = Server::start(move |_, _| {
        thread::sleep(long);
        None
    });
    let impatient = client(Timeouts { response: short, ..Timeouts::default() });
    let text = chain(&impatient.resolve(&reference(&server)).unwrap_err());
    assert!(
        text.contains(&format!("gave up on http://{}: no answer within 0.1 s", server.address())),
        "{text}"
    );
    let layer = Image::new().layer;
    let server = Server::start(move |_, _| Some(Reply::ok(&layer).cut_after(1000).stalling(long)));
    let impatient = client(Timeouts { idle: short, ..Timeouts::default() });
    let text = chain(&read_layer(&impatient, &server).unwrap_err());
    assert!(
        text.contains(&format!("gave up on http://{}: no data within 0.1 s", server.address())),
        "{text}"
    );
}

/// What answers is tried again as ever: only silence is final.
#[test]
fn a_silent_host_is_asked_once_if_that_is_wanted() {
    let client = |response: Duration| {
        let mut settings = settings();
        settings.timeouts.response = response;
        settings.retry.after_silence = false;
        Client::new(settings).unwrap()
    };
    let silent = Server::start(move |_, _| {
        thread::sleep(Duration::from_secs(20));
        None
    });
    let impatient = client(Duration::from_millis(100));
    let text = chain(&impatient.resolve(&reference(&silent)).unwrap_err());
    assert!(text.contains("no answer within 0.1 s"), "{text}");
    assert_eq!(silent.asked().len(), 1);
    let broken = Server::start(|_, _| Some(Reply::new(503, "")));
    client(Duration::from_secs(30)).resolve(&reference(&broken)).unwrap_err();
    assert_eq!(broken.asked().len(), 3);
}

#[test]
fn tags_over_several_pages() {
    let server = Server::start(|asked, _| {
        Some(match asked.path.as_str() {
            "/v2/app/tags/list?n=1000" => Reply::ok(r#"{"name":"app","tags":["1","2"]}"#)
                .with("Link", "</v2/app/tags/list?n=1000&last=2>; rel=\"next\""),
            "/v2/app/tags/list?n=1000&last=2" => Reply::ok(r#"{"tags":["3"]}"#)
                .with("Link", "<http://example.com/v2/app/tags/list>; rel=\"next\""),
            "/v2/none/tags/list?n=1000" => Reply::ok(r#"{"name":"none","tags":null}"#),
            _ => Reply::not_found(),
        })
    });
    let tags = |name: &str| {
        client().tags(&Reference::parse(&format!("{}/{name}", server.address())).unwrap())
    };
    assert_eq!(tags("app").unwrap(), ["1", "2", "3"]);
    assert!(tags("none").unwrap().is_empty());
    assert!(matches!(tags("unknown"), Err(Error::NotFound { .. })));
}
