use super::*;

fn folder(path: &str, tag: &str) -> CachePlace {
    CachePlace::Folder { path: path.into(), tag: tag.to_owned(), digest: None }
}

fn registry(name: &str) -> CachePlace {
    CachePlace::Registry { name: name.to_owned() }
}

#[test]
fn places() {
    let from = |text: &str| text.parse::<CacheFrom>().map(|from| from.0);
    assert_eq!(from("type=local,src=a/b"), Ok(folder("a/b", "latest")));
    assert_eq!(from("src=a,tag=x,type=local"), Ok(folder("a", "x")));
    assert_eq!(from("type=registry,ref=h:5000/n:t"), Ok(registry("h:5000/n:t")));
    assert_eq!(from("h:5000/n:t"), Ok(registry("h:5000/n:t")));
    for text in [
        "",
        "type=local",
        "type=local,dest=a",
        "type=local,src=",
        "type=local,src=a,ref=b",
        "type=registry,src=a",
        "type=registry",
        "src=a",
        "type=local,src=a,mode=max",
        "a,b",
        "type=inline",
        "type=local,src=a,bucket=b",
        "type=s3,bucket=b,src=a",
        "type=s3,bucket=b,tag=t",
        "type=s3,bucket=b,touch_refresh=soon",
        "type=s3,bucket=b,use_path_style=perhaps",
        "type=s3,bucket=b,mode=max",
    ] {
        assert!(from(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_written_where() {
    let to = |text: &str| text.parse::<CacheTo>();
    let usual = CacheTo {
        place: folder("a", "latest"),
        all: false,
        form: CacheForm::default(),
        parallelism: None,
        reset: false,
        ignore_error: false,
    };
    assert_eq!(to("type=local,dest=a,mode=min"), Ok(usual.clone()));
    let compression = Some(LayerCompression::Zstd);
    let form = CacheForm { compression, level: Some(9), force: true };
    let other = CacheTo { all: true, form, reset: true, ignore_error: true, ..usual };
    assert_eq!(
        to(
            "type=local,dest=a,mode=max,compression=zstd,compression-level=9,force-compression=true,\
            reset=true,ignore-error=true,image-manifest=true,oci-mediatypes=1"
        ),
        Ok(other)
    );
    let parallelism = |text: &str| to(text).map(|to| to.parallelism);
    assert_eq!(parallelism("type=s3,bucket=b,upload_parallelism=8"), Ok(Some(8)));
    let inline = to("type=inline").map(|to| to.place);
    assert_eq!(inline, Ok(CachePlace::Inline));
    for text in [
        "type=inline,mode=max",
        "type=inline,ref=a",
        "type=inline,compression=gzip",
        "type=local,dest=a,mode=all",
        "type=local,dest=a,compression=xz",
        "type=none",
        "type=inline,force-compression=true",
        "type=local,dest=a,reset=perhaps",
        "type=s3,bucket=b,upload_parallelism=0",
        "type=s3,bucket=b,upload_parallelism=65",
        "type=s3,bucket=b,upload_parallelism=-1",
    ] {
        assert!(to(text).is_err(), "{text}");
    }
}

/// distribution-spec, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[test]
fn what_is_written_has_a_tag() {
    let to = |tag: &str| format!("type=local,dest=a,tag={tag}").parse::<CacheTo>();
    let longest = "a".repeat(128);
    for tag in ["t", "_", "1.2-rc_3", "Main", &longest] {
        assert_eq!(to(tag).map(|to| to.place), Ok(folder("a", tag)));
    }
    let long = "a".repeat(3000);
    for tag in ["x y", "../../x", ".a", "-a", "a/b", "a:b", "ä", "a\tb", &long] {
        let error = to(tag).unwrap_err();
        assert!(error.contains("1 to 128 letters") && error.len() < 200, "{error}");
    }
    // What skopeo and others write.
    let from = "type=local,src=a,tag=docker.io/library/app:1".parse::<CacheFrom>();
    assert_eq!(from, Ok(CacheFrom(folder("a", "docker.io/library/app:1"))));
}

#[test]
fn errors_say_what_to_write() {
    let to = |text: &str| text.parse::<CacheTo>().unwrap_err();
    for text in ["type=", "type=,dest=a", "type= "] {
        let error = to(text);
        assert!(error.starts_with("type is empty: a cache is of type=local"), "{error}");
    }
    for level in ["-1", "x", "99999999999"] {
        let error = to(&format!("type=local,dest=a,compression-level={level}"));
        assert!(error.contains("0 to 9 for gzip, 1 to 22 for zstd"), "{error}");
    }
}

#[test]
fn buckets() {
    let text = "type=s3,bucket=b,region=r,endpoint_url=http://h:9,name=a;c,prefix=p/,\
                blobs_prefix=x/,manifests_prefix=y/,access_key_id=id,secret_access_key=s,\
                session_token=t,use_path_style=true,touch_refresh=1h30m";
    let some = |text: &str| Some(text.to_owned());
    let fields = BucketFields {
        bucket: some("b"),
        region: some("r"),
        endpoint: some("http://h:9"),
        name: some("a;c"),
        prefix: some("p/"),
        blobs_prefix: some("x/"),
        manifests_prefix: some("y/"),
        key_id: some("id"),
        key: some("s"),
        token: some("t"),
        path_style: true,
        touch: Some(std::time::Duration::from_secs(5400)),
    };
    let place = CachePlace::Bucket(Box::new(fields));
    assert_eq!(text.parse(), Ok(CacheFrom(place.clone())));
    let to = format!("{text},mode=max,compression=gzip,ignore-error=true").parse::<CacheTo>();
    let to = to.unwrap();
    assert_eq!((to.place, to.all, to.ignore_error), (place, true, true));
    let error = "type=s3,secret_acces_key=abc".parse::<CacheTo>().unwrap_err();
    assert!(!error.contains("abc"), "{error}");
}

#[test]
fn what_comes_later_is_refused_with_what_there_is() {
    for kind in ["gha", "azblob"] {
        for text in [format!("type={kind}"), format!("bucket=x,type={kind}")] {
            let refused = text.parse::<CacheTo>().unwrap_err();
            assert!(refused.contains(kind) && refused.contains("type=local"), "{refused}");
            assert_eq!(text.parse::<CacheFrom>().unwrap_err(), refused);
        }
    }
}

/// BuildKit's README, "Export cache": what it takes and makes no sense here.
#[test]
fn what_is_not_taken_says_what_to_do_instead() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let to = |text: &str| text.parse::<CacheTo>().map(drop).unwrap_err();
    for (text, words) in [
        ("type=registry,ref=h/n,image-manifest=false", "leave image-manifest out"),
        ("type=local,dest=a,oci-mediatypes=false", "leave oci-mediatypes out"),
        (
            "type=registry,ref=h/n,registry.insecure=true",
            "insecure = true under [registry.\"HOST\"]",
        ),
        ("type=registry,ref=h/n,reset=true", "goes with type=local"),
        ("type=s3,bucket=b,reset=true", "goes with type=local"),
        ("type=registry,ref=h/n,upload_parallelism=2", "goes with type=s3"),
        ("type=registry,ref=h/n,tag=t", "the tag, or the digest, is a part of ref"),
        (&format!("type=registry,ref=h/n@{digest}"), "write ref=HOST/NAME:TAG"),
        ("type=local,src=a", "dest=DIRECTORY"),
        (&format!("type=local,dest=a,digest={digest}"), "write tag=TAG"),
        ("type=local,dest=a,what=ever", "type=local takes dest, tag, reset, mode"),
        ("type=gha", "type=local with a folder"),
    ] {
        let error = to(text);
        assert!(error.contains(words), "{text}: {error}");
    }
    let from = |text: &str| text.parse::<CacheFrom>().map(drop).unwrap_err();
    for text in
        ["mode=max", "ignore-error=true", "compression=zstd", "reset=true", "oci-mediatypes=1"]
    {
        let error = from(&format!("type=local,src=a,{text}"));
        assert!(error.contains("leave it out of --cache-from"), "{error}");
    }
    assert!(from("type=local,dest=a").contains("src=DIRECTORY"));
}

#[test]
fn a_cache_in_a_folder_may_be_named_by_its_digest() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let from = |text: &str| text.parse::<CacheFrom>().map(|from| from.0);
    let CachePlace::Folder { digest: found, .. } =
        from(&format!("type=local,src=a,digest={digest}")).unwrap()
    else {
        panic!("no folder")
    };
    assert_eq!(found.map(|found| found.to_string()), Some(digest.clone()));
    assert_eq!(from("type=local,src=a,digest="), Ok(folder("a", "latest")));
    for text in ["type=local,src=a,digest=sha256:aa", "type=local,src=a,digest=latest"] {
        assert!(from(text).unwrap_err().contains("is no digest"), "{text}");
    }
    assert!(from(&format!("type=registry,ref=h/n,digest={digest}")).is_err());
}
