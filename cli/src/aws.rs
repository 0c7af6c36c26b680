//! Where a bucket is and who asks, as AWS's own tools are told: the environment first, then the files of
//! `aws configure`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lapstrake_registry::{Policy, Proxy};
use lapstrake_transfer::{BucketConfig, BucketCredentials, Timeouts};

use crate::args::BucketFields;
use crate::bounded;
use crate::environment::{Variables, absolute_path};
use crate::failure::Failure;

/// What a cache is called that has no name. BuildKit's own would be `buildkit`, and is another format.
const NAME: &str = "lapstrake";

/// After how long BuildKit gives a blob that is still used a new time.
const TOUCH: Duration = Duration::from_secs(24 * 3600);

/// One profile: what its section says in both files.
type Profile = BTreeMap<String, String>;

/// The bucket that the fields and, where they say nothing, the environment name.
///
/// # Errors
/// When bucket or region are nowhere, a key is there by half, or a file cannot be read.
pub(crate) fn bucket(
    fields: &BucketFields,
    variables: Variables<'_>,
    (proxy, policy, timeouts): (Proxy, Arc<Policy>, Timeouts),
) -> Result<BucketConfig, Failure> {
    let variable = |name: &str| {
        let value = variables(name)?.to_string_lossy().trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    let profile = profile(variables)?;
    let of_profile = |name: &str| profile.get(name).cloned();
    let missing = |what: &str, help: &str| {
        Failure::new(format!("type=s3 lacks a {what}")).help(help.to_owned())
    };
    let bucket = fields.bucket.clone().or_else(|| variable("AWS_BUCKET"));
    let bucket = bucket.ok_or_else(|| missing("bucket", "write type=s3,bucket=NAME"))?;
    let endpoint = fields.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_S3"));
    let endpoint = endpoint.or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.or_else(|| of_profile("endpoint_url"));
    let region = fields.region.clone().or_else(|| variable("AWS_REGION"));
    let region = region.or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.or_else(|| of_profile("region"));
    // Servers that are not Amazon's mostly have one region, and call it so.
    let region = region.or_else(|| endpoint.as_ref().map(|_| "us-east-1".to_owned()));
    let help = "write region=REGION, or set AWS_REGION; with endpoint_url=URL it may be left out";
    let region = region.ok_or_else(|| missing("region", help))?;
    let names = fields.name.as_deref().unwrap_or(NAME).split(';').map(str::trim);
    let prefix = fields.prefix.as_deref().unwrap_or_default();
    let below =
        |own: &Option<String>, usual: &str| format!("{prefix}{}", own.as_deref().unwrap_or(usual));
    Ok(BucketConfig {
        endpoint: endpoint.unwrap_or_else(|| amazon(&region)),
        region,
        bucket,
        path_style: fields.path_style,
        credentials: credentials(fields, &variable, &profile)?,
        blobs: below(&fields.blobs_prefix, "blobs/"),
        manifests: below(&fields.manifests_prefix, "manifests/"),
        names: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        touch: fields.touch.unwrap_or(TOUCH),
        proxy,
        policy,
        timeouts,
    })
}

/// The region's own server (AWS General Reference, "Amazon S3 endpoints").
fn amazon(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://s3.{region}.{domain}")
}

/// From the first of fields, environment and profile that has a key. A token goes with its key only.
fn credentials(
    fields: &BucketFields,
    variable: &dyn Fn(&str) -> Option<String>,
    profile: &Profile,
) -> Result<Option<BucketCredentials>, Failure> {
    let typed = (fields.key_id.clone(), fields.key.clone(), fields.token.clone());
    let set = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(variable);
    let kept = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    let kept = kept.map(|name| profile.get(name).cloned());
    for (id, secret, token) in [typed, set.into(), kept.into()] {
        match (id, secret) {
            (Some(id), Some(secret)) => return Ok(Some(BucketCredentials { id, secret, token })),
            (None, None) => {}
            (id, _) => {
                let missing = if id.is_some() { "secret_access_key" } else { "access_key_id" };
                let help = "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
                return Err(Failure::new(format!("type=s3 lacks the {missing}")).help(help));
            }
        }
    }
    let elsewhere = ["role_arn", "sso_session", "sso_start_url", "credential_process"];
    match elsewhere.iter().find(|name| profile.contains_key(**name)) {
        Some(name) => Err(Failure::new(format!(
            "the AWS profile gets its credentials by {name}, which only AWS's own tools do"
        ))
        .help("eval \"$(aws configure export-credentials --format env)\" puts them into the environment")),
        None => Ok(None),
    }
}

/// What the files say of `AWS_PROFILE`, else of `default`. A file that is not there says nothing.
fn profile(variables: Variables<'_>) -> Result<Profile, Failure> {
    // As where a variable of a script is not set.
    let set = |name: &str| variables(name).filter(|value| !value.is_empty());
    let file = |variable: &str, usual: &str| -> Option<PathBuf> {
        let named = set(variable).map(PathBuf::from);
        named.or_else(|| Some(absolute_path("HOME", variables)?.join(".aws").join(usual)))
    };
    let named = set("AWS_PROFILE").map(|name| name.to_string_lossy().into_owned());
    let name = named.as_deref().unwrap_or("default");
    let mut profile = None;
    let files = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    for path in files.into_iter().filter_map(|(variable, usual)| file(variable, usual)) {
        if let Some(found) = section(&read(&path)?, name) {
            profile.get_or_insert_with(Profile::new).extend(found);
        }
    }
    match (profile, named) {
        (None, Some(name)) if set("AWS_ACCESS_KEY_ID").is_none() => {
            Err(Failure::new(format!("there is no AWS profile {name}"))
                .help("AWS_PROFILE names it; ~/.aws/config and ~/.aws/credentials have them"))
        }
        (profile, _) => Ok(profile.unwrap_or_default()),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    match bounded::text(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(|error| {
            Failure::new(format!("cannot read {}", path.display())).because(&error)
        }),
    }
}

/// The section of a profile: `[NAME]`, or `[profile NAME]` as the file `config` has it. `None` when there
/// is none. Lines that are indented belong to another setting and are left out.
fn section(text: &str, name: &str) -> Option<Profile> {
    let mut found = None;
    let mut is_inside = false;
    for line in text.lines() {
        let heading = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((heading, _)) = heading {
            let heading = heading.trim();
            let heading = heading.strip_prefix("profile ").map_or(heading, str::trim);
            is_inside = heading == name;
            if is_inside {
                found.get_or_insert_with(Profile::new);
            }
            continue;
        }
        let is_setting = !line.starts_with([' ', '\t', '#', ';']);
        if let (true, true, Some((key, value))) = (is_inside, is_setting, line.split_once('=')) {
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().to_owned());
            if !value.is_empty() {
                found.get_or_insert_with(Profile::new).insert(key, value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use std::fs;

    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile ci]\nregion=eu-north-1\n\
                          s3 =\n  endpoint_url = http://other\n[profile role]\nrole_arn = arn\n";
    const KEYS: &str = "# kept by aws configure\n[default]\naws_access_key_id = ID\n\
                        aws_secret_access_key = SECRET=/+\n[ci]\naws_access_key_id=CI\n\
                        aws_secret_access_key=S\naws_session_token=T\n";

    fn resolve(fields: &BucketFields, set: &[(&str, &str)]) -> Result<BucketConfig, Failure> {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        fs::write(home.path().join(".aws/credentials"), KEYS).unwrap();
        let variables = |name: &str| match name {
            "HOME" => Some(home.path().as_os_str().to_owned()),
            _ => {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            }
        };
        bucket(fields, &variables, (Proxy::default(), Arc::default(), Timeouts::default()))
    }

    fn named() -> BucketFields {
        BucketFields { bucket: Some("b".into()), ..BucketFields::default() }
    }

    fn known(config: &BucketConfig) -> [Option<&str>; 3] {
        let credentials = config.credentials.as_ref();
        let token = credentials.and_then(|known| known.token.as_deref());
        [
            credentials.map(|known| known.id.as_str()),
            credentials.map(|known| known.secret.as_str()),
            token,
        ]
    }

    #[test]
    fn the_nearest_word_counts() {
        let config = resolve(&named(), &[]).unwrap();
        assert_eq!(config.endpoint, "https://s3.eu-west-1.amazonaws.com");
        assert_eq!(known(&config), [Some("ID"), Some("SECRET=/+"), None]);
        assert_eq!((config.blobs.as_str(), config.manifests.as_str()), ("blobs/", "manifests/"));
        assert_eq!(config.names, ["lapstrake"]);

        let config = resolve(&named(), &[("AWS_PROFILE", "ci")]).unwrap();
        assert_eq!(config.endpoint, "https://s3.eu-north-1.amazonaws.com");
        assert_eq!(known(&config), [Some("CI"), Some("S"), Some("T")]);

        let set = [
            ("AWS_ACCESS_KEY_ID", "E"),
            ("AWS_SECRET_ACCESS_KEY", "F"),
            ("AWS_REGION", "cn-north-1"),
            ("AWS_SESSION_TOKEN", "G"),
        ];
        let config = resolve(&named(), &set).unwrap();
        assert_eq!(config.endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(known(&config), [Some("E"), Some("F"), Some("G")]);

        let fields = BucketFields {
            region: Some("r".into()),
            endpoint: Some("http://h".into()),
            key_id: Some("I".into()),
            key: Some("J".into()),
            prefix: Some("p/".into()),
            name: Some("a; c".into()),
            ..named()
        };
        let config = resolve(&fields, &set).unwrap();
        assert_eq!((config.endpoint.as_str(), config.region.as_str()), ("http://h", "r"));
        // The environment's token belongs to the environment's key.
        assert_eq!(known(&config), [Some("I"), Some("J"), None]);
        assert_eq!(
            (config.blobs.as_str(), config.manifests.as_str()),
            ("p/blobs/", "p/manifests/")
        );
        assert_eq!(config.names, ["a", "c"]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let says = |fields: &BucketFields, set: &[(&str, &str)], words: &str| {
            let text = resolve(fields, set).map(drop).unwrap_err().text();
            assert!(text.contains(words), "{text}");
        };
        says(&BucketFields::default(), &[], "lacks a bucket");
        says(&named(), &[("AWS_CONFIG_FILE", "/nowhere")], "lacks a region");
        says(&named(), &[("AWS_ACCESS_KEY_ID", "x")], "secret_access_key");
        says(&named(), &[("AWS_PROFILE", "nobody")], "no AWS profile nobody");
        says(&named(), &[("AWS_PROFILE", "role"), ("AWS_REGION", "r")], "role_arn");
        says(&named(), &[("AWS_PROFILE", "nobody"), ("AWS_ACCESS_KEY_ID", "")], "nobody");
        let empty = [("AWS_PROFILE", ""), ("AWS_CONFIG_FILE", "")];
        assert_eq!(known(&resolve(&named(), &empty).unwrap())[0], Some("ID"));
        let open = [("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")];
        assert_eq!(known(&resolve(&named(), &open).unwrap()), [None, None, None]);
    }
}
